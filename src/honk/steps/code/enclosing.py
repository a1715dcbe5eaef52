"""message → agent: the files that came with it in a folder that the agent can only read, and in words.

The folder is mounted for as long as the agent's sandbox stands, so that a file of a later message appears in it.
Each file lies in a folder named after its content: laid out twice it is the same, and no name meets another.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import anyio
import structlog

from honk import prompts
from honk.domain.attachment import bounded_context, is_text, safe_name
from honk.domain.message import File, Image, Message
from honk.domain.text import Untrusted
from honk.ports import ATTACHMENTS, Attachment, Mount
from honk.steps.code.recordings import frames_of
from honk.steps.code.work import Work

_log = structlog.get_logger()
#: Of one message, what a model takes at once: pictures, and bytes of all of them.
PICTURES = 20
_PICTURE_BYTES = 20 << 20
#: Text files up to this size are quoted, until so many bytes are.
_QUOTED = 8_000
_ALL_QUOTED = 32_000
#: Files that are listed; more than these are said to be there.
_LISTED = 100


def folder_of(work: Work) -> Path:
    """The task's files on the host, for its sandbox's user to read; made where it is missing."""
    folder = work.ports.home / "tasks" / work.task.id / "attachments"
    _make(folder)
    return folder


def mount(work: Work) -> Mount:
    """Where the agent finds them."""
    return Mount(source=folder_of(work), target=ATTACHMENTS)


async def lay_out(work: Work, messages: Sequence[Message]) -> None:
    """Puts what came with the messages into the folder. What is there already stays."""
    folder = folder_of(work)
    for file in _files(work, messages):
        with contextlib.suppress(KeyError):
            source = work.ports.artifacts.path(file.digest)
            await anyio.to_thread.run_sync(_lay, source, folder / _place(file))


async def enclosed_words(work: Work, messages: Sequence[Message]) -> str:
    """What the agent is told of files and conversation; "" where nothing came."""
    await lay_out(work, messages)
    files = _files(work, messages)
    context = bounded_context("\n".join(one.context for one in messages if one.context))
    told = []
    if files:
        told.append(await _listing(work, files, messages))
    if context:
        told.append(prompts.render("conversation", conversation=prompts.fence(Untrusted(context), name="conversation")))
    return "\n".join(told)


async def pictures_of(work: Work, message: Message) -> tuple[Attachment, ...]:
    """The pictures of a message, then frames of its recordings: as many as a model takes."""
    found = [
        Attachment(media_type=one.media_type, content=content)
        for one in _shown(work, message)
        if (content := await _content(work, one.digest)) is not None
    ]
    await lay_out(work, (message,))
    room = _PICTURE_BYTES - sum(len(one.content) for one in found)
    for file in message.files:
        for frame in await frames_of(work, file, folder_of(work) / _place(file)):
            if len(found) < PICTURES and len(frame.content) <= room:
                found.append(frame)
                room -= len(frame.content)
    return tuple(found)


def _shown(work: Work, message: Message) -> list[Image]:
    """The first pictures, up to what a model takes; the others are files."""
    shown: list[Image] = []
    room = _PICTURE_BYTES
    for image in message.images[:PICTURES]:
        room -= _size(work, image.digest)
        if room < 0:
            break
        shown.append(image)
    return shown


def _files(work: Work, messages: Sequence[Message]) -> list[File]:
    """Each file once, with the pictures that are not shown."""
    found: dict[str, File] = {}
    for message in messages:
        rest = [
            File(name=safe_name(one.name), media_type=one.media_type, digest=one.digest, size=_size(work, one.digest))
            for one in message.images[len(_shown(work, message)) :]
        ]
        for file in (*message.files, *rest):
            found.setdefault(_place(file), file)
    return list(found.values())


async def _listing(work: Work, files: list[File], messages: Sequence[Message]) -> str:
    folder = folder_of(work)
    lines, texts, room = [], [], _ALL_QUOTED
    unshown = sum(len(one.images) - len(_shown(work, one)) for one in messages)
    for file in files[:_LISTED]:
        path = folder / _place(file)
        content = await _content(work, file.digest) if file.size <= min(_QUOTED, room) else None
        said = "" if _size(work, file.digest) else ", not kept any more" if file.size else ""
        if frames := await frames_of(work, file, path):
            said += f", a recording: {len(frames)} pictures taken at even distances come with these words, in order"
        elif file.media_type.startswith("video/"):
            said += ", a recording: no pictures of it could be taken, so it is there as a file only"
        lines.append(f"{ATTACHMENTS}/{_place(file)} ({file.media_type}, {file.size:,} bytes{said})")
        if content and is_text(content):
            room -= len(content)
            text = f"{file.name}:\n{content.decode('utf-8', 'replace')}"
            texts.append(prompts.fence(Untrusted(text), name="attachment"))
    if len(files) > _LISTED:
        lines.append(f"… and {len(files) - _LISTED} more")
    if unshown:
        lines.append(f"{unshown} of these are pictures, more than can be shown to you at once")
    listed = prompts.fence(Untrusted("\n".join(lines)), name="attachments")
    return prompts.render("attachments", files=listed, texts="\n".join(texts))


def _place(file: File) -> str:
    """Below the folder. The name is made safe again: a record is not trusted to have been."""
    return f"{file.digest[:12]}/{safe_name(file.name)}"


def _size(work: Work, digest: str) -> int:
    """Bytes; 0 for what is not kept any more."""
    try:
        return work.ports.artifacts.path(digest).stat().st_size
    except (KeyError, OSError):
        return 0


async def _content(work: Work, digest: str) -> bytes | None:
    try:
        return await work.ports.artifacts.get(digest)
    except KeyError:
        _log.info("what came with a message is not kept any more", task=work.task.id, digest=digest)
        return None


def _lay(source: Path, target: Path) -> None:
    if target.exists() or not source.exists():
        return
    _make(target.parent)
    arriving = target.parent.parent.parent / f".new-{uuid.uuid4().hex}"
    try:
        try:
            os.link(source, arriving)  # nobody can write to it: the mount is read-only
        except OSError:
            shutil.copyfile(source, arriving)
            arriving.chmod(0o444)
        arriving.rename(target)
    finally:
        arriving.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
