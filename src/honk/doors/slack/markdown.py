"""An agent's Markdown as Slack shows it: headings, lists, code and quotes; everything else stays as it was written.

Nothing becomes a link or a mention: the words are the agent's, and may be a stranger's.
"""

import re
from collections.abc import Iterator

from honk.doors.slack import writing as w
from honk.doors.slack.writing import Mrkdwn, Part

_FENCE = re.compile(r"^\s*(```|~~~)")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_POINT = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+(.*)$")
_QUOTE = re.compile(r"^\s{0,3}>\s?(.*)$")
_INLINE = re.compile(r"(`[^`\n]+`|\*\*[^*\n]+\*\*)")
#: what Slack takes in one message
_CHARACTERS, _LINES = 9_000, 200


def shown_as(markdown: str, limit: int = _CHARACTERS) -> list[Mrkdwn]:
    """Elements for `writing.sections`. What is over the limit is left out, and said to be."""
    shown = markdown.strip()
    cut = len(shown) > limit
    lines = shown[:limit].splitlines()
    elements = list(_elements(lines[:_LINES]))
    if cut or len(lines) > _LINES:
        elements.append(w.line(w.faint("… the rest is on the page")))
    return elements or [w.line(w.faint("(nothing)"))]


def _elements(lines: list[str]) -> Iterator[Mrkdwn]:
    number = 0
    while number < len(lines):
        line = lines[number]
        if _FENCE.match(line):
            inside: list[str] = []
            number += 1
            while number < len(lines) and not _FENCE.match(lines[number]):
                inside.append(lines[number])
                number += 1
            number += 1
            yield w.pre("\n".join(inside))
        elif _POINT.match(line):
            points: list[Mrkdwn] = []
            while number < len(lines) and (point := _POINT.match(lines[number])):
                points.append(w.line(*_parts(point[1])))
                number += 1
            yield w.points(*points)
        else:
            number += 1
            yield from _one(line)


def _one(line: str) -> Iterator[Mrkdwn]:
    if heading := _HEADING.match(line):
        yield w.line(w.bold(heading[1] or " "))
    elif quoted := _QUOTE.match(line):
        yield w.quote(quoted[1] or " ")
    elif line.strip():
        yield w.line(*_parts(line))


def _parts(line: str) -> list[Part]:
    parts: list[Part] = []
    for piece in _INLINE.split(line):
        if piece.startswith("`") and len(piece) > 2:
            parts.append(w.code(piece[1:-1]))
        elif piece.startswith("**") and len(piece) > 4:
            parts.append(w.bold(piece[2:-2]))
        elif piece:
            parts.append(piece)
    return parts or [" "]
