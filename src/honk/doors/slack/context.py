"""The thread so far, for the agent: who said what, with pictures and files. All of it is somebody's words.

Bounded in every direction: messages, characters, files, bytes, time. What is left out is said.
"""

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import anyio
import structlog

from honk.domain.message import File, Image
from honk.domain.policy import Act
from honk.domain.text import shortened, visible
from honk.doors.slack.api import Api
from honk.doors.slack.payloads import Attachment, ChatFile, Said
from honk.doors.slack.people import Caller, People
from honk.doors.slack.plain_words import mentions, plain_words, without_mention
from honk.doors.slack.trouble import SlackDown
from honk.errors import HonkError
from honk.service import ALL_FILES_LIMIT, FILE_LIMIT, IMAGE_LIMIT, MOST
from honk.views import Card
from honk.views.standing import SAYS

_log = structlog.get_logger()

#: Of a conversation, and of one message in it; characters of a quotation, and of a pull request.
_MESSAGES, _CHARACTERS, _OF_ONE = 200, 50_000, 15_000
_QUOTED, _BODY = 4000, 6000
#: Links to tasks that are looked up.
_LINKS = 5
#: seconds that fetching all files may take
_PATIENCE = 240.0
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """The message that asks. Where its author asks in these words, they are not told twice."""

    ts: str
    user: str
    words: str
    #: Honk's own user, whose name in the message is none of its words
    bot: str


@dataclass(kw_only=True, slots=True)
class Context:
    """What goes along with the words of a message."""

    text: str = ""
    images: list[Image] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    #: what could not be brought along, in sentences
    missing: list[str] = field(default_factory=list)


async def gather(api: Api, people: People, caller: Caller, said: Sequence[Said], own: Own) -> Context:
    """The conversation up to and including the message that asks, and what its links to Honk's own tasks lead to."""
    made, latest = Context(), said[-_MESSAGES:]
    names = await people.names(_named(latest))
    told = [words for one in latest if (words := _told(one, names, own))]
    await _fetch(api, caller, said, made)
    kept = _bounded(told)
    if left := len(said) - len(latest) + len(told) - len(kept):
        kept.insert(0, f"({left} earlier messages were left out)")
    kept += await _unrolled(caller, (own.words, *told))
    made.text = "\n".join((*kept, *(f"({one})" for one in made.missing)))
    return made


# ── what was said ──────────────────────────────────────────────────────────────────────────────
def _named(said: Iterable[Said]) -> set[str]:
    """Whoever says something there, or is named in it."""
    found: set[str] = set()
    for one in said:
        found |= {one.user, *mentions(one.words)}
        for each in one.attachments:
            found |= {each.author_id, *mentions(each.words)}
    return found - {""}


def _told(one: Said, names: Mapping[str, str], own: Own) -> str:
    """One message in a few lines; of the one that asks, only what is quoted and attached."""
    at = f"{datetime.fromtimestamp(float(one.ts or 0), UTC):%Y-%m-%d %H:%M}" if one.ts else ""
    who = names.get(one.user) or one.username or (f"bot {one.bot_id}" if one.bot_id else "somebody")
    words = plain_words(one.words, names)
    asked = plain_words(without_mention(one.words, own.bot), names)
    known = (one.ts, one.user, asked.split()) == (own.ts, own.user, own.words.split())
    parts = [] if known else [_cut(words, _OF_ONE)]
    parts += [_quoted(each, names) for each in one.attachments]
    parts += [f"[file: {shortened(visible(each.name or each.title), 100)}]" for each in one.files if each.name]
    # indented, so that nobody's words look like somebody else's message
    body = "\n".join(part for part in parts if part.strip()).replace("\n", "\n  ")
    return f"[{at}] {who}: {body}" if body else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def _quoted(one: Attachment, names: Mapping[str, str]) -> str:
    """A forwarded message, or what a link shows."""
    head = "forwarded" if one.is_share or one.is_msg_unfurl else "linked"
    by = f" of {names.get(one.author_id) or one.author_name}" if one.author_name or one.author_id else ""
    where = f" in #{one.channel_name}" if one.channel_name else ""
    source = one.from_url or one.title_link
    body = plain_words(_cut(one.words, _QUOTED), names)
    return f"({head}{by}{where}{f': {source}' if source else ''})\n{body}" if body or source else ""


