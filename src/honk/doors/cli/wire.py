"""Requests to a Honk server: tried again where that is harmless, and every failure in words."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx

from honk import __version__
from honk.domain.codec import event_of, load
from honk.domain.event import Event
from honk.errors import Defect, HonkError, NotAllowed, Unreachable, Usage

T = TypeVar("T")
_PREFIX = "/api/v1"
#: seconds between tries
_PAUSES = (0.2, 1.0, 3.0)
#: seconds without a sign of life, of which a heartbeat comes every 15, after which a follower comes back anew
_SILENCE = 45.0
#: seconds for which a follower looks for a server that went away
_PATIENCE = 120.0


class Wire:
    """One server, as one person."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self.url = url

    async def get(self, kind: type[T], path: str, **query: Any) -> T:
        """What the server says to a question."""
        response = await self._asked("GET", path, again=True, params=query)
        return self._read(kind, response)

    async def events(self, path: str, **query: Any) -> tuple[Event, ...]:
        """A page of events."""
        response = await self._asked("GET", path, again=True, params=query)
        try:
            return tuple(event_of(json.dumps(one)) for one in response.json())
        except (Defect, ValueError) as error:
            raise self._other_version(response.headers.get("Honk-Version", "")) from error

    async def content(self, path: str) -> bytes:
        """The same, where the answer is no JSON."""
        return (await self._asked("GET", path, again=True)).content

    async def post(
        self, kind: type[T], path: str, body: str | bytes = "", *, key: str = "", again: bool = False, **query: Any
    ) -> T:
        """What the server says to an act. With a `key`, or where it is harmless (`again`), it may be sent again."""
        return await self.send("POST", kind, path, body, key=key, again=again, **query)

    async def send(
        self,
        method: str,
        kind: type[T],
        path: str,
        body: str | bytes = "",
        *,
        key: str = "",
        again: bool = False,
        **query: Any,
    ) -> T:
        """The same with another method."""
        headers = {"Idempotency-Key": key} if key else {}
        if isinstance(body, str) and body:
            headers["Content-Type"] = "application/json"
        again = again or bool(key)
        more = {"content": body or None, "headers": headers, "params": query}
        return self._read(kind, await self._asked(method, path, again=again, **more))

    async def request(
        self,
        kind: type[T],
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        content: AsyncIterator[bytes] | None = None,
        again: bool = False,
    ) -> T:
        """A request with headers of its own; for the kind `type(None)` its answer has no body."""
        response = await self._asked(method, path, again=again, headers=headers, content=content)
        return self._read(kind, response) if response.content else load(kind, "null")

    async def download(self, path: str, into: Path, *, headers: Mapping[str, str]) -> None:
        """What the server says, as a file; broken off, it begins again."""
        pauses = iter(_PAUSES)
        while True:
            try:
                async with self._client.stream("GET", _PREFIX + path, headers=headers) as response:
                    if response.status_code != 200:
                        await response.aread()
                    self._checked(response)
                    async with await anyio.open_file(into, "wb") as file:
                        async for piece in response.aiter_bytes():
                            await file.write(piece)
                return
            except (httpx.TransportError, Unreachable) as exc:
                if (pause := next(pauses, None)) is None:
                    raise (exc if isinstance(exc, Unreachable) else self._unreachable(exc)) from exc
                await anyio.sleep(pause)

    async def follow(self, path: str, after: int) -> AsyncGenerator[Event, None]:
        """Events as they happen. Comes back by itself where the connection breaks, and misses none."""
        lost: float | None = None
        while True:
            try:
                headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
                timeout = httpx.Timeout(10, read=_SILENCE)
                async with self._client.stream("GET", _PREFIX + path, headers=headers, timeout=timeout) as response:
                    if response.status_code != 200:
                        await response.aread()
                        self._checked(response)
                    async for line in response.aiter_lines():
                        lost = None
                        if line.startswith("data: "):
                            event = self._event(line[len("data: ") :])
                            after = event.seq
                            yield event
            except (httpx.TransportError, Unreachable) as exc:
                now = anyio.current_time()
                lost = lost or now
                if now - lost > _PATIENCE:
                    raise self._unreachable(exc) from exc
            await anyio.sleep(1)

    def _event(self, text: str) -> Event:
        try:
            return event_of(text)
        except Defect as error:
            raise self._other_version("") from error

    async def _asked(self, method: str, path: str, *, again: bool, **more: Any) -> httpx.Response:
        pauses = iter(_PAUSES)
        while True:
            try:
                return self._checked(await self._client.request(method, _PREFIX + path, **more))
            except (httpx.TransportError, Unreachable) as exc:
                # a request that never arrived may always be sent again
                pause = next(pauses, None) if again or isinstance(exc, httpx.ConnectError) else None
                if pause is None:
                    raise (exc if isinstance(exc, Unreachable) else self._unreachable(exc)) from exc
                await anyio.sleep(pause)

    def _unreachable(self, exc: Exception) -> Unreachable:
        said = str(exc) or type(exc).__name__
        return Unreachable(f"{self.url} does not answer: {said}", "is `honk serve` running there, and HONK_URL right?")

    def _checked(self, response: httpx.Response) -> httpx.Response:
        """Raises what the server says went wrong."""
        there = response.headers.get("Honk-Version")
        if response.status_code < 300 and there is not None:
            return response
        problem = _problem(response)
        if response.status_code == 401:
            raise NotAllowed(
                f"{self.url} does not accept the access token",
                "make one there with `honk token create`, and set HONK_TOKEN to it",
            )
        if there is None and (response.status_code >= 500 or response.status_code == 429):
            raise Unreachable(
                f"{self.url} answers {response.status_code}, which is not Honk", "is `honk serve` running?"
            )
        if there is None:
            raise Usage(
                f"what answers at {self.url} is not Honk: {response.status_code} at {_PREFIX}", "check HONK_URL"
            )
        if problem.get("type") in {None, "about:blank"} and response.status_code in {404, 405}:
            raise self._other_version(there)
        raise _error_of(problem, response.status_code)

    def _other_version(self, there: str) -> Usage:
        said = f"Honk {there}" if there and there != __version__ else "another release"
        return Usage(f"{self.url} runs {said}, this command is of Honk {__version__}", "install the same release here")

    def _read(self, kind: type[T], response: httpx.Response) -> T:
        try:
            return load(kind, response.text)
        except Defect as error:
            raise self._other_version(response.headers.get("Honk-Version", "")) from error


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _kinds(root: type[HonkError] = HonkError) -> dict[str, type[HonkError]]:
    found = {re.sub(r"(?<!^)(?=[A-Z])", "-", root.__name__).lower(): root}
    for kind in root.__subclasses__():
        found |= _kinds(kind)
    return found


def _error_of(problem: dict[str, Any], status: int) -> HonkError:
    """The error as the server raised it; the nearest known one where its class is newer."""
    name = str(problem.get("type", "")).removeprefix("urn:honk:error:")
    nearest = {400: Usage, 404: Usage, 409: Usage, 403: NotAllowed, 503: Unreachable}
    kind = _kinds().get(name) or nearest.get(status, HonkError)
    error = kind.__new__(kind)
    error.message = str(problem.get("detail") or f"the server answers {status}")
    error.remedy = str(problem.get("remedy") or "")
    error.args = (error.message, error.remedy)
    if "limit" in problem:
        vars(error)["kind"] = str(problem["limit"])
    return error
