"""Options in words: "on branch release/8, plan first, use opus, no build".

Taken are whole clauses at the beginning or the end of a message, or in parentheses, and nothing else of it. What
could mean something else stays in the instruction: a word too many costs nothing, a lost one costs the change.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

#: longer than any option; what is looked at from either end
_CLAUSE = 100
#: names that branches have, whatever the sentence is about
_USUAL = r"(?:main|master|trunk|develop(?:ment)?|dev|staging|production|next|stable|beta)"
_PREFIXED = (
    r"(?:release|releases|feature|feat|hotfix|bugfix|fix|support|rel|chore|honk)/[\w.-]+(?:/[\w.-]+)*|release-[\w.-]+"
)
_NAME = r"[\w][\w./+-]{0,80}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What a message asks for, taken apart. None: it says nothing of that."""

    #: the message without its options; "" where it holds nothing else, and the conversation says what is wanted
    instruction: str = ""
    base: str | None = None
    plan: bool | None = None
    #: as the agent takes it: an alias such as "opus", or a whole name
    model: str | None = None
    agent: str | None = None
    build: bool | None = None
    merge: bool | None = None
    limit_usd: float | None = None
    #: wall time of the agent in one turn
    limit_seconds: float | None = None
    #: a reply that cuts short what the agent does now
    interrupt: bool = False
    #: what was taken as an option, in words, for the person to see
    understood: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], Wishes | None]
    #: about what the message must not be, or the clause could be part of it
    unless: re.Pattern[str] | None = None


def _rule(pattern: str, read: Callable[[re.Match[str]], Wishes | None], unless: str = "") -> _Rule:
    about = re.compile(unless, re.IGNORECASE) if unless else None
    return _Rule(re.compile(pattern, re.IGNORECASE), read, about)


def _base(name: str, *, sure: bool = False) -> Wishes | None:
    """A plain word after "branch" is a branch only when it is marked as one: "on branch prediction" is none."""
    bare = name.strip("`\"'")
    marked = sure or bare != name or bool(re.search(r"[/_.\d-]", bare))
    valid = re.fullmatch(_NAME, bare) and not re.search(r"\.\.|//|/\.|\.lock$|[./]$", bare)
    if not valid or not (marked or re.fullmatch(_USUAL, bare, re.IGNORECASE)):
        return None
    return Wishes(base=bare, understood=(f"from branch {bare}",))


def _model(name: str) -> Wishes:
    return Wishes(model=name.lower(), understood=(f"model {name.lower()}",))


def _usd(text: str) -> Wishes | None:
    usd = float(text)
    return Wishes(limit_usd=usd, understood=(f"at most ${usd:.2f}",)) if usd > 0 else None


def _seconds(amount: str, unit: str) -> Wishes | None:
    scale, name = {"s": (1, "second"), "m": (60, "minute"), "h": (3600, "hour")}[unit[0].lower()]
    number = float(amount)
    if number * scale < 1:
        return None
    said = f"at most {number:g} {name}{'' if number == 1 else 's'} of work"
    return Wishes(limit_seconds=number * scale, understood=(said,))


def _flag(field: str, value: bool, said: str) -> Callable[[re.Match[str]], Wishes]:
    changed: dict[str, Any] = {field: value}
    return lambda _: replace(Wishes(understood=(said,)), **changed)


_plan, _no_plan = _flag("plan", True, "a plan first"), _flag("plan", False, "no plan first")
_build, _no_build = _flag("build", True, "with a build"), _flag("build", False, "no build")
_merges, _no_merge = (
    _flag("merge", True, "merges by itself when the verdict is pass"),
    _flag("merge", False, "no merge"),
)

_QUOTED = rf"[`\"']?{_NAME}[`\"']?"
_ALIAS = r"opus|sonnet|haiku"
_FULL = r"claude-[a-z0-9][a-z0-9.-]{0,60}(?:\[1m\])?"
_AMOUNT = r"\d{1,5}(?:\.\d{1,2})?"
_DOLLARS = rf"(?:\$ ?(?P<a>{_AMOUNT})|(?P<b>{_AMOUNT}) ?(?:\$|dollars?|usd))"
_MOST = r"(?:at most|max(?:imum)?|up to|no more than|not more than)"
_TIME = rf"(?P<n>{_AMOUNT}) ?(?P<u>s|secs?|seconds?|m|mins?|minutes?|h|hours?)"
_MONEY_MATTERS = (
    r"\b(?:prices?|pric(?:ed|ing)|discount|costs?|charges?|fees?|pay|payments?|orders?|refunds?|carts?|tips?)\b"
)
_TIME_MATTERS = (
    r"\b(?:time-?outs?|waits?|cach\w+|expir\w+|retr(?:y|ies)|intervals?|ttl|sessions?|durations?|sleeps?|delays?"
    r"|last|lasts|long|every|polls?|refresh\w*|timers?|schedul\w+)\b"
)
_SOUND = (
    r"\b(?:audio|codecs?|encod\w*|decod\w*|transcod\w*|ogg|mp3|aac|flac|bitrates?|compress\w*|containers?|formats?)\b"
)
_VERSE = r"\b(?:poems?|poetry|poets?|verses?|stanzas?|rhymes?|syllables?|sonnets|haikus)\b"


