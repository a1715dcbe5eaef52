"""A refusal of Honk's as sentences for somebody who writes comments: a command of the terminal is one of those."""

import re

from honk.domain.text import plain
from honk.errors import HonkError

_VERBS = "stop|retry|merge|approve|undo|revert"
_COMMAND = re.compile(rf"`?(?<![/@\w])honk ({_VERBS})(?: (?!--)[\w-]+)?(?: --typed ([0-9a-f]+))?(?! --)`?")
_TERMINAL = re.compile(r"`?(?<![/@\w])honk [a-z]")
_ASIDE = re.compile(r"\s*\([^()]*(?<![/@\w])honk [a-z][^()]*\)")


def said_of(error: HonkError, name: str = "honk") -> str:
    """What was refused and what helps, as sentences in Markdown."""
    return " ".join(sentence(part) for part in (plain(error.message), remedy_of(error.remedy, name)) if part.strip())


def remedy_of(remedy: str, name: str = "honk") -> str:
    """What helps where comments are written; a command that is none there is left out with what leads to it."""
    kept = []
    for part in plain(_ASIDE.sub("", remedy)).split("; "):
        said = _COMMAND.sub(lambda m: f"comment `@{name} {m[1]}{f' {m[2]}' if m[2] else ''}`", part)
        if _TERMINAL.search(said.replace(f"@{name} ", "@")) is None:
            kept.append(said)
    return "; ".join(one for one in kept if one.strip())


def reason_of(reason: str, name: str = "honk") -> str:
    """Why a task is as it is, and what helps, as sentences."""
    first, _, rest = reason.partition("\n")
    return " ".join(sentence(part) for part in (plain(first), remedy_of(rest, name)) if part.strip())


def sentence(words: str) -> str:
    """Begins and ends as one. A command, an address or a name at its beginning stays as it is."""
    words = words.strip()
    first = words.split(maxsplit=1)[0] if words else ""
    begins = words if not first.isalpha() or not first.islower() else words[0].upper() + words[1:]
    return begins if begins.endswith((".", "!", "?", "…")) else begins + "."
