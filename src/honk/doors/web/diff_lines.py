"""The lines of a file's difference as they stand on a page: numbers, colours, changed words, folds.

Written as text, not as a template: a page has thousands of them. Every word of a file goes through `_shown`, which
escapes it, and shows what would hide or reorder others.
"""

import re
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from honk.doors.web.colours import Pieces, coloured, language_of
from honk.doors.web.diffs import DiffLine, FileDiff, Hunk
from honk.doors.web.words import Marker, Spans

#: lines and characters in one go, and characters of one line
LINES, CHARACTERS, WIDTH = 1000, 150_000, 2000
#: seconds of a processor that the colours of one answer may take
_COLOURS = 0.5
#: lines that a browser lays out together
_CHUNK = 100
#: What nobody sees, or what turns the direction of others: control characters, bidi, joiners, fillers, tags.
_ODD = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_SHORT = {"\r": "CR", "\x1b": "ESC", "\x00": "NUL", "\x08": "BS", "\x0c": "FF"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How lines are looked at."""

    #: for colours
    path: str
    #: what the file is called in addresses
    file: str
    #: line numbers lead to a question about the line
    asks: bool
    #: where more lines around a change are; "" where there are none
    wider: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Some lines of a difference."""

    html: Markup
    #: the place of the first line that is left; 0 where none is
    rest: int
    #: how many lines are left
    left: int


@dataclass(slots=True)
class Effort:
    """What one answer may cost, of however many files it is: made and used up in one thread."""

    marker: Marker = field(default_factory=Marker)
    until: float = field(default_factory=lambda: time.thread_time() + _COLOURS)
    lines: int = LINES
    characters: int = CHARACTERS


def piece_of(diff: FileDiff, look: Look, effort: Effort | None = None, *, start: int = 0) -> Piece:
    """As many lines of it from a place on as the effort allows; at least one, however long."""
    effort = effort or Effort()
    total = sum(len(hunk.lines) for hunk in diff.hunks)
    out: list[str] = []
    at, end, before = 0, start, 0
    for number, hunk in enumerate(diff.hunks):
        some = _fitting(hunk.lines[max(start - at, 0) :], effort) if at + len(hunk.lines) > start else ()
        if some:
            begun = start > at
            out += _hunk(Hunk("" if begun else hunk.header, hunk.heading, some), look, effort)
            if not begun and (gap := _gap(hunk, before, first=number == 0)) and look.wider:
                out.insert(len(out) - 1, _gap_line(gap, look.wider))
            effort.lines -= len(some)
            effort.characters -= sum(_length(one) for one in some)
            end = max(start, at) + len(some)
            if end < at + len(hunk.lines) or effort.lines <= 0 or effort.characters <= 0:
                break
        at += len(hunk.lines)
        before = next((one.new + 1 for one in reversed(hunk.lines) if one.new), before)
    left = max(total - end, 0)
    return Piece(html=Markup("".join(out)), rest=end if left else 0, left=left)


def _length(line: DiffLine) -> int:
    return min(len(line.text), WIDTH) + 20


def _fitting(lines: Sequence[DiffLine], effort: Effort) -> tuple[DiffLine, ...]:
    found: list[DiffLine] = []
    characters = effort.characters
    for line in lines[: max(effort.lines, 1)]:
        characters -= _length(line)
        if found and characters < 0:
            break
        found.append(line)
    return tuple(found)


def _gap(hunk: Hunk, before: int, *, first: bool) -> int:
    """How many lines lie between this hunk and the one before it."""
    start = next((one.new for one in hunk.lines if one.new), 0)
    return max(start - (1 if first else before), 0) if start and (first or before) else 0


def _gap_line(lines: int, wider: str) -> str:
    count = "1 line" if lines == 1 else f"{lines} lines"
    return f'<p class="gap"><a data-into href="{escape(wider)}">{count} not shown: show more</a></p>'


def _hunk(hunk: Hunk, look: Look, effort: Effort) -> Iterator[str]:
    rows = list(_rows(hunk, look, effort))
    chunks = [rows[at : at + _CHUNK] for at in range(0, len(rows), _CHUNK)]
    tables = "".join(_table(chunk) for chunk in chunks)
    numbers = [one.new or one.old for one in hunk.lines if one.new or one.old]
    where = f"Lines {numbers[0]} to {numbers[-1]}" if numbers else "More"
    heading = f" <code>{_shown(hunk.heading[:100])}</code>" if hunk.heading else ""
    yield f'<details class="hunk" open><summary>{where}{heading}</summary>{tables}</details>'


def _table(rows: Sequence[str]) -> str:
    """Lines that a browser lays out when they come into sight; of fewer it would have to guess the height."""
    late = ' class="chunk"' if len(rows) == _CHUNK else ""
    return f"<div{late}><table><tbody>{''.join(rows)}</tbody></table></div>"


def _rows(hunk: Hunk, look: Look, effort: Effort) -> Iterator[str]:
    marks = effort.marker.marks(hunk.lines)
    pieces = _colours(hunk.lines, look.path, effort.until)
    for at, line in enumerate(hunk.lines):
        kind = {"+": ' class="a"', "-": ' class="d"'}.get(line.sign, "")
        code = "".join(_cut(pieces[at], line.text, marks.get(at, ()), line.sign))
        if not line.ends:
            code += '<span class="odd">no newline at the end</span>'
        numbers = _number(line.old, look, "&amp;side=old" if not line.new else None) + _number(line.new, look, "")
        yield f'<tr{kind}>{numbers}<td class="c">{code}</td></tr>'


def _number(number: int, look: Look, side: str | None) -> str:
    """A cell; with a side, the number leads to a question about the line."""
    if not number:
        return "<td></td>"
    if look.asks and side is not None:
        return f'<td><a href="?file={look.file}&amp;line={number}{side}#ask">{number}</a></td>'
    return f"<td>{number}</td>"


def _colours(lines: Sequence[DiffLine], path: str, until: float) -> list[Pieces]:
    """Each line in pieces: the lines before and those after are two texts, coloured each by itself."""
    found: list[Pieces] = [[("", line.text)] for line in lines]
    if not (language := language_of(path)):
        return found
    signs = {line.sign for line in lines}
    for sign in ("+", "-"):
        if sign in signs or (sign == "+" and "-" not in signs):
            side = [at for at, line in enumerate(lines) if line.sign in {" ", sign}]
            for at, pieces in zip(side, coloured(language, [lines[at].text for at in side], until), strict=True):
                found[at] = pieces
    return found


def segments(pieces: Pieces, spans: Spans) -> Iterator[tuple[str, bool, str]]:
    """(class, whether it was changed, text): the pieces of a line, cut where what was changed begins and ends."""
    at, left = 0, list(spans)
    for css, text in pieces:
        while text:
            while left and left[0][1] <= at:
                left.pop(0)
            changed = bool(left) and left[0][0] <= at
            edge = len(text) + at if not left else left[0][1] if changed else left[0][0]
            part, text = text[: edge - at], text[edge - at :]
            yield css, changed, part
            at += len(part)


def _cut(pieces: Pieces, text: str, spans: Spans, sign: str) -> Iterator[str]:
    word = {"+": "ins", "-": "del"}.get(sign, "ins")
    room = WIDTH
    open_ = False
    for css, changed, part in segments(pieces, spans):
        if room <= 0:
            break
        if changed != open_:
            yield f"<{word}>" if changed else f"</{word}>"
            open_ = changed
        shown = _shown(part[:room], sign)
        yield f'<span class="{css}">{shown}</span>' if css else shown
        room -= len(part)
    if open_:
        yield f"</{word}>"
    if len(text) > WIDTH:
        yield f'<span class="odd">{len(text) - WIDTH:,} more characters</span>'


def _shown(text: str, sign: str = "") -> str:
    """The words, escaped; instead of a character that nobody would see, its name."""
    if text.endswith("\r") and sign == " ":
        text = text[:-1]
    return _ODD.sub(_named, str(escape(text)))


def _named(match: re.Match[str]) -> str:
    char = match[0]
    name = _SHORT.get(char, f"U+{ord(char):04X}")
    title = unicodedata.name(char, "control character").lower()
    return f'<span class="odd" title="{title}">{name}</span>'


def shown_name(path: str) -> Markup:
    """A path as it may stand on a page; bytes that are not UTF-8 as git writes them."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return Markup(_ODD.sub(_named, str(escape(text)).replace("/", "/<wbr>")))