def _money(match: re.Match[str]) -> Wishes | None:
    return _usd(match["a"] or match["b"])


def _time(match: re.Match[str]) -> Wishes | None:
    return _seconds(match["n"], match["u"])


def _named_model(match: re.Match[str]) -> Wishes:
    return _model(match["m"])


_RULES = (
    _rule(rf"(?:base|branch) ?[:=] ?(?P<x>{_QUOTED})", lambda m: _base(m["x"], sure=True)),
    _rule(
        rf"(?:(?:starting |based |start |branching )?(?:on|from|off)|use) (?:the )?branch (?P<x>{_QUOTED})",
        lambda m: _base(m["x"]),
    ),
    _rule(rf"(?:on|from|off|based on) (?:the )?(?P<x>{_QUOTED}) branch", lambda m: _base(m["x"])),
    _rule(
        rf"(?:starting from|based on|on|from|off) (?P<x>[`\"']?(?:{_USUAL}|{_PREFIXED})[`\"']?)",
        lambda m: _base(m["x"]),
    ),
    _rule(r"(?:(?:make|show|write|show me|make me|with|start with) )?(?:a |the |your )?plan first", _plan),
    _rule(r"first (?:make |show (?:me )?|write )?a plan|plan ?[:=] ?(?:yes|first|true|on)", _plan),
    _rule(r"(?:no|without(?: a)?|skip the) plan(?: first)?|plan ?[:=] ?(?:no|none|false|off)", _no_plan),
    _rule(rf"model ?[:=] ?[`\"']?(?P<m>{_ALIAS}|{_FULL})[`\"']?", _named_model),
    _rule(rf"(?:use|using|with) (?:the )?(?:model )?[`\"']?(?P<m>{_FULL})[`\"']?", _named_model),
    _rule(rf"(?:use|using|with) (?:the (?:model )?(?P<m>{_ALIAS})(?: model)?)", _named_model, f"{_SOUND}|{_VERSE}"),
    _rule(r"(?:use|using|with) (?:the )?(?:model )?(?P<m>opus)(?: model)?", _named_model, _SOUND),
    _rule(r"(?:use|using|with) (?:the )?(?:model )?(?P<m>sonnet|haiku)(?: model)?", _named_model, _VERSE),
    _rule(
        r"agent ?[:=] ?(?P<x>claude|command)|use the (?P<y>claude|command) agent",
        lambda m: Wishes(agent=(m["x"] or m["y"]).lower(), understood=(f"agent {(m['x'] or m['y']).lower()}",)),
    ),
    _rule(r"(?:no|without(?: a)?|skip the) build|build ?[:=] ?(?:no|none|false|off)", _no_build),
    _rule(r"with a build|build ?[:=] ?(?:yes|true|on)", _build),
    _rule(
        r"(?:and )?merge (?:it )?(?:when|once|if) (?:it(?:'s| is) )?(?:green|it passes|the verdict is pass)"
        r"|(?:and )?merge (?:it )?(?:by itself|by yourself|automatically)|auto-?merge(?: it)?"
        r"|merge ?[:=] ?(?:yes|true|on|auto)",
        _merges,
    ),
    _rule(r"no (?:auto-?)?merge|(?:don't|do not) (?:auto-?)?merge(?: it)?|merge ?[:=] ?(?:no|false|off)", _no_merge),
    _rule(rf"(?:budget|limit) ?(?:of|[:=])? ?{_DOLLARS}", _money),
    _rule(rf"(?:for )?(?:{_MOST} {_DOLLARS})", _money, _MONEY_MATTERS),
    _rule(rf"(?:for )?{_DOLLARS} (?:at most|max(?:imum)?)", _money, _MONEY_MATTERS),
    _rule(rf"time(?: limit)? ?[:=] ?{_TIME}", _time),
    _rule(rf"(?:for )?{_MOST} {_TIME}(?: of work)?", _time, _TIME_MATTERS),
    _rule(rf"(?:for )?{_TIME} (?:of work )?(?:at most|max(?:imum)?)", _time, _TIME_MATTERS),
)

