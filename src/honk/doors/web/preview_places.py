"""Where what an agent made is shown: below a path of Honk's own host without rights, or on a host of its own.

On Honk's host every answer has a sandboxing Content-Security-Policy, so the page has an opaque origin and never the
rights of Honk's pages. Where `[previews] url` is set each preview has a host of its own, whose cookies and storage
are its own, and on which nothing of Honk's own is served.
"""

import re
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

#: What a page without rights of its own may do.
SANDBOX = "sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
_OWN = "honk.preview_host"
_LABEL = re.compile(r"(preview|live|app|frame)-([a-z2-7]{20})")
#: Honk's own paths in a preview; no app ever gets them.
RESERVED = ".honk/"


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviewPlace:
    """One preview's place."""

    kind: str
    token: str
    #: whether it has a host of its own
    own: bool = False

    @property
    def way(self) -> str:
        """The path inside Honk."""
        return f"/{self.kind}/{self.token}"

    @property
    def prefix(self) -> str:
        """What the addresses of its pages begin with."""
        return "" if self.own else self.way

    @property
    def framed(self) -> bool:
        """Whether it is what a page of Honk's shows in a frame."""
        return self.kind == "frame"

    def headers(self) -> dict[str, str]:
        """Of every answer there."""
        if self.own:
            return dict(_HEADERS)
        return {"Content-Security-Policy": SANDBOX, "Access-Control-Allow-Origin": "*", **_HEADERS}

    def snippet(self) -> bytes:
        """What stands at the end of framed pages, so that one can point at something in them."""
        return f'\n<script src="{self.prefix}/{RESERVED}point.js" data-prefix="{self.prefix}"></script>\n'.encode()


def place_of(request: HTTPConnection, kind: str) -> PreviewPlace:
    """The place that was asked for."""
    return PreviewPlace(kind=kind, token=request.path_params["token"], own=bool(request.scope.get(_OWN)))


@dataclass(frozen=True, kw_only=True)
class PreviewHosts:
    """An ASGI application: what is asked of a preview's own host goes to `previews`, everything else to `site`.

    `hosts` is what names of such hosts end with, such as ".previews.example.com".
    """

    site: ASGIApp
    previews: ASGIApp
    hosts: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Chooses by the Host header, which a browser sets by the address that it opens."""
        name = "" if scope["type"] not in {"http", "websocket"} else _host(scope)
        if not name.endswith(self.hosts):
            await self.site(scope, receive, send)
            return
        label = _LABEL.fullmatch(name.removesuffix(self.hosts))
        if label is None:
            await PlainTextResponse("There is nothing here.\n", status_code=404)(scope, receive, send)
            return
        way = f"/{label[1]}/{label[2]}"
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        there: dict[str, Any] = {"path": way + scope["path"], "raw_path": way.encode() + raw, _OWN: True}
        await self.previews({**scope, **there}, receive, send)


def _host(scope: Scope) -> str:
    found = [value for name, value in scope["headers"] if name == b"host"]
    return found[0].decode("latin-1").lower().rpartition(":")[0] or found[0].decode("latin-1").lower() if found else ""
