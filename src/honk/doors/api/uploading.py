"""Routes that take builds, in the protocol tus 1.0.0: begin, ask how far it has come, append until it is whole.

Of its extensions: creation, expiration and termination. The header Tus-Resumable may be left out, as with curl.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from email.utils import format_datetime
from typing import Annotated

import anyio
from fastapi import APIRouter, Body, Depends, Header, HTTPException, Path, Request, Response
from starlette.requests import ClientDisconnect

from honk.doors.api.answers import said
from honk.doors.api.callers import Steerer, Uploader
from honk.doors.api.looking import TaskName
from honk.doors.api.problems import errors
from honk.errors import Usage
from honk.service import GREATEST
from honk.service.governing import TokenMade
from honk.service.uploads import BuildTokenWanted, StampShown, StampWanted, UploadShown, UploadWanted

VERSION = "1.0.0"
_KIND = "application/offset+octet-stream"
_FIELDS = {"task", "commit", "sha256", "filename", "job", "lease"}
_LONGEST = 300
_BYTES = {"requestBody": {"required": True, "content": {_KIND: {"schema": {"type": "string", "format": "binary"}}}}}


def _understood(tus_resumable: Annotated[str, Header(description="The protocol's version: 1.0.0.")] = VERSION) -> None:
    if tus_resumable != VERSION:
        raise HTTPException(412, f"this server speaks tus {VERSION}, not {tus_resumable[:20]!r}")


router = APIRouter(tags=["upload"], dependencies=[Depends(_understood)])
UploadId = Annotated[str, Path(max_length=100, description="As the Location of the beginning has it.")]
Metadata = Annotated[
    str,
    Header(
        max_length=4000,
        description="Pairs of a name and its value in base64, with commas between: `commit` (of which it was built), "
        "`filename`, `sha256` (in hexadecimal digits), and `task`, which a token that is bound to one needs not name. "
        "A worker names `job` and `lease` in place of these.",
    ),
]


@router.post(
    "/tasks/{task}/build-tokens",
    status_code=201,
    response_model=TokenMade,
    responses=errors(404, 413),
    summary="Make an access token that can upload builds of this task, and nothing else",
)
async def create_build_token(
    caller: Steerer, task: TaskName, wanted: Annotated[BuildTokenWanted | None, Body()] = None
) -> Response:
    found = await caller.find(task)
    return said(TokenMade, await caller.create_build_token(found.id, wanted or BuildTokenWanted()), 201)


@router.post(
    "/uploads/stamps",
    response_model=StampShown,
    responses=errors(404, 409, 413),
    summary="What a build of a commit is to carry: a number that only grows, and more; asked again, the same",
)
async def stamp(caller: Uploader, wanted: StampWanted) -> Response:
    return said(StampShown, await caller.stamp_build(wanted), 200)


@router.post(
    "/uploads",
    status_code=201,
    response_model=UploadShown,
    responses=errors(404, 409, 412, 413),
    summary="Begin to upload a build; with `sha256`, one that was begun before goes on",
)
async def begin(
    caller: Uploader,
    upload_length: Annotated[int, Header(ge=1, le=GREATEST << 20, description="Of the whole file, in bytes.")],
    upload_metadata: Metadata,
) -> Response:
    known = _metadata(upload_metadata)
    if known.get("job"):
        name, digest = known.get("filename", "") or "build", known.get("sha256", "")
        made = await caller.begin_job_upload(known["job"], known.get("lease", ""), name, upload_length, digest)
        return said(UploadShown, made, 201, Location=f"/api/v1/uploads/{made.id}", **_headers(made))
    wanted = UploadWanted(
        task=known.get("task", ""),
        commit=known.get("commit", ""),
        name=known.get("filename", "") or "build",
        size=upload_length,
        digest=known.get("sha256", ""),
    )
    begun = await caller.begin_upload(wanted)
    return said(UploadShown, begun, 201, Location=f"/api/v1/uploads/{begun.id}", **_headers(begun))


@router.head(
    "/uploads/{upload}",
    response_class=Response,
    responses=errors(404, 412),
    summary="How far an upload has come: `Upload-Offset`",
)
async def offset(caller: Uploader, upload: UploadId) -> Response:
    found = await caller.upload(upload)
    return Response(headers={"Cache-Control": "no-store", **_named(found)})


@router.get(
    "/uploads/{upload}",
    response_model=UploadShown,
    responses=errors(404, 412),
    summary="What became of an upload",
)
async def show(caller: Uploader, upload: UploadId) -> Response:
    found = await caller.upload(upload)
    return said(UploadShown, found, 200, **_headers(found))


@router.patch(
    "/uploads/{upload}",
    status_code=204,
    response_class=Response,
    responses=errors(404, 409, 412, 413, 415),
    summary="Append to an upload at its offset; with the last byte it becomes a build",
    openapi_extra=_BYTES,
)
async def append(
    caller: Uploader,
    request: Request,
    upload: UploadId,
    upload_offset: Annotated[int, Header(ge=0, le=GREATEST << 20, description="How far it has come, in bytes.")],
    content_type: Annotated[str, Header()] = "",
) -> Response:
    if content_type.partition(";")[0].strip().lower() != _KIND:
        raise HTTPException(415, f"what is appended is of the kind {_KIND}, not {content_type[:80]!r}")
    now = await caller.append(upload, upload_offset, _pieces(request, request.app.state.backstage.silence()))
    return Response(status_code=204, headers={"Cache-Control": "no-store", **_named(now)})


@router.delete(
    "/uploads/{upload}",
    status_code=204,
    response_class=Response,
    responses=errors(404, 412),
    summary="Give an upload up, unless it is complete",
)
async def discard(caller: Uploader, upload: UploadId) -> Response:
    await caller.discard_upload(upload)
    return Response(status_code=204, headers={"Cache-Control": "no-store", "Tus-Resumable": VERSION})


async def _pieces(request: Request, silence: float) -> AsyncIterator[bytes]:
    """The body as it comes, up to where the connection broke."""
    stream = request.stream()
    while True:
        try:
            with anyio.fail_after(silence):
                piece = await anext(stream)
        except (StopAsyncIteration, ClientDisconnect, TimeoutError):
            return
        yield piece


def _metadata(text: str) -> dict[str, str]:
    """Names and values. Raises Usage for what cannot be read, or is not known."""
    found: dict[str, str] = {}
    for pair in text.split(","):
        name, _, value = pair.strip().partition(" ")
        if name not in _FIELDS:
            continue
        try:
            found[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise Usage(f"the value of {name} in Upload-Metadata is not base64 of UTF-8") from None
        if len(found[name]) > _LONGEST:
            raise Usage(f"the value of {name} in Upload-Metadata is longer than {_LONGEST} characters")
    if not found.get("commit") and not found.get("job"):
        raise Usage(
            "Upload-Metadata has no commit", "say of which commit the file was built: commit <its SHA in base64>"
        )
    return found


def _named(upload: UploadShown) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in _headers(upload).items()}


def _headers(upload: UploadShown) -> dict[str, str]:
    return {
        "Tus_Resumable": VERSION,
        "Upload_Offset": str(upload.received),
        "Upload_Length": str(upload.size),
        "Upload_Expires": format_datetime(upload.until, usegmt=True),
    }
