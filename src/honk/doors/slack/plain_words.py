"""A person's message as plain words: Slack's marks for people, channels and links are replaced by what they show.

And the other way: a refusal of Honk's as sentences for a person.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping

from honk.errors import HonkError

_MARK = re.compile(r"<([^<>]*)>")
_NAMED = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")
_TERMINAL = re.compile(r"`?honk [a-z]")
#: Elements of blocks that carry words of their own, and those that carry other elements.
_WORDS, _WITHIN = ("text", "alt_text"), ("text", "fields", "elements", "blocks", "title")


def mentions(text: str) -> tuple[str, ...]:
    """The users who are named, in order."""
    return tuple(match[1] for match in _NAMED.finditer(text))


def without_mention(text: str, user: str) -> str:
    """The words without that user's name."""
    return re.sub(rf"[ \t]*<@{re.escape(user)}(?:\|[^>]*)?>[ \t]*[,:]?[ \t]*", " ", text).strip()


def plain_words(text: str, names: Mapping[str, str] | None = None) -> str:
    """`names` are people by their ids. https://docs.slack.dev/messaging/formatting-message-text"""
    known = names or {}
    return html.unescape(_MARK.sub(lambda match: _shown(match[1], known), text))


def _shown(inner: str, names: Mapping[str, str]) -> str:
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        return "@" + (names.get(target[1:]) or label or target[1:])
    if target.startswith("#"):
        return "#" + (label or target[1:])
    if target.startswith("!"):
        return label or "@" + target[1:].partition("^")[0]
    address = target.removeprefix("mailto:")
    # a label can say anything, so that the address is always there
    return address if not label or label in address else f"{label} ({address})"


def words_of(blocks: Iterable[object]) -> str:
    """The words of blocks, a line each: of messages that consist of nothing else, such as those of monitors."""
    return "\n".join(line for block in blocks if (line := " ".join(_words(block)).strip()))


def _words(one: object) -> Iterator[str]:
    if isinstance(one, list | tuple):
        for each in one:
            yield from _words(each)
    elif isinstance(one, dict):
        if one.get("type") == "user":
            yield f"<@{one.get('user_id', '')}>"
        yield from (one[key] for key in _WORDS if isinstance(one.get(key), str))
        for key in _WITHIN:
            if isinstance(one.get(key), dict | list | tuple):
                yield from _words(one[key])


def said_of(error: HonkError) -> str:
    """What was refused and what helps, as sentences. A command of the terminal helps nobody who holds a phone."""
    remedy = "" if _TERMINAL.match(error.remedy) else error.remedy
    return " ".join(sentence(part) for part in (error.message, remedy) if part.strip())


def sentence(words: str) -> str:
    """Begins and ends as one. A command, an address or a name at its beginning stays as it is."""
    words = words.strip()
    first = words.split(maxsplit=1)[0]
    begins = words if not first.isalpha() or not first.islower() else words[0].upper() + words[1:]
    return begins if begins.endswith((".", "!", "?", "…")) else begins + "."
