"""An app's own server, at its preview's place: requests in, answers out, both streamed and bounded."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpcore
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from honk.domain.build import Build
from honk.doors.web.app_headers import Headers, answered, asked, framing
from honk.doors.web.app_waiting import begun, is_visit, waiting
from honk.doors.web.preview_places import RESERVED, PreviewPlace
from honk.service.app_servers import Servers, Standing, Stands

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: bytes of a request's body, and of an answer's
REQUEST_LIMIT, ANSWER_LIMIT = 100 << 20, 512 << 20
#: seconds for all of one answer, and for each read and write of it
_ALL = 3600.0
_TIMEOUT = {"connect": 5.0, "read": 300.0, "write": 60.0, "pool": 5.0}
_BODILESS = frozenset({204, 205, 304})

FindBuild = Callable[[str], Awaitable[Build | None]]


class _TooLarge(Exception):
    """A request with more than may come."""


@dataclass(frozen=True, kw_only=True)
class Apps:
    """What previews need to show apps' own servers."""

    servers: Servers
    find_build: FindBuild
    #: whether people reach Honk by https
    secure: bool = False

    async def answer(self, request: Request, place: PreviewPlace, build: Build) -> Response:
        """The app's answer; while its server does not run, the page that says why."""
        if "service-worker" in request.headers and not place.own:
            return PlainTextResponse("There are no service workers here.\n", status_code=403, headers=place.headers())
        if request.path_params.get("path", "").startswith(RESERVED):
            if request.method != "POST" or not request.path_params["path"].startswith(f"{RESERVED}start"):
                return PlainTextResponse("There is nothing here.\n", status_code=404, headers=place.headers())
            await self.servers.visit(build)
            return begun(request, place)
        if not place.own and request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            return Response(status_code=204, headers={**place.headers(), **_PREFLIGHT})
        visit = is_visit(request)
        standing = await self.servers.visit(build) if visit else self.servers.standing(build.id)
        if standing.stands is not Stands.READY or standing.socket is None:
            return waiting(request, place, standing)
        return Relayed(self, request, place, build, standing.socket)


_PREFLIGHT = {
    "Access-Control-Allow-Methods": ", ".join(METHODS),
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "600",
}


class Relayed(Response):
    """The answer of an app's server, while it comes."""

    def __init__(self, apps: Apps, request: Request, place: PreviewPlace, build: Build, socket: Path) -> None:
        super().__init__()
        self._apps = apps
        self._request = request
        self._place = place
        self._build = build
        self._socket = socket
        self._began = False
        self._read = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ends with the answer, with the server, or as soon as the browser goes away."""
        async with self._apps.servers.connection(self._build.id) as used:
            if used is None:
                await self._sorry(503, "There are too many connections to this app.", send)
                return
            async with anyio.create_task_group() as group:
                group.start_soon(self._until_gone, receive, group.cancel_scope)
                with anyio.move_on_after(_ALL):
                    await self._relay(receive, send, used)
                group.cancel_scope.cancel()

    async def _until_gone(self, receive: Receive, scope: anyio.CancelScope) -> None:
        await self._read.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async def _relay(self, receive: Receive, send: Send, used: Callable[[], None]) -> None:
        try:
            async with httpcore.AsyncConnectionPool(uds=str(self._socket), max_keepalive_connections=0) as pool:
                wanted = self._wanted(receive, used)
                answer = await pool.handle_async_request(wanted)
                try:
                    await self._pass(answer, send, used)
                finally:
                    await answer.aclose()
        except _TooLarge:
            await self._sorry(413, f"An app here takes {REQUEST_LIMIT >> 20} MiB at most.", send)
        except httpcore.TimeoutException:
            await self._sorry(504, "The app did not answer in time.", send)
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            await self._sorry(502, "The app's server closed the connection, or its answer cannot be read.", send)

    def _wanted(self, receive: Receive, used: Callable[[], None]) -> httpcore.Request:
        scope, place = self._request.scope, self._place
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        target = raw.removeprefix(place.way.encode()) or b"/"
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        inner = inner_of(self._build)
        headers = asked(scope["headers"], place, inner, secure=self._apps.secure)
        has_body, length = framing(scope["headers"])
        content: AsyncIterator[bytes] | None = None
        if has_body:
            content = self._body(receive, used)
            headers.append((b"content-length", length) if length is not None else (b"transfer-encoding", b"chunked"))
        else:
            self._read.set()
            if self._request.method in {"POST", "PUT", "PATCH"}:
                headers.append((b"content-length", b"0"))
        url = httpcore.URL(scheme=b"http", host=b"localhost", port=80, target=target)
        method = self._request.method.encode()
        return httpcore.Request(method, url, headers=headers, content=content, extensions={"timeout": _TIMEOUT})

    async def _body(self, receive: Receive, used: Callable[[], None]) -> AsyncIterator[bytes]:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                raise OSError("the browser went away")
            size += len(message.get("body", b""))
            if size > REQUEST_LIMIT:
                raise _TooLarge
            more = message.get("more_body", False)
            used()
            if message.get("body"):
                yield message["body"]
        self._read.set()

    async def _pass(self, answer: httpcore.Response, send: Send, used: Callable[[], None]) -> None:
        place, outer = self._place, self._request.headers.get("host", "").lower()
        headers = answered(answer.headers, place, inner_of(self._build), outer)
        bodiless = self._request.method == "HEAD" or answer.status in _BODILESS
        extra = (
            b"" if bodiless or not place.framed or answer.status == _PART or not _is_page(headers) else place.snippet()
        )
        if extra:
            headers = [(name, value) for name, value in headers if name != b"content-length"]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        self._began = True
        size = 0
        async for piece in answer.aiter_stream():
            size += len(piece)
            if size > ANSWER_LIMIT:
                return  # without an end, by which the browser knows that something is missing
            used()
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": extra, "more_body": False})

    async def _sorry(self, status: int, said: str, send: Send) -> None:
        if self._began:
            return
        headers: Headers = [(name.lower().encode(), value.encode()) for name, value in self._place.headers().items()]
        body = f"{said}\n".encode()
        headers += [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if self._request.method == "HEAD" else body})


_PART = 206


def inner_of(build: Build) -> str:
    """Host and port under which the app knows itself."""
    port = build.server.port if build.server is not None else 0
    return f"localhost:{port}" if port else "localhost"


def is_ready(standing: Standing) -> bool:
    """Whether it takes connections."""
    return standing.stands is Stands.READY and standing.socket is not None


def _is_page(headers: Headers) -> bool:
    given = dict(headers)
    return given.get(b"content-type", b"").lower().startswith(b"text/html") and b"content-encoding" not in given
