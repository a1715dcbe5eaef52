"""GitHub's REST and GraphQL APIs, as every other part of this package asks them."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import structlog

from honk.adapters.github.auth import AppAuth, AppTokens, Auth, Held, PersonalTokens, Tokens, lane_of
from honk.adapters.github.calling import Calls, Moved, mutates
from honk.adapters.github.memory import Remembered
from honk.adapters.github.pacing import Pacing
from honk.adapters.github.permissions import ANYWHERE, MUTATING, READING, Purpose, purpose
from honk.adapters.github.trouble import GithubRefused, graphql_refused, refused
from honk.adapters.github.wire import Answer, Request, Wire
from honk.domain.text import Secret
from honk.errors import Defect, RepositoryUnusable

__all__ = ["Answer", "Api"]

_log = structlog.get_logger()

_JSON = "application/vnd.github+json"
_REPOSITORY = re.compile(r"^/repos/([^/]+/[^/?]+)")
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,]*rel="?next"?')
_PAGE = 100
#: https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
_USUAL_PAGE = 30
#: How often a "not found" makes Honk look whether it still has access.
_LOOK_AGAIN = timedelta(seconds=60)


class Api:
    """One GitHub: github.com, or an Enterprise Server ("https://host/api/v3", "https://host").

    `of` is "owner/name": the repository to which the token is narrowed; where it is left out it is read from the
    path. Raises Absent and GithubRefused for what GitHub refuses, Unreachable, RateLimited, and RepositoryUnusable
    where Honk's GitHub App has no access to the repository (any more). It must be closed.
    """

    def __init__(
        self,
        *,
        api_url: str,
        web_url: str,
        auth: Auth,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.web_url = web_url.rstrip("/")
        #: "owner/name" in lower case as it was asked for → as it is now
        self.renamed: dict[str, str] = {}
        self._clock = clock
        self._wire = Wire(self.api_url)
        self._calls = Calls(self._wire, Pacing(clock, sleep), clock)
        self.tokens: Tokens = (
            AppTokens(auth, self._calls, self.web_url) if isinstance(auth, AppAuth) else PersonalTokens(auth)
        )
        self._remembered = Remembered()
        self._looked: dict[str, datetime] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._wire.aclose()

    async def get(
        self,
        path: str,
        *,
        of: str = "",
        params: Mapping[str, str | int] | None = None,
        accept: str = _JSON,
        as_user: Secret | None = None,
    ) -> Answer:
        """What did not change since the last time comes from memory, after GitHub said so."""
        request = Request(method="GET", path=path, params=params or {}, accept=accept)
        key = (of, path, tuple(sorted(request.params.items())), accept)
        known = self._remembered.known(key) if as_user is None else None
        if known is not None:
            request = replace(request, etag=known.headers["etag"])
        answer = await self._asked(request, of, purpose("GET", path), as_user)
        if answer.status == HTTPStatus.NOT_MODIFIED and known is not None:
            return known
        if as_user is None and not _full(request, answer):
            self._remembered.keep(key, answer)
        return answer

    async def pages(
        self,
        path: str,
        *,
        of: str = "",
        params: Mapping[str, str | int] | None = None,
        limit: int = 1000,
        key: str = "",
    ) -> list[dict[str, Any]]:
        """The items of all pages, at most `limit`; `key` names the list where the answer is an object."""
        of = of or _named(path)
        found: list[dict[str, Any]] = []
        asked: Mapping[str, str | int] | None = {"per_page": min(limit, _PAGE), **(params or {})}
        while path and len(found) < limit:
            answer = await self.get(path, of=of, params=asked)
            items = answer.json.get(key) if key and isinstance(answer.json, dict) else answer.json
            found.extend(one for one in items or () if isinstance(one, dict))
            path, asked = self._next(answer), None
        return found[:limit]

    async def send(
        self, method: str, path: str, body: object = None, *, of: str = "", as_user: Secret | None = None
    ) -> Answer:
        """POST, PUT, PATCH or DELETE: one at a time, at GitHub's pace; a POST is never sent twice."""
        if method not in {"POST", "PUT", "PATCH", "DELETE"}:
            raise Defect(f"no way to write: {method}")
        request = Request(method=method, path=path, body=body)
        return await self._asked(request, of, purpose(method, path), as_user)

    async def graphql(
        self, query: str, variables: Mapping[str, Any], *, of: str = "", as_user: Secret | None = None
    ) -> dict[str, Any]:
        """The `data` of the answer. An answer with errors is refused, also where it has data."""
        base = self.api_url.removesuffix("/v3") if self.api_url.endswith("/api/v3") else self.api_url
        request = Request(method="POST", path=f"{base}/graphql", body={"query": query, "variables": dict(variables)})
        answer = await self._asked(request, of, MUTATING if mutates(request) else READING, as_user)
        body = answer.json if isinstance(answer.json, dict) else {}
        if body.get("errors") or not isinstance(body.get("data"), dict):
            raise graphql_refused(body, whose=of)
        data: dict[str, Any] = body["data"]
        return data

    async def download(self, path: str, into: Path, *, of: str = "", limit: int) -> None:
        """Writes what is there to that file. The store to which GitHub leads is shown no token.

        Raises GithubRefused where it has more bytes than `limit`; then there is no file.
        """
        request = Request(method="GET", path=path)
        await self._granted(request, of or _named(path), READING, None, partial(self._saved, request, into, limit))

    async def _saved(self, request: Request, into: Path, limit: int, held: Held) -> Answer:
        return await self._calls.saved(request, into, token=held.token, lane=held.lane, limit=limit)

    async def version(self) -> str | None:
        """The release of an Enterprise Server, such as "3.16.2"; None for github.com."""
        request = Request(method="GET", path="/meta")
        try:
            held = await self._held("", ANYWHERE, None)
        except RepositoryUnusable:  # an App that is installed nowhere yet
            answer = await self._calls.call(request, token=None, lane="anybody")
        else:
            answer = await self._calls.call(request, token=held.token, lane=held.lane)
        found = answer.json.get("installed_version") if isinstance(answer.json, dict) else None
        return str(found) if found else None

    async def _asked(self, request: Request, of: str, wanted: Purpose, as_user: Secret | None) -> Answer:
        async def call(held: Held) -> Answer:
            return await self._calls.call(request, token=held.token, lane=held.lane, moved=self._moved(held))

        return await self._granted(request, of or _named(request.path), wanted, as_user, call)

    async def _granted(
        self,
        request: Request,
        of: str,
        wanted: Purpose,
        as_user: Secret | None,
        call: Callable[[Held], Awaitable[Answer]],
    ) -> Answer:
        """Calls with a token, and once more with another one where that may help. Raises what GitHub refuses."""
        held = await self._held_for(request, of, wanted, as_user)
        answer = await call(held)
        if as_user is None and held.until is not None and await self._renewed(answer, of):
            answer = await call(await self._held(of, wanted, None))
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise refused(
                request.act,
                answer.status,
                answer.json,
                answer.headers,
                whose=_beside(request, of),
                web_url=self.web_url,
            )
        return answer

    async def _held_for(self, request: Request, of: str, wanted: Purpose, as_user: Secret | None) -> Held:
        if as_user is None and not of and re.match(r"/app(/|s/|$|\?)", request.path):
            app = await self.tokens.as_app()
            if app is not None:
                return app
        return await self._held(of, wanted, as_user)

    async def _held(self, of: str, wanted: Purpose, as_user: Secret | None) -> Held:
        if as_user is not None:
            return Held(token=as_user, lane=lane_of(as_user))
        return await self.tokens.held(of, wanted if of else ANYWHERE)

    async def _renewed(self, answer: Answer, of: str) -> bool:
        """Whether the request is worth another try with another token. What was refused was not carried out.

        Where Honk was let out, GitHub says no more than that nothing is there: "absent" is said only of what is.
        """
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return await self.tokens.renewed(of, rejected=True)
        if not of or answer.status not in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return False
        looked, now = self._looked.get(of.casefold()), self._clock()
        if looked is not None and now - looked < _LOOK_AGAIN:
            return False
        self._looked[of.casefold()] = now
        return await self.tokens.renewed(of, rejected=False)

    def _moved(self, held: Held) -> Moved:
        async def moved(asked: str, to: str) -> None:
            before, after = _named(asked), _named(to)
            if not after and (found := re.match(r"/repositories/\d+", to)):
                answer = await self._calls.call(Request(method="GET", path=found[0]), token=held.token, lane=held.lane)
                after = str(answer.json.get("full_name") or "") if isinstance(answer.json, dict) else ""
            if before and after and self.renamed.get(before.casefold()) != after:
                self.renamed[before.casefold()] = after
                _log.info("a repository was renamed or moved", name="github.renamed", before=before, after=after)

        return moved

    def _next(self, answer: Answer) -> str:
        """The path of the next page; "" for none. Half a list is no answer, so one that leads elsewhere is refused."""
        found = _NEXT.search(answer.headers.get("link", ""))
        if not found:
            return ""
        if not found[1].startswith(self.api_url + "/") or not self._wire.own(found[1]):
            raise GithubRefused(
                answer.status,
                "",
                (),
                f"GitHub's next page is not at {self.api_url}",
                "give the address of its API in honk.toml as the server itself has it",
            )
        return found[1].removeprefix(self.api_url)


def _named(path: str) -> str:
    found = _REPOSITORY.match(path)
    return found[1] if found else ""


def _full(request: Request, answer: Answer) -> bool:
    """Whether a list ends with this page, which has no room left: one more item may change its links alone, which no
    ETag of its body shows.
    """
    found = re.search(r"[?&]per_page=(\d+)", request.path)
    room = int(found[1]) if found else int(request.params.get("per_page", _USUAL_PAGE))
    ends = _NEXT.search(answer.headers.get("link", "")) is None
    return ends and isinstance(answer.json, list) and len(answer.json) >= room


def _beside(request: Request, of: str) -> str:
    """The repository's name, where the path does not say it."""
    return "" if not of or f"/{of}".casefold() in request.path.casefold() else of
