"""A person's message as plain words: Slack's marks for people, channels and links are replaced by what they show.

And the other way: a refusal of Honk's as sentences for a person.
"""

import html
import re
from collections.abc import Iterable, Iterator, Mapping

from honk.errors import HonkError

_MARK = re.compile(r"<([^<>]*)>")
_NAMED = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")
#: A command of the terminal, up to the end of what it is part of; "/honk" is one of Slack's.
_TERMINAL = re.compile(r"`?(?<![/@\w])honk [a-z]")
_ASIDE = re.compile(r"\s*\([^()]*(?<![/@\w])honk [a-z][^()]*\)")
_FLAG = re.compile(r" with --[a-z-]+|--(?=[a-z])")
#: Commands for which there is a button, with the task and without options.
_BUTTONS = {"approve": "Review", "retry": "Retry", "stop": "Stop"}
_PRESSED = re.compile(rf"(\brun )?`?(?<![/@\w])honk ({'|'.join(_BUTTONS)})(?> (?!--)[\w-]+)?+`?(?! --)")
#: What leads to a command and says nothing without it.
_LEADS = re.compile(r"(?:what|to) ")
#: Elements of blocks that carry words of their own, and those that carry other elements.
_WORDS, _WITHIN = ("text", "alt_text"), ("text", "fields", "elements", "blocks", "title")


def mentions(text: str) -> tuple[str, ...]:
    """The users who are named, in order."""
    return tuple(match[1] for match in _NAMED.finditer(text))


def without_mention(text: str, user: str) -> str:
    """The words without that user's name."""
    return re.sub(rf"[ \t]*<@{re.escape(user)}(?:\|[^>]*)?>[ \t]*[,:]?[ \t]*", " ", text).strip()


def stops(words: str) -> bool:
    """Whether they say no more than that the work is to end."""
    return words.strip().lower().rstrip(" .!") == "stop"


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
    """What was refused and what helps, as sentences."""
    return " ".join(sentence(part) for part in (error.message, remedy_of(error)) if part.strip())


def remedy_of(told: HonkError | str) -> str:
    """What helps whoever holds a phone; "" where nothing of it does.

    A command of the terminal is the button that does the same, or is left out with what only leads to it. The names
    of its options are words.
    """
    remedy = _ASIDE.sub("", told if isinstance(told, str) else told.remedy).strip()
    parts = (_without_command(_PRESSED.sub(_press, part)) for part in remedy.split("; "))
    return _FLAG.sub("", "; ".join(part for part in parts if part))


def reason_of(reason: str) -> str:
    """Why a task is as it is, for whoever holds a phone: with what helps there."""
    first, _, rest = reason.partition("\n")
    return "\n".join(part for part in (first, remedy_of(rest)) if part)


def _press(match: re.Match[str]) -> str:
    """As the whole of what is to be done, or as what does it."""
    before, after = match.string[: match.start()].rstrip(), match.string[match.end() :].strip(" .")
    alone = match[1] or (not after and (not before or before.endswith(":")))
    return f"press {_BUTTONS[match[2]]}" if alone else _BUTTONS[match[2]]


def _without_command(part: str) -> str:
    match = _TERMINAL.search(part)
    if match is None:
        return part
    before = part[: match.start()].rstrip()
    kept = before[:-1] if before.endswith(":") else before.rpartition(",")[0]
    return "" if _LEADS.match(kept) else kept


def sentence(words: str) -> str:
    """Begins and ends as one. A command, an address or a name at its beginning stays as it is."""
    words = words.strip()
    first = words.split(maxsplit=1)[0]
    begins = words if not first.isalpha() or not first.islower() else words[0].upper() + words[1:]
    return begins if begins.endswith((".", "!", "?", "…")) else begins + "."
