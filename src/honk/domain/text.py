"""Text that must not be used by accident: secrets, and words that a stranger wrote."""

import re
from dataclasses import dataclass
from typing import NoReturn

#: Control characters, marks that turn the direction of text (bidi), lone surrogates: none is anybody's to send.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
#: What closes the issue that is named behind it, once it is merged.
_CLOSES = re.compile(
    r"\b(close[sd]?|fix(?:e[sd])?|resolve[sd]?)(:?\s+)"
    r"(?=#\d|GH-\d|[\w.-]+/[\w.-]+#\d|https?://[^\s/]+/[\w.-]+/[\w.-]+/(?:-/)?issues/\d)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A value that never appears in output: `str()` and `repr()` show `***`."""

    _value: str

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __bool__(self) -> bool:
        return bool(self._value)


@dataclass(frozen=True, slots=True)
class Untrusted:
    """Words that someone outside wrote. Only `prompts.fence()` lets them into a prompt."""

    text: str

    def __str__(self) -> NoReturn:
        raise TypeError("untrusted text goes into a prompt through prompts.fence(), nowhere else")

    def __format__(self, _: str) -> NoReturn:
        raise TypeError("untrusted text goes into a prompt through prompts.fence(), nowhere else")


def one_line(text: str) -> str:
    """The words without line breaks or runs of white space."""
    return " ".join(text.split())


def visible(text: str) -> str:
    """The same words with a mark in place of each character that would hide or reorder others."""
    return _INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def shortened(text: str, limit: int) -> str:
    """One line of at most so many characters; what was cut off shows as an ellipsis."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def closing_nothing(text: str) -> str:
    """The same words, of which none closes an issue: "fixes issue #12" refers to it alone.

    https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue
    """
    return _CLOSES.sub(r"\1\2issue ", text)


def plain(text: str) -> str:
    """Foreign words as they may stand in Markdown: no HTML, no control characters, no mention of a person."""
    shown = "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)
    return shown.replace("<", "&lt;").replace("@", "@\u200b")
