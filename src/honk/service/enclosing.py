"""What may go with words: pictures that models read, and files; each was uploaded, and is what it says it is."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from honk.domain.attachment import HEAD, PICTURES, kind_of, safe_name
from honk.domain.message import Enclosed, File, Image
from honk.errors import Usage

if TYPE_CHECKING:
    from honk.ports import Ports

IMAGE_LIMIT = 5 << 20
FILE_LIMIT = 100 << 20
#: Of one message: files, pictures, and bytes of all files.
MOST = 50
ALL_FILES_LIMIT = 500 << 20


async def add_image(name: str, content: bytes, ports: "Ports") -> Image:
    """See Acting.add_image."""
    if len(content) > IMAGE_LIMIT:
        raise Usage(f"{name} is larger than {IMAGE_LIMIT >> 20} MiB", "give a smaller picture, or give it as a file")
    media_type = kind_of(content[:HEAD])
    if media_type not in PICTURES:
        raise Usage(f"{name} is not a picture that the model reads", "give a PNG, JPEG, GIF or WebP file")
    return Image(name=name, media_type=media_type, digest=await ports.artifacts.put(content))


async def add_file(name: str, content: bytes | Path, ports: "Ports") -> File:
    """See Acting.add_file."""
    head, size = await anyio.to_thread.run_sync(_begin, content)
    called = safe_name(name)
    if size > FILE_LIMIT:
        raise Usage(f"{called} is larger than {FILE_LIMIT >> 20} MiB", "give the part of it that matters")
    digest = await ports.artifacts.put(content)
    await ports.records.cache(_uploaded(digest), "")
    return File(name=called, media_type=kind_of(head), digest=digest, size=size)


async def checked(given: Enclosed, ports: "Ports") -> Enclosed:
    """The same, with names, types and sizes as they are. Raises Usage for what nobody uploaded, or too much.

    A digest may name anything in the shelf: the build of somebody's task goes with no words.
    """
    if max(len(given.images), len(given.files)) > MOST:
        raise Usage(
            f"more than {MOST} files or pictures came with one message", "give those that matter, or an archive"
        )
    for image in given.images:
        head, _ = await _stored(image.digest, ports)
        if image.media_type not in PICTURES or kind_of(head) != image.media_type:
            raise Usage(f"there is no picture {image.digest[:80]!r}", "upload it first, and give what came back")
    files = tuple([await _file(one, ports) for one in given.files])
    if sum(one.size for one in files) > ALL_FILES_LIMIT:
        raise Usage(
            f"the files of one message are larger than {ALL_FILES_LIMIT >> 20} MiB", "give what matters of them"
        )
    return replace(given, files=files)


async def _file(given: File, ports: "Ports") -> File:
    head, size = await _stored(given.digest, ports)
    if size < 0 or await ports.records.cached(_uploaded(given.digest)) is None:
        raise Usage(f"there is no file {given.digest[:80]!r}", "upload it first, and give what came back")
    return File(name=safe_name(given.name), media_type=kind_of(head), digest=given.digest, size=size)


async def _stored(digest: str, ports: "Ports") -> tuple[bytes, int]:
    """How it begins, and its size; -1 where nothing is stored."""
    try:
        return await anyio.to_thread.run_sync(_begin, ports.artifacts.path(digest))
    except (KeyError, OSError):
        return b"", -1


def _begin(content: bytes | Path) -> tuple[bytes, int]:
    if isinstance(content, bytes):
        return content[:HEAD], len(content)
    with content.open("rb") as file:
        head = file.read(HEAD)
        return head, file.seek(0, 2)


def _uploaded(digest: str) -> str:
    return f"file/{digest}"