_JOINED = re.compile(r"\s+(?:and|but)\s+", re.IGNORECASE)
_FILLER = re.compile(r"^(?:(?:and|but|then|please|also|plus)\s+)+|\s+please$", re.IGNORECASE)
#: where a clause at the end begins; a full stop stays with what is before it
_BEFORE = re.compile(r",(?!\d)\s*|;\s*|\n\s*|\s+[-–—]\s+|(?<=[.!?])[ \t]+")
#: where a clause at the beginning ends; the colon of "branch: x" is no such place, which is tried by reading on
_AFTER = re.compile(r",(?!\d)|;|\n|:(?=\s)|\s[-–—]\s|[.!](?=\s)")
_GROUP = re.compile(r"(?<!\S)\(([^()\n]{1,300})\)")
_NOW = re.compile(r"^now\s*[:!,]\s*(?=\S)", re.IGNORECASE)


def wishes(text: str, *, reply: bool = False) -> Wishes:
    """What the message asks for. Never raises; every word that is no option is in the instruction.

    A reply may begin with "now:", for which what the agent does is cut short.
    """
    rest, found = text.strip(), Wishes()
    if reply and (now := _NOW.match(rest)):
        rest = rest[now.end() :]
        found = Wishes(interrupt=True)
    rest, found = _groups(rest, found)
    for peel in (_last, _first):
        while rest and (peeled := peel(rest, found)) is not None:
            rest, found = peeled
    now_first = ("at once", *found.understood) if found.interrupt else found.understood
    return replace(found, instruction=rest.strip(), understood=now_first)


def _groups(text: str, found: Wishes) -> tuple[str, Wishes]:
    """Parentheses that hold options and nothing else."""
    for group in reversed(list(_GROUP.finditer(text))):
        if text.count("`", 0, group.start()) % 2:
            continue
        before, after = text[: group.start()].rstrip(" \t"), text[group.end() :]
        read = found
        for clause in re.split(r"[,;]\s*", group[1]):
            taken = _read(clause, f"{before} {after}", read)
            if taken is None:
                break
            read = taken
        else:
            text, found = before + after, read
    return text.strip(), found


def _last(text: str, found: Wishes) -> tuple[str, Wishes] | None:
    """The text without the option with which it ends."""
    tail = max(0, len(text) - _CLAUSE)
    places = [(one.start(), one.end()) for one in _BEFORE.finditer(text, tail)]
    if len(text) <= _CLAUSE:
        places.insert(0, (0, 0))
    for start, end in reversed(places):
        clause = text[end:].strip().rstrip(".!").strip()
        if not clause:
            continue
        taken = None if text.count("`", 0, start) % 2 else _read(clause, text[:start], found)
        if taken is None:
            return None
        # peeled from the end, told in the order of the message
        new = taken.understood[len(found.understood) :]
        return text[:start].rstrip(" \t\r\n,;"), replace(taken, understood=(*new, *found.understood))
    return None


def _first(text: str, found: Wishes) -> tuple[str, Wishes] | None:
    """The text without the option with which it begins."""
    for place in _AFTER.finditer(text, 0, _CLAUSE):
        rest = text[place.end() :].lstrip(" \t\r\n,;")
        taken = _read(text[: place.start()], rest, found) if rest else None
        if taken is not None:
            return rest, taken
        if place[0] != ":":
            return None
    return None


def _read(clause: str, rest: str, found: Wishes) -> Wishes | None:
    """What was found, and what the clause says; None when it is no option, or contradicts one."""
    clause = _FILLER.sub("", " ".join(clause.split()))
    for part in _JOINED.split(clause):
        said = _option(part, rest)
        merged = None if said is None else _merged(found, said)
        if merged is None:
            return None
        found = merged
    return found


def _option(clause: str, rest: str) -> Wishes | None:
    for rule in _RULES:
        match = rule.pattern.fullmatch(clause)
        if match and not (rule.unless and rule.unless.search(rest)):
            return rule.read(match)
    return None


def _merged(found: Wishes, said: Wishes) -> Wishes | None:
    changed: dict[str, Any] = {}
    for field in fields(said):
        value, before = getattr(said, field.name), getattr(found, field.name)
        if field.name in {"instruction", "understood", "interrupt"} or value is None:
            continue
        if before not in (None, value):
            return None
        changed[field.name] = value
    new = tuple(one for one in said.understood if one not in found.understood)
    return replace(found, **changed, understood=(*found.understood, *new))
