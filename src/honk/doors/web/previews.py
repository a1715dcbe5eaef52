"""What an agent made, shown to people: builds before the merge, and what is live after it.

Every answer carries a sandboxing Content-Security-Policy, so the page has an opaque origin of its own
and never the rights of Honk's pages; its own modules and data are fetched across that origin, hence
the open Access-Control-Allow-Origin. GET changes nothing, so that link previews are harmless.
"""

import mimetypes
import stat
import tarfile
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Protocol

import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
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


class Tokens(Protocol):
    """Knows which unguessable addresses are right."""

    def resolve(self, kind: str, token: str) -> str | None: ...


#: Where the archive of a build lies, by its digest; there may be nothing any more.
Archives = Callable[[str], Path]
#: The folder of a live environment by "<repository key>.<environment>", or None.
Live = Callable[[str], Path | None]


def preview_app(tokens: Tokens, archives: Archives, live: Live) -> Starlette:
    """Serves `/preview/<token>/…` from the archives of builds, and `/live/<token>/…` from production."""

    async def preview(request: Request) -> Response:
        id = tokens.resolve("preview", request.path_params["token"])
        archive = archives(id) if id else None
        if archive is None or not archive.is_file():
            return _nothing()
        return await _answer(request, partial(_from_archive, archive))

    async def production(request: Request) -> Response:
        id = tokens.resolve("live", request.path_params["token"])
        folder = live(id) if id else None
        if folder is None:
            return _nothing()
        return await _answer(request, partial(_from_folder, folder))

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Starlette(
        routes=[
            Route("/preview/{token}/{path:path}", preview),
            Route("/live/{token}/{path:path}", production),
            Route("/preview/{token}", _with_slash),
            Route("/live/{token}", _with_slash),
            Route("/healthz", healthy),
        ]
    )


async def _with_slash(request: Request) -> Response:
    return RedirectResponse(request.url.path + "/")


async def _answer(request: Request, read: Callable[[PurePosixPath], bytes | None]) -> Response:
    asked = request.path_params["path"]
    path = PurePosixPath(asked or "index.html")
    if path.is_absolute() or ".." in path.parts:
        return _nothing()
    content = await anyio.to_thread.run_sync(read, path)
    if content is None and "." not in path.name:
        path = path / "index.html"
        content = await anyio.to_thread.run_sync(read, path)
    if content is None:
        return _nothing()
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Response(content, media_type=media_type, headers=_HEADERS)


def _nothing() -> Response:
    return PlainTextResponse("There is nothing here (any more).\n", status_code=404, headers=_HEADERS)


def _from_archive(archive: Path, path: PurePosixPath) -> bytes | None:
    found = _index(archive).get(str(path))
    if found is None:
        return None
    offset, size = found
    with archive.open("rb") as file:
        file.seek(offset)
        return file.read(size)


@lru_cache(maxsize=64)
def _index(archive: Path) -> dict[str, tuple[int, int]]:
    """Where each regular file lies; links and everything else of an archive are not served."""
    found: dict[str, tuple[int, int]] = {}
    with tarfile.open(archive, "r:") as tar:
        for member in tar:
            if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.size <= _FILE_LIMIT:
                found[str(PurePosixPath(member.name))] = (member.offset_data, member.size)
    return found


def _from_folder(folder: Path, path: PurePosixPath) -> bytes | None:
    """A regular file of the release; a link out of it, made by what was deployed, is not followed."""
    root = folder.resolve()
    try:
        file = (root / path).resolve(strict=True)
        about = file.stat()
    except (OSError, RuntimeError):
        return None
    if not file.is_relative_to(root) or not stat.S_ISREG(about.st_mode) or about.st_size > _FILE_LIMIT:
        return None
    return file.read_bytes()
