"""WebSockets between a browser and an app's own server: each message is passed on as it is, within a bound."""

from collections.abc import Callable

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Origin, Subprotocol

from honk.domain.build import Build
from honk.doors.web.app_headers import asked
from honk.doors.web.app_proxy import Apps, inner_of, is_ready
from honk.doors.web.preview_places import PreviewPlace

#: bytes of one message, in either direction
MESSAGE_LIMIT = 4 << 20
_OPENS = 10.0
#: codes of RFC 6455 (7.4.1) that an endpoint may send itself
_NORMAL, _GOES, _LATER = 1000, 1001, 1013
_FIRST_OWN = 3000
_SAYABLE = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011})
_REASON = 120


async def pass_on(apps: Apps, browser: WebSocket, place: PreviewPlace, build: Build) -> None:
    """Until either side closes. Refused while the app's server does not run: opening a page starts it."""
    standing = apps.servers.standing(build.id)
    foreign = place.own and browser.headers.get("origin", "").partition("://")[2] != browser.headers.get("host", "")
    if not is_ready(standing) or foreign:
        await browser.close(_LATER)
        return
    async with apps.servers.connection(build.id) as used:
        if used is None:
            await browser.close(_LATER)
            return
        inner = inner_of(build)
        path = browser.scope["raw_path"].removeprefix(place.way.encode()).decode("latin-1") or "/"
        query = browser.scope["query_string"].decode("latin-1")
        given = dict(asked(browser.scope["headers"], place, inner, secure=apps.secure))
        origin = given.pop(b"origin", None)
        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in given.items() if name != b"host"}
        try:
            async with unix_connect(
                str(standing.socket),
                uri=f"ws://{inner}{path}" + (f"?{query}" if query else ""),
                origin=Origin(origin.decode("latin-1")) if origin is not None else None,
                additional_headers=named,
                user_agent_header=None,
                subprotocols=[Subprotocol(one) for one in browser.scope["subprotocols"]] or None,
                compression=None,
                max_size=MESSAGE_LIMIT,
                open_timeout=_OPENS,
                close_timeout=1.0,
                ping_interval=None,
            ) as app:
                await browser.accept(subprotocol=app.subprotocol)
                await _both(browser, app, used)
        except (WebSocketException, OSError, TimeoutError, ValueError):
            if browser.client_state.name == "CONNECTING":
                await browser.close(_LATER)


async def _both(browser: WebSocket, app: ClientConnection, used: Callable[[], None]) -> None:
    async with anyio.create_task_group() as group:

        async def to_app() -> None:
            try:
                while True:
                    said = await browser.receive()
                    if said["type"] == "websocket.disconnect":
                        await app.close(_sayable(said.get("code")), (said.get("reason") or "")[:_REASON])
                        break
                    used()
                    await app.send(said["text"] if said.get("text") is not None else said["bytes"])
            except ConnectionClosed:
                return  # the other way says so
            group.cancel_scope.cancel()

        async def to_browser() -> None:
            code, reason = _GOES, ""
            try:
                async for message in app:
                    used()
                    await (browser.send_text(message) if isinstance(message, str) else browser.send_bytes(message))
                code, reason = app.close_code or _NORMAL, app.close_reason or ""
            except ConnectionClosed as closed:
                if closed.rcvd is not None:
                    code, reason = closed.rcvd.code, closed.rcvd.reason
            except WebSocketDisconnect:
                return
            await browser.close(_sayable(code), reason[:_REASON])
            group.cancel_scope.cancel()

        group.start_soon(to_app)
        group.start_soon(to_browser)


def _sayable(code: int | None) -> int:
    return code if code is not None and (code in _SAYABLE or _FIRST_OWN <= code < 5000) else _GOES
