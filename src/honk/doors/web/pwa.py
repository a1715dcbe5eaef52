"""The pages as an app: the manifest that installs it, and the service worker that shows notices and the offline page.

    /manifest.webmanifest      name, icons, where it begins, "Ask" as a shortcut
    /sw.js                     the service worker, for all of Honk's own pages
    /offline                   what is shown where a page cannot be fetched

The worker keeps files that belong to the pages, and the offline page; never a page of somebody's, nor anything that
an agent made. It is the only one: a script that a browser fetches to register it is refused at every other address,
so that nothing that an agent made is ever run for Honk's pages.
"""

import hashlib
import json
from functools import cache

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from honk.doors.web.rendering import HEADERS, content_of, page, static_paths

WORKER = "/sw.js"
OFFLINE = "/offline"
#: asked for anew each time, and answered in a word where nothing has changed
_HEADERS = {**HEADERS, "Cache-Control": "no-cache"}
#: Of the style sheets: the page's ground in the light and in the dark.
_LIGHT = "#fbfaf8"
#: What an offline page is made of; scripts that need the network are not.
_NEEDED = ("style.css", "overview.css", "icon.svg", "pwa.js", "icon-192.png", "icon-badge-96.png")


class OneWorker:
    """Around the whole server: a browser that fetches a script to register it gets Honk's own, and no other.

    It says so itself by a header that no page can leave out (Service Workers, "Handling the script request").
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != WORKER:
            for name, value in scope["headers"]:
                if name == b"service-worker" and value.strip().lower() == b"script":
                    refused = PlainTextResponse("no service worker is registered from here\n", 403, headers=HEADERS)
                    return await refused(scope, receive, send)
        await self._app(scope, receive, send)


def pwa_routes() -> tuple[Route, ...]:
    """For everybody: nothing of them says anything of anybody."""
    return (
        Route("/manifest.webmanifest", _manifest, methods=["GET"]),
        Route(WORKER, _worker, methods=["GET"]),
        Route(OFFLINE, _offline, methods=["GET"]),
    )


async def _manifest(_: Request) -> Response:
    paths = static_paths()
    icons = [
        {"src": paths["icon-192.png"], "sizes": "192x192", "type": "image/png"},
        {"src": paths["icon-512.png"], "sizes": "512x512", "type": "image/png"},
        {"src": paths["icon-maskable-512.png"], "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
        {"src": paths["icon.svg"], "sizes": "any", "type": "image/svg+xml"},
    ]
    said = {
        "id": "/",
        "name": "Honk",
        "short_name": "Honk",
        "description": "Ask for a change of your software, and try it on your phone",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": _LIGHT,
        "theme_color": _LIGHT,
        "icons": icons,
        "shortcuts": [{"name": "Ask", "url": "/ask", "icons": icons[:1]}],
    }
    return JSONResponse(said, headers=_HEADERS, media_type="application/manifest+json")


async def _worker(request: Request) -> Response:
    script, etag = _script(), f'"{hashlib.sha256(_script()).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(script, media_type="text/javascript; charset=utf-8", headers=headers)


async def _offline(request: Request) -> Response:
    return page(request, "offline.html")


@cache
def _script() -> bytes:
    """The worker, with what it keeps: any change of that makes it another one, which takes the place of the old."""
    paths = static_paths()
    kept = [paths[name] for name in _NEEDED]
    said = (
        content_of("worker.js") + content_of("offline.html", "templates") + json.dumps(sorted(paths.values())).encode()
    )
    version = hashlib.sha256(said).hexdigest()[:12]
    known = {
        "version": version,
        "files": kept,
        "offline": OFFLINE,
        "icon": paths["icon-192.png"],
        "badge": paths["icon-badge-96.png"],
    }
    return f"const HONK = {json.dumps(known)};\n".encode() + content_of("worker.js")
