"""The page in place of an app whose own server does not take connections yet: why, and what happens next."""

import html
import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from honk.doors.web.preview_places import RESERVED, PreviewPlace
from honk.service.app_servers import Standing, Stands

#: seconds after which the page looks again
_LOOKS = 2
_PURPOSES = ("purpose", "sec-purpose", "x-purpose", "x-moz")
#: a path within the app, never another host
_WITHIN = re.compile(r"/(?![/\\])[A-Za-z0-9._~/%+,;:@!$&'()*=?-]*")
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">{refresh}
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>{title}</title><style>
body{{font:17px/1.5 system-ui,sans-serif;margin:14vh auto;max-width:24rem;padding:0 1.5rem;background:#fbfaf8;
color:#1f1d24;overflow-wrap:anywhere}}
h1{{font-size:1.4rem;line-height:1.3;margin:0 0 .5rem}}p{{color:#69656f}}
button{{font:inherit;font-weight:600;min-height:2.75rem;padding:.5rem 1.1rem;border:0;border-radius:8px;
background:#1d5fbf;color:#fff}}
progress{{width:100%;accent-color:#1d5fbf}}
@media (prefers-color-scheme:dark){{body{{color:#ece8e1;background:#16141d}}p{{color:#a9a4b3}}
button{{background:#8ab4f8;color:#16141d}}progress{{accent-color:#8ab4f8}}}}
</style><main><h1>{title}</h1>{body}</main></html>"""
_POLICY = (
    "sandbox allow-scripts allow-forms; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'"
)


def is_visit(request: Request) -> bool:
    """Whether a person's browser opens a page, as far as it says so: no prefetch, no image, no link preview."""
    headers = request.headers
    early = any(
        word in headers.get(name, "").lower() for name in _PURPOSES for word in ("prefetch", "prerender", "preview")
    )
    opens = headers.get("sec-fetch-dest") in {"document", "iframe", "frame"}
    return request.method == "GET" and headers.get("sec-fetch-mode") == "navigate" and opens and not early


def wants_page(request: Request) -> bool:
    """Whether what is asked for may be a page; a browser over plain http does not say more."""
    headers = request.headers
    return (
        request.method in {"GET", "HEAD"}
        and "text/html" in headers.get("accept", "")
        and ("sec-fetch-dest" not in headers or headers["sec-fetch-dest"] in {"document", "iframe", "frame"})
    )


def waiting(request: Request, place: PreviewPlace, standing: Standing) -> Response:
    """503 with the reason; a page looks again by itself, and one that began nothing has the button that does."""
    headers = {**place.headers(), "Retry-After": str(_LOOKS)}
    if not wants_page(request):
        return PlainTextResponse(f"{_sentence(standing)}\n", status_code=503, headers=headers)
    headers["Content-Security-Policy"] = _POLICY
    title, body = _words(standing)
    refresh = f'<meta http-equiv="refresh" content="{max(_LOOKS, round(standing.again))}">'
    if standing.stands is Stands.RESTING:
        refresh = ""
        to = request.scope["raw_path"].decode("latin-1").removeprefix(place.way) or "/"
        query = request.scope["query_string"].decode("latin-1")
        start = f"{place.prefix}/{RESERVED}start?to={quote(to + (f'?{query}' if query else ''), safe='')}"
        body += f'<form method="post" action="{html.escape(start)}"><button>Start it</button></form>'
        body += "<script>document.forms[0].submit()</script>"
    return HTMLResponse(_PAGE.format(title=title, body=body, refresh=refresh), status_code=503, headers=headers)


def begun(request: Request, place: PreviewPlace) -> Response:
    """Back to the page that was wanted."""
    to = request.query_params.get("to", "/")
    return RedirectResponse(
        place.prefix + (to if _WITHIN.fullmatch(to) else "/"), status_code=303, headers=place.headers()
    )


def _words(standing: Standing) -> tuple[str, str]:
    said = html.escape(_sentence(standing))
    if standing.stands is Stands.FAILED:
        soon = f"It is started again in {standing.again:.0f} s." if standing.again else "It is started again."
        return "It does not run", f"<p>{said}</p><p>{soon} The build's page in Honk shows what it printed last.</p>"
    if standing.stands is Stands.FULL:
        return "It waits for a place", f"<p>{said}</p><p>This page looks again by itself.</p>"
    if standing.stands is Stands.RESTING:
        return "It rests", "<p>This version has a server of its own, which runs while somebody looks at it.</p>"
    before = f"<p>Before, {html.escape(standing.before)}.</p>" if standing.before else ""
    bar = '<progress aria-label="It is being started"></progress>'
    return "It is being started", f'<p role="status">{said}</p>{bar}{before}<p>This page looks again by itself.</p>'


def _sentence(standing: Standing) -> str:
    said = standing.said or "the app's own server does not run"
    return said[0].upper() + said[1:].rstrip(".") + "."
