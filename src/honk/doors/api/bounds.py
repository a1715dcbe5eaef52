"""What is refused before it is read: too large a body, and new work while the server ends."""

from collections.abc import Callable

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from honk import __version__
from honk.doors.api.problems import answer, plain
from honk.service import FILE_LIMIT

#: An instruction may have a million characters, of up to six bytes each in JSON.
BODY_LIMIT = 8 << 20
#: What may be larger; it goes to disk and not into memory.
_LARGER = {"/files": FILE_LIMIT}
#: What is appended here is bounded by what was announced, which the settings bound.
_APPENDED, _ANY = "/uploads/", 1 << 40


class Bounded:
    """ASGI middleware round the API."""

    def __init__(self, app: ASGIApp, *, closing: Callable[[], bool]) -> None:
        self._app = app
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _signed(send)
        if self._closing() and scope["method"] not in {"GET", "HEAD"}:
            problem = plain(503, "this server ends; it takes no new work", "ask again in a few seconds")
            await answer(problem)(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        limit = _limit(scope["path"].removeprefix(scope.get("root_path", "")))
        said = f"a body may have {limit >> 20} MiB at most"
        if not length.isdigit() or int(length) > limit:
            await answer(plain(413, said))(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise HTTPException(413, said)
            return message

        await self._app(scope, counted, send)


def _limit(path: str) -> int:
    return _ANY if path.startswith(_APPENDED) else _LARGER.get(path, BODY_LIMIT)


def _signed(send: Send) -> Send:
    """Every answer says which release gave it: a client that does not understand one can say why."""

    async def signed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"honk-version", __version__.encode())]}
        await send(message)

    return signed
