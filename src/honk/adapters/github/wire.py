"""One request to GitHub and its answer, through githubkit: without its retries, cache, redirects and models.

githubkit's models follow GitHub.com's newest schema, so an older Enterprise Server's answer would not pass them.
"""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
from githubkit import GitHub
from githubkit.auth import UnauthAuthStrategy
from githubkit.exception import RequestError, RequestFailed
from githubkit.response import Response

from honk.domain.text import Secret
from honk.errors import Defect, SettingsWrong

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
#: https://docs.github.com/en/rest/about-the-rest-api/api-versions
_VERSION = "2022-11-28"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What GitHub answered. `json` is None where there is no body, or none that is JSON."""

    status: int
    json: Any
    #: names in lower case
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    method: str
    #: below the API's address, or a whole URL there
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: object = None
    accept: str = "application/vnd.github+json"
    etag: str = ""

    @property
    def act(self) -> str:
        return f"{self.method} {urlsplit(self.path).path}"


class Lost(Exception):
    """No answer came. `sent` says whether the request may have arrived all the same."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class _Connected(GitHub[UnauthAuthStrategy]):
    """Keeps one client, and with it the connections, for whichever task calls."""

    _kept: httpx.AsyncClient | None = None

    def _check_rate_limit(self, response: Response[Any]) -> None:
        """Left to `pacing`: githubkit's own stumbles over a `Retry-After` that is a date."""

    @asynccontextmanager
    async def get_async_client(self) -> AsyncGenerator[httpx.AsyncClient, None]:
        if self._kept is None:
            self._kept = await self._create_async_client()
        yield self._kept

    async def aclose(self) -> None:
        if self._kept is not None:
            kept, self._kept = self._kept, None
            await kept.aclose()


class Wire:
    """`api_url` is such as "https://api.github.com" or "https://host/api/v3"."""

    def __init__(self, api_url: str) -> None:
        self.api_url = api_url.rstrip("/")
        self.versioned = True
        self._github = _Connected(
            UnauthAuthStrategy(),
            base_url=self.api_url,
            user_agent="Honk",
            follow_redirects=False,
            timeout=_TIMEOUT,
            http_cache=False,
            auto_retry=False,
        )

    async def exchange(self, request: Request, *, token: Secret | None) -> Answer:
        """Raises Lost."""
        async with self._sent(request, token=token, stream=False) as response:
            return answer_of(response)

    @asynccontextmanager
    async def streamed(self, request: Request, *, token: Secret | None) -> AsyncIterator[Response[Any]]:
        """For bodies that go to a file. A URL elsewhere is allowed here, and then without a token alone."""
        async with self._sent(request, token=token, stream=True) as response:
            try:
                yield response
            finally:
                await response.raw_response.aclose()

    async def aclose(self) -> None:
        await self._github.aclose()

    def own(self, url: str) -> bool:
        """Whether the URL is below the API's address, or its GraphQL endpoint."""
        return origin(url) == origin(self.api_url) and origin(url) is not None

    @asynccontextmanager
    async def _sent(self, request: Request, *, token: Secret | None, stream: bool) -> AsyncIterator[Response[Any]]:
        url = self._url(request.path)
        if token is not None:
            _presentable(token)
            if not self.own(url):
                raise Defect(f"a token would have gone to {urlsplit(url).hostname}")
        try:
            response = await self._github.arequest(
                request.method,
                url,
                params=dict(request.params) or None,
                content=None if request.body is None else json.dumps(request.body).encode(),
                headers=self._request_headers(request, token, own=self.own(url)),
                stream=stream,
            )
        except RequestFailed as failed:
            response = failed.response
        except RequestError as exc:
            cause = exc.__cause__
            if not isinstance(cause, httpx.HTTPError | httpx.InvalidURL):
                raise
            raise Lost(_reason(cause), sent=not isinstance(cause, _UNSENT)) from None
        try:
            yield response
        except RequestError as exc:
            raise Lost(_reason(exc.__cause__), sent=True) from None

    def _url(self, path: str) -> str:
        if path.startswith("/"):
            return self.api_url + path
        return path

    def _request_headers(self, request: Request, token: Secret | None, *, own: bool) -> dict[str, str]:
        headers = {"Accept": request.accept}
        if not own:
            return headers
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if self.versioned:
            headers["X-GitHub-Api-Version"] = _VERSION
        if request.etag:
            headers["If-None-Match"] = request.etag
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        return headers


def _presentable(token: Secret) -> None:
    """What no header can hold would be shown by the error that says so."""
    if not re.fullmatch(r"[\x21-\x7e]+", token.reveal()):
        raise SettingsWrong(
            "the GitHub token is empty, or has a character in it that no token has", "copy it again, as one line"
        )


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what is no such URL, or has a user in it."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError:
        return None
    if not parts.hostname or parts.username is not None or "\\" in url:
        return None
    return parts.scheme, parts.hostname, port


def answer_of(response: Response[Any]) -> Answer:
    """An answer whose body has come; githubkit reads that of every refusal, also where it is streamed."""
    content = response.content
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(status=response.status_code, json=_parsed(content), headers=headers, content=content)


def joined(base: str, location: str) -> str:
    """The absolute URL of a `Location`."""
    return urljoin(base, location)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


def _reason(cause: BaseException | None) -> str:
    return f"{type(cause).__name__}: {cause}"[:300] if cause is not None else "no answer"
