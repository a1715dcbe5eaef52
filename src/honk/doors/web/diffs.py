"""A unified diff in git's form, file by file, hunk by hunk, line by line: nothing is lost, nothing is there twice."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(.*)", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a hunk."""

    #: "+", "-" or " "
    sign: str
    text: str
    #: its numbers before and after; 0 where it is not there
    old: int
    new: int
    #: False for a last line without a newline
    ends: bool = True


@dataclass(frozen=True, slots=True)
class Hunk:
    #: as git writes it; "" for lines that belong to no hunk
    header: str
    #: what git believes the lines are in, such as a function's first line
    heading: str
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True, slots=True)
class FileDiff:
    #: paths before and after, exactly; bytes that are not UTF-8 are kept as surrogate escapes
    before: str
    after: str
    #: what git says before the first hunk
    head: tuple[str, ...]
    hunks: tuple[Hunk, ...]

    def text(self) -> str:
        """The diff from which it was read."""
        out = [f"{line}\n" for line in self.head]
        for hunk in self.hunks:
            out += [f"{hunk.header}\n"] if hunk.header else []
            for line in hunk.lines:
                out.append(f"{line.sign}{line.text}\n" if hunk.header else f"{line.text}\n")
                out += [] if line.ends else ["\\ No newline at end of file\n"]
        return "".join(out)


@dataclass(slots=True)
class _Open:
    """A hunk that is being read."""

    header: str
    heading: str
    old: int
    new: int
    #: lines that are still to come, before and after
    olds: int
    news: int
    lines: list[DiffLine] = field(default_factory=list)

    def take(self, line: str) -> bool:
        """Whether the line belongs to it."""
        if line.startswith("\\ "):
            if self.lines:
                last = self.lines[-1]
                self.lines[-1] = DiffLine(last.sign, last.text, last.old, last.new, ends=False)
            return bool(self.lines)
        sign = line[:1]
        if sign not in {"+", "-", " "} or (sign != "+" and not self.olds) or (sign != "-" and not self.news):
            return False
        old, new = sign != "+", sign != "-"
        self.lines.append(DiffLine(sign, line[1:], self.old if old else 0, self.new if new else 0))
        self.old, self.olds = self.old + old, self.olds - old
        self.new, self.news = self.new + new, self.news - new
        return True


def read_diff(text: str) -> tuple[FileDiff, ...]:
    """The files of it. Never fails: what cannot be understood is kept as lines without numbers."""
    # Only "\n" ends a line: other separators are part of what was changed.
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    files: list[tuple[list[str], list[_Open]]] = []
    for line in lines:
        hunk = files[-1][1][-1] if files and files[-1][1] else None
        if hunk is not None and hunk.take(line):
            continue
        if line.startswith("diff --git ") or not files:
            files.append(([], []))
        head, hunks = files[-1]
        if match := _HUNK.fullmatch(line):
            old, olds, new, news, heading = match.groups()
            hunks.append(_Open(line, heading.strip(), int(old), int(new), int(olds or "1"), int(news or "1")))
        elif not hunks:
            head.append(line)
        else:
            hunks.append(_Open("", "", 0, 0, 0, 0, [DiffLine(" ", line, 0, 0)]))
    return tuple(_file(head, hunks) for head, hunks in files)


def _file(head: list[str], hunks: list[_Open]) -> FileDiff:
    before, after = _names(head)
    return FileDiff(before, after, tuple(head), tuple(Hunk(one.header, one.heading, tuple(one.lines)) for one in hunks))


def _names(head: list[str]) -> tuple[str, str]:
    """What the heading says of the paths; "" for what it does not say."""
    said = dict(_said(head))
    before = said.get("rename from", said.get("---", ""))
    after = said.get("rename to", said.get("+++", ""))
    if not (before or after) and head and head[0].startswith("diff --git "):
        # The same name twice, as there is no other way to tell where the first one ends.
        words = head[0].removeprefix("diff --git ")
        half = _unquoted(words[: len(words) // 2]).removeprefix("a/")
        before = after = half if _unquoted(words[len(words) // 2 + 1 :]).removeprefix("b/") == half else ""
    return before or after, after or before


def _said(head: list[str]) -> Iterator[tuple[str, str]]:
    for line in head:
        for word in ("rename from", "rename to"):
            if line.startswith(f"{word} "):
                yield word, _unquoted(line.removeprefix(f"{word} "))
        if line.startswith(("--- ", "+++ ")) and line[4:] != "/dev/null":
            yield line[:3], _unquoted(line[4:].rstrip("\t"))[2:]


def _unquoted(name: str) -> str:
    """A path as git quotes it, unquoted."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name
    raw = name[1:-1].encode("utf-8", "surrogateescape")
    return _ESCAPE.sub(_meant, raw).decode("utf-8", "surrogateescape")


def _meant(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes([int(code, 8) & 255]) if len(code) == 3 else _ESCAPES.get(code, code)
