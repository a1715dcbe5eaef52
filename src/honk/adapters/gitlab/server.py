"""One GitLab server by way of python-gitlab: its calls run in threads, with limits, and fail in sentences.

The token goes as `Authorization: Bearer`, which GitLab takes for access tokens of every kind
(https://docs.gitlab.com/api/rest/authentication/), and not as `PRIVATE-TOKEN`: requests drops the former, and not the
latter, where an answer leads to another host, as those of artifacts do to object storage.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

import anyio
import gitlab
import requests
from anyio import to_thread

from honk.adapters.gitlab.trouble import Absent, rate_limited, translated
from honk.domain.repository import Repository
from honk.domain.text import Secret
from honk.errors import ForgeRefused, RepositoryUnusable, Unreachable

T = TypeVar("T")
Query = Mapping[str, str | int | bool]

#: calls under way at the same time
_AT_ONCE = 8
#: seconds without a byte from GitLab
_TIMEOUT = 30.0
#: seconds for all of a download
_LONG = 600.0
#: seconds for which GitLab's wish for fewer requests is waited out
_PATIENCE = 60
_RETRIES = 3
_PIECE = 64 * 1024
#: seconds for which a project's id counts as known
_REMEMBERED = 600.0
_SHORT_SSH = re.compile(r"^(?:[^/\s:@]+@)?([^/\s:@]+):(?!/)(\S+)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """What counts of a project (https://docs.gitlab.com/api/projects/)."""

    id: int
    #: with its groups, as it is now
    path: str
    #: nothing is merged there before its pipeline has succeeded
    demands_pipeline: bool
    #: "merge", "rebase_merge" or "ff"
    merges_by: str
    #: "never", "always", "default_on" or "default_off"
    squashes: str


class Server:
    """GitLab's REST API, version 4, at `url`. Every call raises Unreachable, or GitlabRefused (Absent is one)."""

    def __init__(self, url: str, token: Secret, *, timeout: float = _TIMEOUT, ca_bundle: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.host = urlsplit(self.url).netloc
        self._timeout = timeout
        self._verify: str | bool = str(ca_bundle) if ca_bundle else True
        self._idle: deque[gitlab.Gitlab] = deque()
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)
        self._ids: dict[str, tuple[int, float]] = {}
        self._me = 0

    def close(self) -> None:
        """Ends the connections that wait for another call."""
        while self._idle:
            self._idle.pop().session.close()

    # ── which project ──────────────────────────────────────────────────────────────────────────
    def path_of(self, repository: Repository) -> str | None:
        """The project's path with all its groups, such as "acme/tools/app"; None where it lies elsewhere."""
        own = urlsplit(self.url)
        if match := _SHORT_SSH.match(repository.url):
            host, path = match.groups()
            return _project(path) if host.lower() == own.hostname else None
        parts = urlsplit(repository.url)
        if (parts.hostname or "") != own.hostname:
            return None
        if parts.scheme == "ssh":
            return _project(parts.path)
        if (parts.scheme, parts.netloc.rpartition("@")[2].lower()) != (own.scheme, own.netloc.lower()):
            return None
        below = f"{own.path.rstrip('/')}/"
        return _project(parts.path.removeprefix(below)) if parts.path.startswith(below) else None

    async def project(self, repository: Repository) -> Project:
        """Read anew. A renamed or moved project is found. Raises RepositoryUnusable."""
        path = self.path_of(repository)
        if path is None:
            raise RepositoryUnusable(f"{repository.url} is no project of {self.url}", "correct url below [gitlab]")
        try:
            # A renamed project answers with a redirect to its id: https://docs.gitlab.com/api/rest/#redirects
            found = await self.get(f"/projects/{quote(path, safe='')}", act=f"look up {path}")
        except Absent as error:
            remedy = "give the user of GITLAB_TOKEN the role Developer there, or correct the address"
            raise RepositoryUnusable(f"{self.host} shows Honk no project {path}", remedy) from error
        self._ids[repository.key] = (int(found["id"]), time.monotonic())
        return Project(
            id=int(found["id"]),
            path=str(found.get("path_with_namespace") or path),
            demands_pipeline=bool(found.get("only_allow_merge_if_pipeline_succeeds")),
            merges_by=str(found.get("merge_method") or "merge"),
            squashes=str(found.get("squash_option") or "default_off"),
        )

    async def base(self, repository: Repository) -> str:
        """Where the project's own things are, such as "/projects/42". Raises RepositoryUnusable."""
        id, at = self._ids.get(repository.key, (0, 0.0))
        if not id or time.monotonic() - at > _REMEMBERED:
            id = (await self.project(repository)).id
        return f"/projects/{id}"

    async def me(self) -> int:
        """The id of the user whose token it is."""
        if not self._me:
            self._me = int((await self.get("/user", act="say whose token it is"))["id"])
        return self._me

    # ── calls ──────────────────────────────────────────────────────────────────────────────────
    async def get(self, path: str, query: Query | None = None, *, act: str) -> dict[str, Any]:
        """One object."""
        return _object(await self._call("get", path, query, None, act), self.host)

    async def pages(
        self, path: str, query: Query | None = None, *, act: str, limit: int = 1000
    ) -> list[dict[str, Any]]:
        """The first so many of a list, however many pages that takes."""
        found: list[dict[str, Any]] = []
        page = "1"
        while page and len(found) < limit:
            asked = {**(query or {}), "per_page": 100, "page": int(page)}
            answer = await self._call("get", path, asked, None, act)
            listed = _json(answer, self.host)
            found += [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
            page = answer.headers.get("X-Next-Page", "").strip()
            page = page if page.isdigit() and listed else ""
        return found[:limit]

    async def send(self, verb: str, path: str, body: Mapping[str, object] | None = None, *, act: str) -> dict[str, Any]:
        """A change: "post" or "put"."""
        return _object(await self._call(verb, path, None, dict(body or {}), act), self.host)

    async def tail(self, path: str, limit: int, *, act: str) -> bytes:
        """The last so many bytes of a text."""
        kept = bytearray()

        def take(piece: bytes) -> None:
            kept.extend(piece)
            del kept[: max(0, len(kept) - limit)]

        await self._streamed(path, take, act)
        return bytes(kept)

    async def download(self, path: str, into: Path, *, limit: int, act: str) -> None:
        """Into a file, which is there only when all of it came. Raises ForgeRefused where it is larger than `limit`."""
        partly = into.with_name(f"{into.name}.part")

        def work(client: gitlab.Gitlab) -> None:
            size = 0
            with partly.open("wb") as file:
                for piece in self._pieces(client, path):
                    size += len(piece)
                    if size > limit:
                        raise ForgeRefused(f"what {self.host} keeps there is larger than {limit} bytes ({act})")
                    file.write(piece)
            partly.rename(into)

        try:
            await self._in_thread(work, act)
        finally:
            partly.unlink(missing_ok=True)

    async def _streamed(self, path: str, take: Callable[[bytes], None], act: str) -> None:
        def work(client: gitlab.Gitlab) -> None:
            for piece in self._pieces(client, path):
                take(piece)

        await self._in_thread(work, act)

    def _pieces(self, client: gitlab.Gitlab, path: str) -> Any:
        answer = client.http_request("get", path, streamed=True, max_retries=_RETRIES)
        until = time.monotonic() + _LONG
        with answer:
            for piece in answer.iter_content(_PIECE):
                if time.monotonic() > until:
                    raise requests.Timeout
                yield piece

    async def _call(
        self, verb: str, path: str, query: Query | None, body: dict[str, object] | None, act: str
    ) -> requests.Response:
        def work(client: gitlab.Gitlab) -> requests.Response:
            return client.http_request(
                verb,
                path,
                query_data=dict(query or {}),
                post_data=body,
                # what changes something may have been done although no answer came
                retry_transient_errors=verb == "get",
                max_retries=_RETRIES,
            )

        return await self._in_thread(work, act)

    async def _in_thread(self, work: Callable[[gitlab.Gitlab], T], act: str) -> T:
        """A client is one thread's alone: sessions of requests are not made to be shared."""

        def run() -> T:
            client = self._idle.popleft() if self._idle else self._client()
            try:
                return work(client)
            finally:
                self._idle.append(client)

        try:
            return await to_thread.run_sync(run, abandon_on_cancel=True, limiter=self._limiter)
        except (requests.RequestException, gitlab.exceptions.GitlabError) as error:
            raise translated(error, self.host, act) from error

    def _client(self) -> gitlab.Gitlab:
        session = requests.Session()
        session.hooks["response"].append(partial(_bounded, self.host))
        return gitlab.Gitlab(
            self.url,
            oauth_token=self.token.reveal(),
            timeout=self._timeout,
            ssl_verify=self._verify,
            session=session,
            user_agent="honk",
        )


def _bounded(host: str, answer: requests.Response, **_: Any) -> None:
    """python-gitlab waits as long as it is told to; that must not be for ever."""
    if answer.status_code == 429:
        seconds = answer.headers.get("Retry-After", "1").strip()
        if not seconds.isdigit() or int(seconds) > _PATIENCE:
            answer.close()
            raise rate_limited(host, seconds)
        # The library would take the date at which the limit ends in place of it, and wait for that.
        answer.headers["Retry-After"] = seconds


def _project(path: str) -> str | None:
    plain = unquote(path).strip("/").removesuffix(".git")
    return plain if "/" in plain else None


def _json(answer: requests.Response, host: str) -> Any:
    try:
        return answer.json() if answer.content else {}
    except ValueError as error:
        raise Unreachable(f"{host} answered with something that is not GitLab's API") from error


def _object(answer: requests.Response, host: str) -> dict[str, Any]:
    found = _json(answer, host)
    if not isinstance(found, dict):
        raise Unreachable(f"{host} answered with something that is not GitLab's API")
    return found
