"""What an agent made, shown to people: builds before the merge, and what is live after it.

Every answer carries a sandboxing Content-Security-Policy, so the page has an opaque origin of its own
and never the rights of Honk's pages; its own modules and data are fetched across that origin, hence
the open Access-Control-Allow-Origin. GET changes nothing, so that link previews are harmless.
"""

import html
import mimetypes
import re
import stat
import tarfile
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import quote

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

#: A single file of a build larger than this is not served.
_FILE_LIMIT = 256 << 20
_HEADERS = {
    "Content-Security-Policy": "sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}
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


def preview_app(tokens: Tokens, archives: Archives, live: Live) -> Starlette:
    """Serves `/preview/<token>/…` from the archives of builds, and `/live/<token>/…` from production."""

    async def preview(request: Request) -> Response:
        id = tokens.resolve("preview", request.path_params["token"])
        archive = archives(id) if id else None
        if archive is None or not archive.is_file():
            return _nothing(_GONE)
        return await _answer(request, partial(_in_archive, archive))

    async def production(request: Request) -> Response:
        id = tokens.resolve("live", request.path_params["token"])
        folder = live(id) if id else None
        if folder is None:
            return _nothing(_GONE)
        return await _answer(request, partial(_in_folder, folder))

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
            Route("/healthz", healthy),
        ],
        exception_handlers={404: unknown},
    )


def _with_slash(request: Request) -> Response:
    """A page in a folder has addresses relative to that folder, so the slash at the end matters."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(quote(request.scope["path"]) + "/" + query, headers=_HEADERS)


async def _answer(request: Request, find: Find) -> Response:
    asked: str | None = request.path_params.get("path")
    if asked is None:
        return _with_slash(request)
    path = PurePosixPath(asked or ".")
    if path.is_absolute() or ".." in path.parts or "\0" in asked:
        return _nothing(_NO_SUCH_PAGE)
    place = None if asked.endswith("/") else await anyio.to_thread.run_sync(find, path)
    if place is None:
        path = path / "index.html"
        place = await anyio.to_thread.run_sync(find, path)
        if place is not None and asked and not asked.endswith("/"):
            return _with_slash(request)
    if place is None:
        return _nothing(_NO_SUCH_PAGE)
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return await anyio.to_thread.run_sync(_response, place, media_type, request.headers.get("range", ""))


def _response(place: Place, media_type: str, wanted: str) -> Response:
    """The file, or the part of it that a media player asks for."""
    file, offset, size = place
    headers = {**_HEADERS, "Accept-Ranges": "bytes"}
    part = _part(wanted, size)
    if part is not None and part[0] >= part[1]:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    first, end = part or (0, size)
    with file.open("rb") as opened:
        opened.seek(offset + first)
        content = opened.read(end - first)
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
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


def _nothing(why: str) -> Response:
    return HTMLResponse(_NOTHING.format(html.escape(why)), status_code=404, headers=_HEADERS)


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
