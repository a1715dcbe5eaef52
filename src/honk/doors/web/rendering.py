"""Templates and the headers of every page.

Words of agents, repositories and people are hostile: everything is escaped, and what would reorder or hide
text on the screen is made visible. No page has inline scripts or styles, and none can be put into a frame.
"""

import hashlib
import secrets
from datetime import UTC, datetime
from functools import cache
from importlib import resources

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from honk.domain.pull_request_text import readable
from honk.domain.text import shortened, visible
from honk.doors.web.compressing import compressed, mask_all
from honk.views import checks_line

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "media-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
_STATIC = {
    "style.css": "text/css; charset=utf-8",
    "overview.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "review.css": "text/css; charset=utf-8",
    "review.js": "text/javascript; charset=utf-8",
    "composer.js": "text/javascript; charset=utf-8",
    "thread.css": "text/css; charset=utf-8",
    "thread.js": "text/javascript; charset=utf-8",
    "frame.css": "text/css; charset=utf-8",
    "frame.js": "text/javascript; charset=utf-8",
    "passkeys.js": "text/javascript; charset=utf-8",
    "devices.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "pwa.js": "text/javascript; charset=utf-8",
    "icon-192.png": "image/png",
    "icon-512.png": "image/png",
    "icon-maskable-512.png": "image/png",
    "icon-badge-96.png": "image/png",
}
#: Stands in a form for what makes its second sending recognisable; no words of others can contain it.
_ONCE = Markup("\0once\0")
#: Where the navigation leads: the page's own name, its address, and what people read.
PLACES = (
    ("home", "/", "Home"),
    ("builds", "/builds", "Builds"),
    ("deployments", "/deployments", "Live"),
    ("costs", "/costs", "Costs"),
    ("repositories", "/repositories", "Repositories"),
    ("people", "/people", "People"),
    ("audit", "/audit", "Audit"),
    ("settings", "/settings", "Settings"),
    ("devices", "/devices", "Devices"),
    ("more", "/more", "More"),
)


def _finalize(value: object) -> object:
    if value is None:
        return ""
    return value if isinstance(value, Markup | int | float) else visible(str(value))


@cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("honk.doors.web", "templates"),
        autoescape=True,
        finalize=_finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": _size, "moment": _moment, "clock": _clock, "short": shortened}
    environment.filters |= {"checks": checks_line, "readable": readable}
    environment.globals["once"] = _ONCE
    environment.globals["places"] = PLACES
    environment.globals["static"] = static_paths()
    return environment


def _size(count: int) -> str:
    for unit, width in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= width:
            return f"{count / width:.1f} {unit}"
    return f"{count} bytes"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _clock(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%H:%M:%S")


@cache
def content_of(name: str, folder: str = "static") -> bytes:
    """A file that belongs to the pages."""
    return resources.files("honk.doors.web").joinpath(folder, name).read_bytes()


@cache
def static_paths() -> dict[str, str]:
    """Where the files are that pages are made of; the address of each changes with its content."""
    return {name: f"/static/{hashlib.sha256(content_of(name)).hexdigest()[:12]}/{name}" for name in _STATIC}


def static_file(request: Request, name: str) -> Response | None:
    """A file that belongs to the pages themselves; None where there is none. Its address changes with its content."""
    if name not in _STATIC:
        return None
    body, how = compressed(request, content_of(name))
    kept = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable", **how}
    return Response(body, media_type=_STATIC[name], headers=kept)


def page(request: Request, template: str, *, status: int = 200, **values: object) -> Response:
    """The page, or 304 where the browser shows the same already."""
    html = _templates().get_template(template).render(**values).encode("utf-8", "replace")
    etag = f'W/"{hashlib.sha256(html).hexdigest()[:32]}"'
    if status == 200 and request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={**HEADERS, "ETag": etag})
    # Afterwards, so that a page whose forms alone are new is the same page.
    html = mask_all(html.replace(_ONCE.encode(), secrets.token_hex(16).encode()))
    body, how = compressed(request, html)
    return Response(body, status_code=status, media_type="text/html", headers={**HEADERS, "ETag": etag, **how})


def fragments(template: str, macro: str, *values: object) -> str:
    """A part of a page, made by that macro, with forms that can be sent."""
    html = str(getattr(_templates().get_template(template).module, macro)(*values))
    once = html.replace(_ONCE, secrets.token_hex(16))
    return mask_all(once.encode("utf-8", "replace")).decode()


def problem(request: Request, status: int, title: str, detail: str, remedy: str = "") -> Response:
    """A page that says what is wrong, and what to do."""
    visit = request.state if hasattr(request.state, "nonce") else None
    return page(request, "problem.html", status=status, visit=visit, title=title, detail=detail, remedy=remedy)
