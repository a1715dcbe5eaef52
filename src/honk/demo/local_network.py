"""The demo on the phone in hand: the same pages on the local network, with a QR code."""

import html
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import segno
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from honk.demo.telling import Telling
from honk.demo.verbs import Verbs, at_page
from honk.domain.task import BUSY, State, Task
from honk.errors import HonkError
from honk.views.shown import card
from honk.wiring import OpenHonk

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Honk demo</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="4">
<link rel="icon" href="data:,"><style>
body{{font:17px/1.45 system-ui,sans-serif;margin:0 auto;max-width:26rem;padding:2.2rem 1.2rem}}
body{{background:#100e17;color:#ece8e1}}h1{{font-size:2rem;margin:0}}
p{{color:#a9a3b5;margin:.4rem 0 1.6rem}}blockquote{{margin:1.6rem 0 .3rem;font-size:1.2rem;font-weight:600}}
a{{display:block;margin:.9rem 0;padding:1rem 1.2rem;border-radius:16px;text-decoration:none;font-weight:650}}
a{{background:#262233;color:inherit}}a.new{{background:#ff7d5c;color:#1a1017}}small{{display:block;font-weight:400}}
</style><h1>Overtone</h1>{body}</html>"""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
#: the task as a person who holds the phone would say it
_STATES = {
    State.PROPOSED: "Proven, and ready to be merged.",
    State.MERGED: "Merged.",
    State.DEPLOYED: "Merged, and live.",
}


@dataclass(kw_only=True)
class LocalNetwork:
    """Opens the pages to the local network once, behind an address that cannot be guessed."""

    house: OpenHonk
    out: Telling
    verbs: Verbs
    stack: AsyncExitStack
    #: address of the app as it was before
    before: str
    _token: str = field(default_factory=lambda: secrets.token_hex(8))
    _url: str = ""

    async def open(self) -> None:
        """Shows the QR code; the pages stay open until the demo ends. Raises HonkError without a network."""
        if not self._url:
            address = _address()
            if address is None:
                raise HonkError("this machine is on no network that a phone could share", "connect it, and try again")
            listener = socket.create_server(("", 0))
            listener.setblocking(False)
            page = Route(f"/{self._token}", self._page)
            await self.stack.enter_async_context(self.house.serve_on(listener, extra=(page,)))
            self._url = f"http://{address}:{listener.getsockname()[1]}/{self._token}"
        self.out.gap()
        self.out.link("phone", self._url, "bold")
        self.out.say("phone", "for every device on this network that has the address, until the demo ends", "dim")
        if self.out.terminal:
            segno.make(self._url, error="m").terminal(compact=True)

    async def _page(self, _: Request) -> Response:
        newest = await self.house.app.ports.tasks.list(limit=1)
        body = [part async for part in self._said(newest[0])] if newest else []
        return HTMLResponse(_PAGE.format(body="".join(body)), headers=_HEADERS)

    async def _said(self, task: Task) -> AsyncIterator[str]:
        shown = await card(task, ports=self.house.app.ports)
        if task.options.agent == "claude":
            state = "Honk is at work on it …" if task.state in BUSY else _STATES.get(task.state, f"It is {task.state}.")
            yield f"<blockquote>“{html.escape(task.instruction)}”</blockquote><p>{state}</p>"
        yield _link(self.before, "Before", "The app as it was: an empty playlist crashes it.")
        if task.options.agent == "claude" and shown.build and shown.build.preview_url:
            newer = "" if task.state is State.DEPLOYED else "new"
            yield _link(shown.build.preview_url, "The newest build", "What was asked for, before the merge.", newer)
        live = await self.verbs.live()
        if live:
            yield _link(live, "Live", "What everybody gets now.", "new" if task.state is State.DEPLOYED else "")


def _link(url: str, name: str, about: str, style: str = "") -> str:
    """A link below whatever address the phone came by."""
    parts = urlsplit(at_page(url))
    href = html.escape(f"{parts.path}#{parts.fragment}" if parts.fragment else parts.path)
    return f'<a class="{style}" href="{href}">{html.escape(name)}<small>{html.escape(about)}</small></a>'


def _address() -> str | None:
    """This host's address on the network by which it would reach others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    return None if found.startswith("127.") else found
