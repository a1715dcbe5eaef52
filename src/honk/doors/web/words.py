"""Which words of a line were changed: a line that is gone beside the one that took its place, in bounded time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from honk.doors.web.diffs import DiffLine

#: parts of a line: characters from one number up to, not with, another
Spans = tuple[tuple[int, int], ...]

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
#: a line longer than this is not compared word by word
_WIDTH = 1000
#: as many pairs of words are compared in two lines, and in one go in all; beyond, the whole middle counts as changed
_PAIR, _ALL = 4_000, 200_000
#: lines less alike than this were not changed but replaced
_ALIKE = 0.35


@dataclass(slots=True)
class Marker:
    """Marks lines until its work is used up; then leaves them as they are."""

    work: int = _ALL

    def marks(self, lines: Sequence[DiffLine]) -> dict[int, Spans]:
        """What was changed within lines, by their place among these."""
        found: dict[int, Spans] = {}
        at = 0
        while at < len(lines):
            gone = _run(lines, at, "-")
            come = _run(lines, gone, "+")
            for old, new in zip(range(at, gone), range(gone, come), strict=False):
                pair = self.changed(lines[old].text, lines[new].text)
                if pair is not None:
                    found[old], found[new] = pair
            at = max(come, at + 1)
        return found

    def changed(self, old: str, new: str) -> tuple[Spans, Spans] | None:
        """The parts that differ; None where the lines have too little in common, or are too long."""
        if self.work <= 0 or max(len(old), len(new)) > _WIDTH or old == new:
            return None
        self.work -= 10
        a, b = _WORD.findall(old), _WORD.findall(new)
        first = _common(a, b)
        last = _common(a[first:][::-1], b[first:][::-1])
        middle_a, middle_b = a[first : len(a) - last], b[first : len(b) - last]
        cost = len(middle_a) * len(middle_b)
        self.work -= min(cost, _PAIR)
        if cost <= _PAIR:
            steps = SequenceMatcher(None, middle_a, middle_b, autojunk=False).get_opcodes()
        else:
            steps = [("replace", 0, len(middle_a), 0, len(middle_b))]
        begin = sum(map(len, a[:first]))
        spans_a = _spans(middle_a, [(i, j) for what, i, j, _, _ in steps if what != "equal"], begin)
        spans_b = _spans(middle_b, [(i, j) for what, _, _, i, j in steps if what != "equal"], begin)
        changed = sum(end - start for start, end in (*spans_a, *spans_b))
        alike = 1 - changed / max(len(old.strip()) + len(new.strip()), 1)
        return (spans_a, spans_b) if alike >= _ALIKE else None


def _run(lines: Sequence[DiffLine], at: int, sign: str) -> int:
    while at < len(lines) and lines[at].sign == sign:
        at += 1
    return at


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """How many words are the same at the beginning."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _spans(words: Sequence[str], ranges: Sequence[tuple[int, int]], begin: int) -> Spans:
    """The characters of those words; what touches is one."""
    starts = [begin]
    for word in words:
        starts.append(starts[-1] + len(word))
    found: list[tuple[int, int]] = []
    for i, j in ranges:
        start, end = starts[i], starts[j]
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        elif start < end:
            found.append((start, end))
    return tuple(found)
