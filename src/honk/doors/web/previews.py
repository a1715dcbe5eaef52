"""What an agent made, shown to people: builds before the merge, and what is live after it.

    /preview/<token>/…     the files of a build
    /app/<token>/…         a build by the app's own server (`app_proxy`)
    /frame/<token>/…       either of them, with what lets a person point at something (`frame_page`)
    /live/<token>/…        what is live

No answer there has the rights of Honk's pages: `preview_places` says how. On Honk's host the page's own modules and
data are fetched across an opaque origin, hence the open Access-Control-Allow-Origin. GET of files changes nothing,
so that link previews are harmless; an app's own server is started by a visit alone.
"""

import html
import mimetypes
import re
import stat
import tarfile
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import quote

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from honk.domain.build import Build
from honk.doors.web.app_proxy import METHODS, Apps
from honk.doors.web.app_sockets import pass_on
from honk.doors.web.preview_places import RESERVED, PreviewPlace, place_of
from honk.doors.web.rendering import content_of

#: A single file of a build larger than this is not served.
_FILE_LIMIT = 256 << 20
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webmanifest": "application/manifest+json"}
#: One range of bytes; several, or what cannot be read, get the whole file, as RFC 9110 (14.2) allows.
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_NOTHING = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Nothing here</title><style>
body{{font:17px/1.5 system-ui,sans-serif;margin:18vh auto;max-width:22rem;padding:0 1.5rem}}
body{{color:#ece8e1;background:#16141d}}
h1{{font-size:1.5rem;margin:0 0 .5rem}}p{{color:#b5b0bf}}
</style><h1>There is nothing here</h1><p>{}</p></html>"""
_GONE = "This version is no longer shown, or the address is not complete. Take the link from its task again."
_NO_SUCH_PAGE = "The version is there, but it has no such page."


class Tokens(Protocol):
    """Knows which unguessable addresses are right."""

    def resolve(self, kind: str, token: str) -> str | None: ...


#: Where the archive of a build lies, by its digest; there may be nothing any more.
Archives = Callable[[str], Path]
#: The folder of a live environment by "<repository key>.<environment>", or None.
Live = Callable[[str], Path | None]
#: Where in which file the bytes of a page lie: file, offset, size.
Place = tuple[Path, int, int]
Find = Callable[[PurePosixPath], Place | None]


def preview_app(tokens: Tokens, archives: Archives, live: Live, apps: Apps | None = None) -> Starlette:
    """Serves `/preview/<token>/…` from the archives of builds, and `/live/<token>/…` from production.

    With `apps` also `/app/<token>/…` and `/frame/<token>/…`.
    """

    async def preview(request: Request) -> Response:
        place = place_of(request, "preview")
        id = tokens.resolve("preview", place.token)
        return await _files(request, place, archives(id) if id else None)

    async def production(request: Request) -> Response:
        place = place_of(request, "live")
        id = tokens.resolve("live", place.token)
        folder = live(id) if id else None
        if folder is None:
            return _nothing(_GONE, place)
        return await _answer(request, place, partial(_in_folder, folder))

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def unknown(_: Request, __: Exception) -> Response:
        return _nothing(_GONE)

    return Starlette(
        routes=[
            Route("/preview/{token}/{path:path}", preview),
            Route("/live/{token}/{path:path}", production),
            Route("/preview/{token}", preview),
            Route("/live/{token}", production),
            *(_of_apps(tokens, archives, apps) if apps is not None else ()),
            Route("/healthz", healthy),
        ],
        exception_handlers={404: unknown},
    )


def _of_apps(tokens: Tokens, archives: Archives, apps: Apps) -> list[BaseRoute]:
    """Builds by their own ids: with the app's own server, and in the frame of a page of Honk's."""

    async def found(place: PreviewPlace) -> Build | None:
        id = tokens.resolve(place.kind, place.token)
        return await apps.find_build(id) if id else None

    def shown(kind: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            place = place_of(request, kind)
            build = await found(place)
            if build is None:
                return _nothing(_GONE, place)
            if request.path_params.get("path") == f"{RESERVED}point.js" and place.framed:
                return Response(content_of("point.js"), media_type="text/javascript", headers=place.headers())
            if "path" not in request.path_params:
                return _with_slash(request, place)
            if build.server is not None:
                return await apps.answer(request, place, build)
            return await _files(request, place, archives(build.digest) if place.framed else None)

        return answer

    async def socket(browser: WebSocket, kind: str) -> None:
        place = place_of(browser, kind)
        build = await found(place)
        if build is None or build.server is None:
            await browser.close()
        else:
            await pass_on(apps, browser, place, build)

    return [
        route
        for kind in ("app", "frame")
        for route in (
            Route(f"/{kind}/{{token}}", shown(kind)),
            Route(f"/{kind}/{{token}}/{{path:path}}", shown(kind), methods=list(METHODS)),
            WebSocketRoute(f"/{kind}/{{token}}/{{path:path}}", partial(socket, kind=kind)),
        )
    ]


async def _files(request: Request, place: PreviewPlace, archive: Path | None) -> Response:
    """Out of a build's archive; there may be none any more."""
    if archive is None or not archive.is_file():
        return _nothing(_GONE, place)
    if request.method not in {"GET", "HEAD"}:
        return PlainTextResponse("Method Not Allowed", status_code=405, headers=place.headers())
    return await _answer(request, place, partial(_in_archive, archive))


def _with_slash(request: Request, place: PreviewPlace) -> Response:
    """A page in a folder has addresses relative to that folder, so the slash at the end matters."""
    query = f"?{request.url.query}" if request.url.query else ""
    path = request.scope["path"].removeprefix(place.way)
    return RedirectResponse(quote(place.prefix + path) + "/" + query, headers=place.headers())


async def _answer(request: Request, where: PreviewPlace, find: Find) -> Response:
    asked: str | None = request.path_params.get("path")
    if asked is None:
        return _with_slash(request, where)
    path = PurePosixPath(asked or ".")
    if path.is_absolute() or ".." in path.parts or "\0" in asked:
        return _nothing(_NO_SUCH_PAGE, where)
    place = None if asked.endswith("/") else await anyio.to_thread.run_sync(find, path)
    if place is None:
        path = path / "index.html"
        place = await anyio.to_thread.run_sync(find, path)
        if place is not None and asked and not asked.endswith("/"):
            return _with_slash(request, where)
    if place is None:
        return _nothing(_NO_SUCH_PAGE, where)
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return await anyio.to_thread.run_sync(_response, place, media_type, request.headers.get("range", ""), where)


def _response(place: Place, media_type: str, wanted: str, where: PreviewPlace) -> Response:
    """The file, or the part of it that a media player asks for."""
    file, offset, size = place
    headers = {**where.headers(), "Accept-Ranges": "bytes"}
    part = _part(wanted, size)
    if part is not None and part[0] >= part[1]:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    first, end = part or (0, size)
    with file.open("rb") as opened:
        opened.seek(offset + first)
        content = opened.read(end - first)
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    elif where.framed and media_type == "text/html":
        content += where.snippet()
    return Response(content, status_code=206 if part else 200, media_type=media_type, headers=headers)


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """From where up to before where; empty when it lies outside, None for the whole file."""
    match = _RANGE.fullmatch(wanted)
    if match is None or wanted == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


def _nothing(why: str, place: PreviewPlace | None = None) -> Response:
    place = place or PreviewPlace(kind="preview", token="")  # of an address that is none: without rights
    return HTMLResponse(_NOTHING.format(html.escape(why)), status_code=404, headers=place.headers())


def _in_archive(archive: Path, path: PurePosixPath) -> Place | None:
    found = _index(archive).get(str(path))
    return (archive, *found) if found else None


@lru_cache(maxsize=64)
def _index(archive: Path) -> dict[str, tuple[int, int]]:
    """Where each regular file lies; links and everything else of an archive are not served."""
    found: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.size <= _FILE_LIMIT:
                    found[str(PurePosixPath(member.name))] = (member.offset_data, member.size)
    except tarfile.ReadError:
        pass  # not an archive: there is nothing in it
    return found


def _in_folder(folder: Path, path: PurePosixPath) -> Place | None:
    """A regular file of the release; a link out of it, made by what was deployed, is not followed."""
    root = folder.resolve()
    try:
        file = (root / path).resolve(strict=True)
        about = file.stat()
    except (OSError, RuntimeError):
        return None
    if not file.is_relative_to(root) or not stat.S_ISREG(about.st_mode) or about.st_size > _FILE_LIMIT:
        return None
    return file, 0, about.st_size
