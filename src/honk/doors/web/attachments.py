"""Bytes to keep: the whole log, the patch, full logs of verifiers, builds, pictures.

Each is an attachment, with a type that no browser runs and a policy that gives it no rights. Pictures
and films alone are shown in the page: a picture is PNG, JPEG, GIF or WebP by its first bytes, a film is one that
Honk made; both are drawn, never run.
"""

import re

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from honk.domain.task import Task
from honk.domain.text import visible
from honk.doors.web.rendering import HEADERS
from honk.service import Local
from honk.views import sentence

_HEADERS = {**HEADERS, "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'"}
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_TEXT = "text/plain; charset=utf-8"


async def log(request: Request, service: Local, found: Task) -> Response:
    """Every event as a line, as `honk log` prints them."""
    lines = []
    for event in await service.events(found.id, limit=1_000_000):
        text = sentence(event)
        if text:
            lines.append(f"{event.seq:>5} {event.at:%Y-%m-%d %H:%M:%S} {visible(text)}\n")
    return _attached("".join(lines).encode("utf-8", "replace"), f"{found.id}.log", _TEXT)


async def patch(request: Request, service: Local, found: Task) -> Response:
    """The change byte for byte, as `git apply` takes it."""
    return _attached(await service.patch(found.id), f"{found.id}.patch", _TEXT)


async def file(request: Request, service: Local, found: Task) -> Response:
    """What belongs to the task, by the hash of its content; nothing that belongs to another one."""
    artifact, path = await service.artifact(found.id, request.path_params["digest"])
    if artifact.kind == "image" and artifact.media_type in _PICTURES:
        content = await anyio.to_thread.run_sync(path.read_bytes)
        return picture_of(content, artifact.media_type)
    if artifact.kind == "film":
        return FileResponse(path, media_type=artifact.media_type, headers=_HEADERS)
    media_type = _TEXT if artifact.kind == "log" else "application/octet-stream"
    return FileResponse(path, media_type=media_type, headers={**_HEADERS, **disposition(artifact.name)})


def picture_of(content: bytes, media_type: str) -> Response:
    """A picture whose first bytes were looked at, to be drawn."""
    return Response(content, media_type=media_type, headers=_HEADERS)


def _attached(content: bytes, name: str, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={**_HEADERS, **disposition(name)})


def disposition(name: str) -> dict[str, str]:
    """The header that has a browser keep the answer under that name, as far as it is a plain one."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:100] or "file"
    return {"Content-Disposition": f'attachment; filename="{plain}"'}
