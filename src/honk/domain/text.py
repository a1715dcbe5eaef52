"""Text that must not be used by accident: secrets, and words that a stranger wrote."""

from dataclasses import dataclass
from typing import NoReturn


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


def plain(text: str) -> str:
    """Foreign words as they may stand in Markdown: no HTML, no control characters, no mention of a person."""
    shown = "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)
    return shown.replace("<", "&lt;").replace("@", "@\u200b")
