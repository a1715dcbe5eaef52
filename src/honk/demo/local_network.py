"""The demo on the phone in hand: the same pages on the local network, with a QR code."""

import html
import secrets
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import segno
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from honk.domain.task import State
from honk.doors.cli.output import Output
from honk.views import card
from honk.wiring import OpenHonk

_PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Honk demo</title><style>
body{{font:18px system-ui;margin:2rem auto;max-width:24rem;padding:0 1rem;background:#111;color:#eee}}
a{{display:block;margin:1rem 0;padding:1rem 1.2rem;border-radius:14px;background:#1db954;color:#000}}
a{{text-decoration:none;font-weight:600}}
a.quiet{{background:#333;color:#eee}}
</style><h1>Overtone</h1>{links}<p>Reload after each change.</p></html>"""


@dataclass(kw_only=True)
class LocalNetwork:
    """Opens the pages to the local network once, behind an address that cannot be guessed."""

    house: OpenHonk
    out: Output
    stack: AsyncExitStack
    #: address of the app as it was before
    before: str
    _token: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    _url: str = ""

    async def open(self) -> None:
        """Shows the QR code; the pages stay open until the demo ends."""
        if not self._url:
            listener = socket.create_server(("", 0))
            listener.setblocking(False)
            page = Route(f"/{self._token}", self._page)
            await self.stack.enter_async_context(self.house.serve_on(listener, extra=(page,)))
            self._url = f"http://{_address()}:{listener.getsockname()[1]}/{self._token}"
        self.out.line(f"\non this network: {self._url}\n", "bold")
        if self.out.terminal:
            segno.make(self._url, error="m").terminal(compact=True)

    async def _page(self, _: Request) -> Response:
        links = [("before", self.before, "quiet")]
        newest = await self.house.app.ports.tasks.list(limit=1)
        if newest:
            shown = await card(newest[0], ports=self.house.app.ports)
            if shown.build and shown.build.preview_url:
                links.append(("the newest build", shown.build.preview_url, ""))
            if shown.production and newest[0].state is State.DEPLOYED:
                links.append(("live now", shown.production, ""))
        body = "".join(
            f'<a class="{style}" href="{html.escape(urlsplit(url).path)}">{html.escape(name)}</a>'
            for name, url, style in links
        )
        return HTMLResponse(_PAGE.format(links=body), headers={"Cache-Control": "no-store"})


def _address() -> str:
    """This host's address on the network by which it would reach others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