def _bounded(told: Sequence[str]) -> list[str]:
    """The latest, as many as there is room for."""
    left, kept = _CHARACTERS, list[str]()
    for words in reversed(told):
        left -= len(words)
        if left < 0:
            break
        kept.insert(0, words)
    return kept


# ── links to tasks ─────────────────────────────────────────────────────────────────────────────
async def _unrolled(caller: Caller, texts: Iterable[str]) -> list[str]:
    """What the links lead to that are of Honk's own pages, as far as the caller may ask for something there."""
    ports = caller.service.app.ports
    page = ports.previews.page("/tasks/")
    if not page:
        return []
    ids = [match[1] for text in texts for match in re.finditer(re.escape(page) + r"([A-Za-z0-9_-]{1,80})", text)]
    found = []
    for id in list(dict.fromkeys(ids))[:_LINKS]:
        try:
            card = await caller.service.card(id)
        except HonkError:
            continue  # a link that leads nowhere says nothing
        if (await ports.policy.ask(caller.person, Act.ASK, card.task.repository, card.task)).allowed:
            found.append(_task(card, f"{page}{id}"))
    return found


def _task(card: Card, address: str) -> str:
    task, pull_request = card.task, card.pull_request
    lines = [f"({address} is Honk's task in {task.repository.name}: {SAYS[task.state]})"]
    lines.append(f"asked: {_cut(task.instruction, _QUOTED)}")
    if task.reason:
        lines.append(f"reason: {_cut(task.reason, _QUOTED)}")
    if pull_request is not None:
        lines.append(f"pull request {pull_request.number}, {pull_request.state}: {pull_request.title}")
        lines.append(_cut(pull_request.body, _BODY))
    return "\n".join(lines).replace("\n", "\n  ")


# ── files ──────────────────────────────────────────────────────────────────────────────────────
async def _fetch(api: Api, caller: Caller, said: Sequence[Said], made: Context) -> None:
    """Files of the messages and of what they forward, the latest where there are too many."""
    every = [file for one in said for file in (*one.files, *(each for a in one.attachments for each in a.files))]
    wanted = _that_fit(every)
    if len(every) > len(wanted):
        made.missing.append(f"{len(every) - len(wanted)} older files of the thread were left out")
    with anyio.move_on_after(_PATIENCE) as scope, tempfile.TemporaryDirectory(prefix="honk-slack-") as folder:
        for number, one in enumerate(wanted):
            await _bring(api, caller, one, Path(folder) / str(number), made)
    if scope.cancelled_caught:
        made.missing.append("fetching the files took too long; some are missing")


def _that_fit(files: Sequence[ChatFile]) -> list[ChatFile]:
    """As many of the latest as may go with one message; one that is too large by itself takes no room."""
    left, kept = ALL_FILES_LIMIT, list[ChatFile]()
    for one in reversed(files):
        left -= one.size if one.size <= FILE_LIMIT else 0
        if left < 0 or len(kept) == MOST:
            break
        kept.insert(0, one)
    return kept


async def _bring(api: Api, caller: Caller, one: ChatFile, path: Path, made: Context) -> None:
    name = one.name or one.title or one.id
    called = f"the file {shortened(visible(name), 100)}"
    if one.mode == "tombstone" or not one.address:
        made.missing.append(f"{called} is gone, or not Slack's")
        return
    if one.size > FILE_LIMIT:
        made.missing.append(f"{called} is larger than {FILE_LIMIT >> 20} MiB")
        return
    try:
        await _download(api, one, path)
        if one.mimetype in _PICTURES and path.stat().st_size <= IMAGE_LIMIT:
            made.images.append(await caller.service.add_image(name, path.read_bytes()))
        else:
            made.files.append(await caller.service.add_file(name, path))
    except HonkError as error:
        _log.warning("a file of a thread was not fetched", file=one.id, reason=error.message)
        made.missing.append(f"{called} could not be fetched: {error.message}")


async def _download(api: Api, one: ChatFile, path: Path) -> None:
    """Twice where Slack is in trouble; then the request goes on without the file, which is said."""
    try:
        await api.download(one.address, path, FILE_LIMIT)
    except SlackDown:
        await api.download(one.address, path, FILE_LIMIT)
