"""The files of a change as cards, riskiest first: the first lines are there at once, others when they are wanted."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import anyio.to_thread
from markupsafe import Markup

from honk.domain.event import ChangeTaken, Event
from honk.domain.repository import Compared, Sha
from honk.domain.task import Task
from honk.doors.web.diff_lines import Effort, Look, Piece, piece_of, shown_name
from honk.doors.web.diffs import FileDiff, read_diff
from honk.errors import HonkError
from honk.ports import Repositories
from honk.views import ChangedFile, compared_by_risk

#: cards of a page; lines and characters that it has at once, and lines of one file among them
CARDS, FIRST_LINES, FIRST_CHARACTERS, FIRST_OF_FILE = 100, 450, 40_000, 150
#: lines around a change: at first, when more are wanted, and "all"
CONTEXTS = {"3": 3, "25": 25, "all": 10_000_000}
_LOCKS = re.compile(
    r"(^|/)(package-lock\.json|npm-shrinkwrap\.json|pnpm-lock\.yaml|yarn\.lock|bun\.lockb?|poetry\.lock|uv\.lock|pdm\.lock"
    r"|Pipfile\.lock|requirements[\w.-]*\.lock|Cargo\.lock|go\.sum|Gemfile\.lock|composer\.lock|pubspec\.lock|mix\.lock"
    r"|deno\.lock|flake\.lock|Podfile\.lock|Package\.resolved|gradle\.lockfile)$"
)
_GENERATED = re.compile(
    r"\.(min\.(js|css)|map|snap|pb\.go|g\.dart|designer\.cs)$|_pb2(_grpc)?\.pyi?$|(^|/)(dist|vendor|node_modules|__snapshots__)/"
)
_PICTURES = re.compile(r"\.(png|jpe?g|gif|webp)$", re.IGNORECASE)
_MODES = {"100644": "plain", "100755": "executable", "120000": "a link", "160000": "a submodule"}
_NOTHING = re.compile("0+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Which difference is looked at, as addresses name it."""

    task: Task
    old: Sha
    head: Sha
    #: the turn whose change alone is shown; 0 for the whole pull request
    since: int = 0
    #: whether the visitor may ask about a line
    asks: bool = False

    def url(self, kind: str, file: str = "", **more: str | int) -> str:
        """The address of a file of it, or of the page itself."""
        query: dict[str, str | int] = {"file": file} if file else {}
        query |= {"since": f"turn-{self.since}"} if self.since else {}
        query |= {"head": self.head[:12]} if kind else {}
        query |= {name: value for name, value in more.items() if value}
        return f"/tasks/{self.task.id}/pull-request{kind}" + (f"?{urlencode(query)}" if query else "")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCard:
    """One file as it is shown."""

    id: str
    #: changes whenever what differs in the file does
    key: str
    name: Markup
    #: its path before, where it was moved
    was: Markup | None
    #: the path as it goes into a question
    path: str
    file: ChangedFile
    #: "added", "deleted", "moved", …
    status: str
    #: what happened to its mode; "" for nothing
    mode: str
    #: why it is not opened at first, in a word; "" where it is
    folded: str
    #: whether the latest turn changed it
    fresh: bool
    url: str
    #: addresses of the picture before and after
    pictures: tuple[tuple[str, str], ...]
    #: its lines, where they are there at once
    piece: Piece | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """A page of files."""

    cards: tuple[FileCard, ...]
    total: int
    #: the place of the first card, and of the first one that is left; 0 for none
    start: int
    rest: int


def file_id(path: str) -> str:
    """What a file is called in addresses: its path may hold anything."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def turn_before(log: Sequence[Event], number: int) -> Sha | None:
    """The commit that the turns before that one left; None where none left any."""
    taken = [event for event in log if isinstance(event.data, ChangeTaken) and event.turn < number]
    last = taken[-1].data if taken else None
    return Sha(last.commit) if isinstance(last, ChangeTaken) else None


def latest_turn(log: Sequence[Event]) -> int:
    """The last turn that changed anything; 0 for none."""
    return max((event.turn for event in log if isinstance(event.data, ChangeTaken)), default=0)


#: The latest pages: commits do not change, and a page is looked at again.
_KEPT: WeakKeyDictionary[Repositories, dict[tuple[object, ...], Changes]] = WeakKeyDictionary()
_KEEP = 16


async def changes(
    repositories: Repositories, place: Place, *, before: Sha | None, whole: Sha | None = None, start: int = 0
) -> Changes:
    """The files from a place on. `before`: what the latest turn began with; `whole`: the base that bounds a turn."""
    kept = _KEPT.setdefault(repositories, {})
    key = (place.task.id, place.old, place.head, place.since, place.asks, before, whole, start)
    if (known := kept.get(key)) is not None:
        return known
    made = await _changes(repositories, place, before=before, whole=whole, start=start)
    if any(one.piece for one in made.cards):
        while len(kept) >= _KEEP:
            del kept[next(iter(kept))]
        kept[key] = made
    return made


def forget() -> None:
    """Every page is made anew when it is looked at next."""
    _KEPT.clear()


async def _changes(
    repositories: Repositories, place: Place, *, before: Sha | None, whole: Sha | None, start: int
) -> Changes:
    repository = place.task.repository
    found = await repositories.compared(repository, place.old, place.head)
    if whole is not None:
        mine = {one.change.path for one in await repositories.compared(repository, whole, place.head)}
        found = tuple(one for one in found if one.change.path in mine or one.change.status == "D")
    fresh: set[str] = set()
    if before is not None and before not in {place.old, place.head}:
        fresh = {one.change.path for one in await repositories.compared(repository, before, place.head)}
    ordered = await anyio.to_thread.run_sync(compared_by_risk, found)
    cards = [card(place, one, file, fresh) for one, file in ordered[start : start + CARDS]]
    shown = await _with_lines(repositories, place, cards, [one for one, _ in ordered[start : start + CARDS]])
    rest = start + CARDS if start + CARDS < len(ordered) else 0
    return Changes(cards=tuple(shown), total=len(ordered), start=start, rest=rest)


async def find(repositories: Repositories, place: Place, id: str) -> tuple[Compared, ChangedFile] | None:
    """The file with that id, and what is said of it."""
    found = await repositories.compared(place.task.repository, place.old, place.head)
    return next(iter(compared_by_risk(one for one in found if file_id(one.change.path) == id)), None)


def card(place: Place, one: Compared, file: ChangedFile, fresh: set[str]) -> FileCard:
    """What a file's card says, without its lines."""
    path, id = one.change.path, file_id(one.change.path)
    key = hashlib.sha256(f"{one.old}{one.new}{one.change.old_mode}{one.change.new_mode}".encode()).hexdigest()[:12]
    return FileCard(
        id=id,
        key=key,
        name=shown_name(path),
        was=shown_name(one.was) if one.was else None,
        path=path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        file=file,
        status=_status(one),
        mode=_mode(one),
        folded=_folded(one),
        fresh=path in fresh,
        url=place.url("/file", id),
        pictures=_pictures(place, one, id),
    )


