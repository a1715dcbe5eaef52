"""Block Kit: the pieces of which this door's messages are made, each within Slack's limits.

Words that somebody outside wrote never mean anything to Slack: `escaped` takes the meaning out of every character, so
that nothing in them is a mention, a link, a format or an emoji. Every function here that takes words escapes them;
`Mrkdwn` is what was escaped already.
Limits: https://docs.slack.dev/reference/block-kit/blocks
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote as quote_url

from honk.domain.text import shortened, visible
from honk.doors.slack import plain_words

Block = dict[str, Any]
BLOCKS, SECTION, HEADER, BUTTON, VALUE, ALT = 50, 3000, 150, 75, 2000, 2000
#: Slack cuts a message's text off here
MESSAGE = 40_000
_TITLE, _OPTION, _PLACEHOLDER, _INPUT_LABEL, _ADDRESS = 24, 75, 150, 2000, 2000

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
#: looks like it, means nothing
_LOOKALIKES = str.maketrans({"*": "\u2217", "`": "\u02cb", "~": "\u223c"})
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
#: marks of the door's own, where they count
_MARKS = {"`": re.compile("`"), "_": _UNDERSCORE, "*": re.compile(r"\*")}
#: what is left where an escaped character, or a link, is cut off
_HALF = re.compile(r"&[a-z]*$|<[^>]*$")
#: what an address has only in escaped form; a percent sign is part of one
_UNSAFE = re.compile(r"[^\w.~:/?#\[\]@!$&'()+,;=%-]+", re.ASCII)
#: what Slack would show as an emoji, and names that reach everybody
_EMOJI, _EVERYBODY = (
    re.compile(r":(?=(?:[\w+'-]*[^\W\d_][\w+'-]*|100|1234|[+-]1):)"),
    re.compile(r"@(?=(?:channel|here|everyone)\b)"),
)


def escaped(text: str) -> str:
    """As mrkdwn in which nothing has a meaning."""
    inner = visible(text).translate(_LOOKALIKES)
    inner = _EVERYBODY.sub("@\u2060", _EMOJI.sub(":\u2060", _UNDERSCORE.sub("\u02cd", inner)))
    return inner.translate(_ENTITIES)


def notice(text: str) -> str:
    """The text of a notification, which Slack reads as mrkdwn."""
    return escaped(shortened(text, 3000))


def sentence(words: str, limit: int = 800) -> str:
    """A reason or a remedy, which are written to go on with, as a sentence that stands alone."""
    shown = shortened(words, limit)
    return plain_words.sentence(shown) if shown else ""


# ── words ──────────────────────────────────────────────────────────────────────────────────────
class Mrkdwn(str):
    """Words in which only the door's own marks mean something."""

    __slots__ = ()


#: A piece of a line: words as they are, or words with a mark.
Part = str | Mrkdwn


def _marked(words: str, mark: str) -> Mrkdwn:
    """A mark counts only right beside the words that it is for."""
    inner = escaped(words)
    bare = inner.strip()
    if not bare:
        return Mrkdwn(inner)
    before, after = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
    return Mrkdwn(f"{before}{mark}{' '.join(bare.split())}{mark}{after}")


def bold(words: str) -> Mrkdwn:
    return _marked(words, "*")


def code(words: str) -> Mrkdwn:
    return _marked(words, "`")


def faint(words: str) -> Mrkdwn:
    return _marked(words, "_")


def emoji(name: str) -> Mrkdwn:
    return Mrkdwn(f":{name}:")


def person(user: str) -> Mrkdwn:
    """A mention: that user is notified."""
    return Mrkdwn(f"<@{user}>")


def link(url: str, words: str) -> Mrkdwn:
    return Mrkdwn(anchor(url, words))


def line(*parts: Part) -> Mrkdwn:
    return Mrkdwn("".join(part if isinstance(part, Mrkdwn) else escaped(part) for part in parts).replace("\n", " "))


def quote(*parts: Part) -> Mrkdwn:
    words = "".join(part if isinstance(part, Mrkdwn) else escaped(part) for part in parts)
    return Mrkdwn("\n".join(f"> {one}" for one in words.splitlines() or [" "]))


def pre(words: str) -> Mrkdwn:
    """Every character as it is, to be copied; only backticks have no place within."""
    inner = visible(words).replace("`", "\u02cb").translate(_ENTITIES)
    return Mrkdwn(f"```\n{inner}\n```")


def points(*lines: Mrkdwn) -> Mrkdwn:
    return Mrkdwn("\n".join(f"• {one}" for one in lines))


def rich(*elements: Mrkdwn, id: str = "") -> Block:
    """A block of lines, quotes and lists; each line stands by itself. What is too much for one block is cut off."""
    return _section("\n".join(elements), id)


def sections(*elements: Mrkdwn) -> list[Block]:
    """The same as several blocks, where one would not do."""
    made: list[str] = []
    for one in elements:
        if made and len(made[-1]) + 1 + len(one) <= SECTION:
            made[-1] += f"\n{one}"
        else:
            made.append(one)
    return [_section(one, "") for one in made]


def _section(words: str, id: str) -> Block:
    shown = words if len(words) <= SECTION else _cut(words)
    text = {"type": "mrkdwn", "text": shown if shown.strip() else "\u2002", "verbatim": True}
    made: Block = {"type": "section", "text": text}
    return made | ({"block_id": id} if id else {})


