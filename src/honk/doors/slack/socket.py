"""The socket on which Slack delivers. Slack's own client keeps it; what it does not bring back is made anew here.

The client tries one address again and again, which opens once only: after an outage that may never end by itself.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from honk.domain.text import Secret
from honk.doors.slack.backstage import Waits

#: seconds that saying goodbye may take
_GOODBYE = 1.0


async def connected(
    app: AsyncApp, token: Secret, api_url: str, waits: Waits, there: Callable[[bool], Awaitable[None]]
) -> None:
    """Returns when the socket was gone for too long; `there` is told whenever it is looked at."""
    web = AsyncWebClient(token.reveal(), base_url=api_url)
    handler = AsyncSocketModeHandler(app, token.reveal(), web_client=web, ping_interval=waits.ping)
    try:
        with anyio.move_on_after(waits.lost):
            await handler.connect_async()  # type: ignore[no-untyped-call]
        seen = time.monotonic()
        while time.monotonic() - seen < waits.lost:
            up = await handler.client.is_connected()
            seen = time.monotonic() if up else seen
            # a change of sockets, as Slack asks for now and then, is no trouble
            if up or time.monotonic() - seen > waits.ping * 2:
                await there(up)
            await anyio.sleep(waits.ping)
    finally:
        with anyio.move_on_after(_GOODBYE, shield=True), suppress(Exception):
            await handler.close_async()  # type: ignore[no-untyped-call]
        _end(handler.client)


def _end(client: SocketModeClient) -> None:
    """Whatever of the client is at work still, although there was no goodbye."""
    for task in (client.message_processor, client.current_session_monitor, client.message_receiver):
        if task is not None:
            task.cancel()
