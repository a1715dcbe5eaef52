"""The thread so far, for the agent: who said what, with pictures and files. All of it is somebody's words.

Bounded in every direction: messages, characters, files, bytes, time. What is left out is said.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import anyio
import structlog

from honk.domain.message import File, Image
from honk.domain.text import shortened
from honk.doors.slack.api import Api
from honk.doors.slack.payloads import Attachment, ChatFile, Said
from honk.doors.slack.plain_words import mentions, plain_words
from honk.doors.slack.trouble import SlackDown
from honk.errors import HonkError
from honk.service import FILE_LIMIT, IMAGE_LIMIT, Local

_log = structlog.get_logger()

_MESSAGES, _CHARACTERS, _FILES = 200, 50_000, 40
#: seconds that fetching all files may take
_PATIENCE = 240.0
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(kw_only=True, slots=True)
class Context:
    """What goes along with the words of a message."""

    text: str = ""
    images: list[Image] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    #: what could not be brought along, in sentences
    missing: list[str] = field(default_factory=list)


async def gather(api: Api, service: Local, channel: str, said: Sequence[Said], asked: str) -> Context:
    """The conversation, up to and including the message `asked`, whose own words are left to the caller."""
    made, names = Context(), await _names(api, said)
    lines: list[str] = []
    for one in said[-_MESSAGES:]:
        if words := _told(one, names, own=one.ts == asked):
            lines.append(words)
    if len(said) > _MESSAGES:
        lines.insert(0, f"(of {len(said)} messages the last {_MESSAGES})")
    await _fetch(api, service, said, made)
    lines += [f"({one})" for one in made.missing]
    made.text = "\n".join(lines)[-_CHARACTERS:]
    return made


async def _names(api: Api, said: Sequence[Said]) -> dict[str, str]:
    ids = {one.user for one in said if one.user} | {id for one in said for id in mentions(one.text)}
    names: dict[str, str] = {}
    for id in sorted(ids)[:50]:
        try:
            names[id] = (await api.user(id)).shown
        except HonkError:
            names[id] = id
    return names


def _told(one: Said, names: dict[str, str], *, own: bool) -> str:
    """One message in a few lines; of the one that asks, only what is quoted and attached."""
    at = f"{datetime.fromtimestamp(float(one.ts or 0), UTC):%Y-%m-%d %H:%M}" if one.ts else ""
    who = names.get(one.user) or one.username or (f"bot {one.bot_id}" if one.bot_id else "somebody")
    parts = [] if own else [plain_words(one.text, names)]
    parts += [_quoted(each, names) for each in one.attachments]
    parts += [f"[file: {each.name or each.title}]" for each in one.files if each.name or each.title]
    words = "\n".join(part for part in parts if part.strip())
    return f"[{at}] {who}: {words}" if words else ""


def _quoted(one: Attachment, names: dict[str, str]) -> str:
    """A forwarded message, or what a link shows."""
    head = "forwarded" if one.is_share or one.is_msg_unfurl else "linked"
    by = f" of {names.get(one.author_id) or one.author_name}" if one.author_name or one.author_id else ""
    where = f" in #{one.channel_name}" if one.channel_name else ""
    source = one.from_url or one.title_link
    words = "\n".join(part for part in (one.pretext, one.title, one.text or one.fallback) if part)
    body = plain_words(shortened(words, 4000) if len(words) > 4000 else words, names)
    return f"({head}{by}{where}{f': {source}' if source else ''})\n{body}" if body or source else ""


async def _fetch(api: Api, service: Local, said: Sequence[Said], made: Context) -> None:
    """Files of the messages and of what they forward, the latest first where there are too many."""
    wanted = [file for one in said for file in (*one.files, *(each for a in one.attachments for each in a.files))]
    if len(wanted) > _FILES:
        made.missing.append(f"{len(wanted) - _FILES} older files of the thread were left out")
    with anyio.move_on_after(_PATIENCE) as scope, tempfile.TemporaryDirectory(prefix="honk-slack-") as folder:
        for number, one in enumerate(wanted[-_FILES:]):
            await _bring(api, service, one, Path(folder) / str(number), made)
    if scope.cancelled_caught:
        made.missing.append("fetching the files took too long; some are missing")


async def _bring(api: Api, service: Local, one: ChatFile, path: Path, made: Context) -> None:
    name = one.name or one.title or one.id
    if one.mode == "tombstone" or not one.address:
        made.missing.append(f"the file {shortened(name, 100)} is gone, or not Slack's")
        return
    if one.size > FILE_LIMIT:
        made.missing.append(f"the file {shortened(name, 100)} is larger than {FILE_LIMIT >> 20} MiB")
        return
    try:
        await api.download(one.address, path, FILE_LIMIT)
        if one.mimetype in _PICTURES and path.stat().st_size <= IMAGE_LIMIT:
            made.images.append(await service.add_image(name, path.read_bytes()))
        else:
            made.files.append(await service.add_file(name, path))
    except SlackDown:
        raise
    except HonkError as error:
        _log.warning("a file of a thread was not fetched", file=one.id, reason=error.message)
        made.missing.append(f"the file {shortened(name, 100)} could not be fetched: {error.message}")