def _cut(words: str) -> str:
    """Ends neither within an escaped character nor within a link, and leaves no mark open."""
    shown = _HALF.sub("", words[: SECTION - 8]).rstrip()
    if shown.count("```") % 2:
        return f"{shown.rstrip('`')}…\n```"
    last = shown.rpartition("\n")[2]
    return f"{shown}…" + "".join(mark for mark, found in _MARKS.items() if len(found.findall(last)) % 2)


def text(*parts: Part, id: str = "") -> Block:
    """A block of one line."""
    return rich(line(*parts), id=id)


# ── other blocks ───────────────────────────────────────────────────────────────────────────────
def header(words: str) -> Block:
    return {"type": "header", "text": _plain(shortened(visible(words), HEADER))}


def small(*parts: str) -> Block:
    """Small print in a line. The parts are mrkdwn: `escaped` words and `anchor`s."""
    shown = " · ".join(one for one in parts if one) or "\u2002"
    shown = shown if len(shown) <= SECTION else _cut(shown)
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": shown, "verbatim": True}]}


def anchor(url: str, words: str) -> str:
    """A link as mrkdwn; nothing in the address can end it. One that Slack would not take is left out."""
    safe = _UNSAFE.sub(lambda match: quote_url(match[0].encode("utf-8", "replace")), url)
    return f"<{safe}|{escaped(words)}>" if len(safe) < _ADDRESS else escaped(words)


def rule() -> Block:
    return {"type": "divider"}


def picture(url: str, alt: str) -> Block:
    return {"type": "image", "image_url": url, "alt_text": shortened(visible(alt), ALT) or "picture"}


def row(*elements: Block, id: str = "") -> Block:
    """Buttons and menus, side by side; a phone shows five at most."""
    made: Block = {"type": "actions", "elements": list(elements[:25])}
    return made | ({"block_id": id} if id else {})


def button(label: str, action: str, value: str = "", *, style: str = "", url: str = "") -> Block:
    made: Block = {"type": "button", "action_id": action, "text": _plain(shortened(label, BUTTON))}
    if value:
        made["value"] = value[:VALUE]
    if style:
        made["style"] = style
    if url:
        made["url"] = url
    return made


def sure(made: Block, title: str, question: str, yes: str) -> Block:
    """The same button, which asks before it counts."""
    asked = {
        "title": _plain(shortened(title, 100)),
        "text": _plain(shortened(question, 300)),
        "confirm": _plain(shortened(yes, 30)),
        "deny": _plain("Leave it"),
    }
    return made | {"confirm": asked}


def menu(action: str, options: Sequence[tuple[str, str]]) -> Block:
    """The rest, behind three dots: labels and values."""
    return {"type": "overflow", "action_id": action, "options": [_option(*one) for one in options[:5]]}


# ── modals ─────────────────────────────────────────────────────────────────────────────────────
def modal(callback: str, title: str, blocks: Iterable[Block], *, submit: str = "", metadata: str = "") -> Block:
    made: Block = {
        "type": "modal",
        "callback_id": callback,
        "title": _plain(shortened(title, _TITLE)),
        "close": _plain("Close" if not submit else "Cancel"),
        "blocks": list(blocks)[:100],
        "private_metadata": metadata,
    }
    return made | ({"submit": _plain(shortened(submit, _TITLE))} if submit else {})


def field(
    id: str, label: str, *, hint: str = "", initial: str = "", long: bool = False, optional: bool = False
) -> Block:
    """A field for text; what is put in is read by its id."""
    element: Block = {"type": "plain_text_input", "action_id": "value", "multiline": long, "max_length": SECTION}
    if hint:
        element["placeholder"] = _plain(shortened(hint, _PLACEHOLDER))
    if initial:
        element["initial_value"] = visible(initial)[:SECTION]
    return _input(id, label, element, optional)


def choice(id: str, label: str, options: Sequence[tuple[str, str]], *, initial: str = "") -> Block:
    """One of several, by radio buttons."""
    made = [_option(*one) for one in options[:10]]
    element: Block = {"type": "radio_buttons", "action_id": "value", "options": made}
    chosen = [one for one in made if one["value"] == initial]
    return _input(id, label, element | ({"initial_option": chosen[0]} if chosen else {}), optional=False)


def boxes(id: str, label: str, options: Sequence[tuple[str, str]]) -> Block:
    """Boxes to check."""
    element: Block = {"type": "checkboxes", "action_id": "value", "options": [_option(*one) for one in options[:10]]}
    return _input(id, label, element, optional=True)


def search(id: str, label: str, action: str, hint: str) -> Block:
    """A field that offers what fits while one types; the action is asked for it."""
    element: Block = {
        "type": "external_select",
        "action_id": action,
        "min_query_length": 0,
        "placeholder": _plain(shortened(hint, _PLACEHOLDER)),
    }
    return _input(id, label, element, optional=False)


def offered(options: Iterable[tuple[str, str]]) -> Block:
    """What a search field offers: a hundred at most."""
    return {"options": [_option(*one) for one in options][:100]}


def _input(id: str, label: str, element: Block, optional: bool) -> Block:
    made = {"type": "input", "block_id": id, "label": _plain(shortened(label, _INPUT_LABEL)), "element": element}
    return made | ({"optional": True} if optional else {})


def _option(label: str, value: str) -> Block:
    return {"text": _plain(shortened(label, _OPTION)), "value": value[:150]}


def _plain(words: str) -> Block:
    return {"type": "plain_text", "text": visible(words) or " ", "emoji": False}
