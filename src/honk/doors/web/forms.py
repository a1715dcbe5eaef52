"""What a form of a page brings: its fields and files, within bounds, and that it was filled in on a page of Honk's.

A browser says where a form was sent from; what one that is silent about it sends is told apart by the number in
the form, which no other site knows.
"""

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import cast
from urllib.parse import parse_qsl

import anyio.to_thread
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from honk.domain.attachment import HEAD, PICTURES, kind_of
from honk.domain.message import File, Image
from honk.errors import NotAllowed, TooLarge, Usage
from honk.service import FILE_LIMIT, IMAGE_LIMIT, Local

#: A million characters take up to twelve bytes each in a form without files.
_WORDS_LIMIT = 12 << 20
#: of a form with files in all, and of one of its fields
_BODY_LIMIT, _FIELD_LIMIT = FILE_LIMIT, 4 << 20
_FIELDS, _FILES = 40, 10
_ONCE = re.compile(r"[0-9A-Za-z-]{16,64}")
#: where each sending of a form differs although it says the same
_NOT_SAID = frozenset({"nonce", "once"})


@dataclass(frozen=True, kw_only=True)
class Enclosures:
    """Pictures and files that came along, and are stored."""

    images: tuple[Image, ...] = ()
    files: tuple[File, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Form:
    """What was filled in. Files can be read while the request is answered."""

    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[UploadFile, ...] = ()

    def __getitem__(self, name: str) -> str:
        """The field's words with plain line ends; "" where there is no such field."""
        return self.fields.get(name, "").replace("\r\n", "\n").replace("\r", "\n")

    @property
    def once(self) -> str:
        """What makes a second sending of the same form recognisable. Raises Usage."""
        if not _ONCE.fullmatch(self["once"]):
            raise Usage("this form is not complete", "load the page again, and send it once more")
        return self["once"]

    async def digest(self) -> str:
        """Names what the form says: a page that the browser shows again may send other words with the same `once`."""
        said = hashlib.sha256()
        for name in sorted(self.fields.keys() - _NOT_SAID):
            said.update(f"{name}\0{self[name]}\0\0".encode("utf-8", "replace"))
        for file in self.files:
            said.update(await anyio.to_thread.run_sync(_digest_of, file))
        return said.hexdigest()

    async def enclosures(self, service: Local) -> Enclosures:
        """Stores what came along: as a picture what the model reads, as a file everything else."""
        images, files = list[Image](), list[File]()
        for one in self.files:
            name = one.filename or "file"
            head = await one.read(HEAD)
            await one.seek(0)
            if kind_of(head) in PICTURES and (one.size or 0) <= IMAGE_LIMIT:
                images.append(await service.add_image(name, await one.read()))
            else:
                files.append(await service.add_file(name, await anyio.to_thread.run_sync(_path_of, one)))
        return Enclosures(images=tuple(images), files=tuple(files))


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[Form]:
    """The form in the request's body; its files are gone afterwards. Raises TooLarge and Usage."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with _with_files(request) as form:
            yield form
    elif kind == "application/x-www-form-urlencoded":
        yield await _words(request)
    else:
        raise Usage("this is no form", "load the page again, and fill in its form")


@asynccontextmanager
async def _with_files(request: Request) -> AsyncIterator[Form]:
    parser = MultiPartParser(
        request.headers,
        _bounded(request, _BODY_LIMIT),
        max_files=_FILES,
        max_fields=_FIELDS,
        max_part_size=_FIELD_LIMIT,
    )
    try:
        found = await parser.parse()
    except MultiPartException as exc:
        raise Usage(f"the form cannot be read: {exc.message}", f"at most {_FILES} files go with it") from exc
    try:
        named = found.multi_items()
        # A field for files that nobody chose comes as one without a name and without content.
        files = [value for _, value in named if isinstance(value, UploadFile) and (value.filename or value.size)]
        fields = {name: value for name, value in reversed(named) if isinstance(value, str)}
        yield Form(fields=fields, files=tuple(files))
    finally:
        await found.close()


async def _words(request: Request) -> Form:
    body = b"".join([piece async for piece in _bounded(request, _WORDS_LIMIT)])
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as exc:
        raise Usage("the form has more fields than a page of Honk's", "load the page again") from exc
    return Form(fields=dict(reversed(pairs)))


async def _bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body, as long as it is not larger."""
    said = TooLarge(f"what is sent may have {limit >> 20} MiB at most", "give the part of it that matters")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length) > limit:
        raise said
    read = 0
    async for piece in request.stream():
        read += len(piece)
        if read > limit:
            raise said
        yield piece


def sent_from_here(request: Request, service: Local) -> None:
    """Raises NotAllowed for a form that the browser says another site sent."""
    place = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if place is not None:
        here = place == "same-origin"
    else:
        # Over plain http a browser says no more than this. A proxy may have changed Host: then public_url tells.
        known = {request.headers.get("host", "")}
        if (own := service.app.ports.previews.page("/")) is not None:
            known.add(own.partition("://")[2].partition("/")[0])
        here = origin is None or origin.partition("://")[2] in known - {""}
    if not here:
        raise NotAllowed("this form was not sent by a page of Honk's", "open the page itself, and try there")


def _digest_of(file: UploadFile) -> bytes:
    file.file.seek(0)
    digest = hashlib.file_digest(file.file, "sha256")  # type: ignore[arg-type]
    file.file.seek(0)
    return digest.digest()


def _path_of(file: UploadFile) -> Path:
    """Where the file can be read; it has no name in any folder."""
    kept = cast("SpooledTemporaryFile[bytes]", file.file)
    number = kept.fileno()  # which puts it on disk
    kept.flush()
    return Path(f"/proc/self/fd/{number}")
