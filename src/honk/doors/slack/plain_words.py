"""A person's message as plain words: Slack's marks for people, channels and links are replaced by what they show."""

import html
import re
from collections.abc import Mapping

_MARK = re.compile(r"<([^<>]*)>")
_BOT = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")


def mentions(text: str) -> tuple[str, ...]:
    """The users who are named, in order."""
    return tuple(match[1] for match in _BOT.finditer(text))


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
        return "@" + (label or names.get(target[1:], target[1:]))
    if target.startswith("#"):
        return "#" + (label or target[1:])
    if target.startswith("!"):
        return label or "@" + target[1:].partition("^")[0]
    if target.startswith("mailto:"):
        return label or target.removeprefix("mailto:")
    # the address itself: a label can say anything
    return target