async def lines_of(repositories: Repositories, place: Place, one: Compared, context: str, start: int) -> Piece | None:
    """Some lines of one file; None where there are none to show."""
    id = file_id(one.change.path)
    text = await repositories.differences(
        place.task.repository, place.old, place.head, (one,), context=CONTEXTS[context]
    )
    wider = "" if context == "all" else place.url("/file", id, context="25" if context == "3" else "all")
    look = Look(path=one.change.path, file=id, asks=place.asks, wider=wider)

    def made() -> Piece | None:
        hunks = tuple(hunk for diff in read_diff(text) for hunk in diff.hunks)
        return piece_of(FileDiff("", "", (), hunks), look, start=start) if hunks else None

    return await anyio.to_thread.run_sync(made)


async def _with_lines(
    repositories: Repositories, place: Place, cards: Sequence[FileCard], files: Sequence[Compared]
) -> list[FileCard]:
    """The first of them with their lines, as many as a first page bears."""
    room, wanted = FIRST_LINES, list[Compared]()
    for one, shown in zip(files, cards, strict=True):
        if not shown.folded and not shown.pictures and not one.change.binary and room > 0:
            wanted.append(one)
            room -= min(one.change.insertions + one.change.deletions + 6, FIRST_OF_FILE)
    if not wanted:
        return list(cards)
    try:
        text = await repositories.differences(place.task.repository, place.old, place.head, tuple(wanted))
    except HonkError:  # every file can still be opened by itself, and says then what is wrong with it
        return list(cards)
    return await anyio.to_thread.run_sync(_filled, place, cards, files, text)


def _filled(place: Place, cards: Sequence[FileCard], files: Sequence[Compared], text: str) -> list[FileCard]:
    diffs: dict[tuple[str, str], list[FileDiff]] = {}
    for diff in read_diff(text):
        diffs.setdefault((diff.before, diff.after), []).append(diff)
    effort, lines = Effort(characters=FIRST_CHARACTERS), FIRST_LINES
    filled = []
    for shown, one in zip(cards, files, strict=True):
        found = diffs.get((one.before, one.change.path), [])
        if len(found) == 1 and found[0].hunks and lines > 0 and effort.characters > 0:
            wider = place.url("/file", shown.id, context="25")
            look = Look(path=one.change.path, file=shown.id, asks=place.asks, wider=wider)
            effort.lines = min(lines, FIRST_OF_FILE)
            lines -= effort.lines
            shown = replace(shown, piece=piece_of(found[0], look, effort))
            lines += effort.lines
        filled.append(shown)
    return filled


def _status(one: Compared) -> str:
    if one.was:
        return "moved"
    return {"A": "added", "D": "deleted", "T": "another kind of file"}.get(one.change.status, "changed")


def _mode(one: Compared) -> str:
    old, new = one.change.old_mode, one.change.new_mode
    if old == new or _NOTHING.fullmatch(old) or _NOTHING.fullmatch(new):
        return ""
    return f"{_MODES.get(old, old)} → {_MODES.get(new, new)} ({old} → {new})"


def _folded(one: Compared) -> str:
    path = one.change.path
    if one.change.status == "D":
        return "deleted"
    if _LOCKS.search(path):
        return "lock file"
    return "generated" if _GENERATED.search(path) else ""


def _pictures(place: Place, one: Compared, id: str) -> tuple[tuple[str, str], ...]:
    """Only what is drawn and never run: an SVG is text, and its lines are shown."""
    sides = (("before", one.before, one.old), ("after", one.change.path, one.new))
    if not any(_PICTURES.search(path) for _, path, _ in sides) or not (one.change.binary or one.old == one.new):
        return ()
    return tuple(
        (side, place.url("/picture", id, side=side)) for side, _, blob in sides if not _NOTHING.fullmatch(blob)
    )
