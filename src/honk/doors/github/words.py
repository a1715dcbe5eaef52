"""What a comment says to Honk: whether it is named, without the name, and the few words that are no conversation."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_INLINE = re.compile(r"(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
#: invisible to whoever reads the page
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SHA = r"[0-9a-f]{7,64}"
_VERBS = re.compile(
    rf"(?P<plain>stop|retry|promote|undo|update|revert|go|status|help)"
    rf"|(?P<pinned>merge|approve)(?: (?:it|this))?(?: `?(?P<head>{_SHA})`?)?(?P<anyway> anyway)?",
    re.IGNORECASE,
)
_FILLER = re.compile(r"^(?:please,? )|(?:,? please)$", re.IGNORECASE)
#: That Honk may push, as a clause of its own at either end: within a sentence it may mean the contrary.
_PUSH = (
    r"(?:please )?push(?: (?:it|this|that|them|the (?:fix|change|changes|result)))?(?: (?:directly|straight|right))?"
    r" (?:to|onto|on|into) (?:this|my|the|our) (?:branch|pr|pull request)(?: itself)?"
    r"(?: (?:when|once|if) (?:it(?:'s| is) )?(?:green|it passes|proven|ready|done))?(?:,? please)?"
)
_PUSH_FIRST = re.compile(rf"^{_PUSH}(?:\s*(?:[:,;.!\n]|\band\b|$))\s*", re.IGNORECASE)
_PUSH_LAST = re.compile(
    rf"(?:[,;.!\n]\s*(?:(?:and|then)\s+){{0,2}}|\s+(?:and|then)\s+(?:then\s+)?){_PUSH}[\s.!]*$", re.IGNORECASE
)

#: What a remark suggests in place of its lines: https://docs.github.com/en/pull-requests/collaborating-with-pull-requests
SUGGESTION = re.compile(
    r"^(?P<fence>`{3,}|~{3,})suggestion[^\n]*\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A word that acts at once."""

    verb: str
    #: the commit that was typed; "" for none
    head: str = ""
    #: although not everything was proven
    anyway: bool = False


def shown(text: str) -> str:
    """The words that somebody sees on the page: without HTML comments, with plain line ends."""
    return _COMMENT.sub("", text.replace("\r\n", "\n")).strip()


def mentions(text: str, names: Iterable[str]) -> bool:
    """Whether one of these is named, outside of code and quotations."""
    return _name(names).search(_own(shown(text))) is not None


def without_mention(text: str, names: Iterable[str]) -> str:
    """The words without the name, wherever it counts as one."""
    words = shown(text)
    for match in reversed(list(_name(names).finditer(_own(words)))):
        before, after = words[: match.start()], words[match.end() :]
        after = re.sub(r"^[ \t]*[,:]?[ \t]*", "" if not before.rstrip(" \t") or before.endswith("\n") else " ", after)
        words = before.rstrip(" \t") + after
    return words.strip()


def command_of(words: str) -> Command | None:
    """The command, where the words are nothing else."""
    said = _FILLER.sub("", " ".join(words.split()).rstrip(" .!"))
    match = _VERBS.fullmatch(said) if len(said) <= 200 else None
    if match is None:
        return None
    if match["plain"]:
        return Command(verb=match["plain"].lower())
    verb = match["pinned"].lower()
    if match["anyway"] and verb != "merge":
        return None
    return Command(verb=verb, head=(match["head"] or "").lower(), anyway=bool(match["anyway"]))


def wants_push(words: str) -> str | None:
    """The words without the clause that asks to push to a person's branch; None where there is no such clause."""
    words = words.strip()
    for pattern in (_PUSH_FIRST, _PUSH_LAST):
        rest = pattern.sub("", words)
        if rest != words:
            return rest.strip()
    return None


def _name(names: Iterable[str]) -> re.Pattern[str]:
    """ "@honk", and neither "@honk-dev", "@honk/team" nor "me@honk.dev"."""
    known = "|".join(re.escape(one) for one in sorted({each for each in names if each}, key=len, reverse=True))
    return re.compile(rf"(?<![\w@/.-])@(?:{known or '(?!)'})(?:\[bot\])?(?![\w/-]|\.\w|\[)", re.IGNORECASE)


def _own(text: str) -> str:
    """The same text with blanks in place of code and of quotations, so that places in it are the same."""
    lines, fence = [], ""
    for line in text.split("\n"):
        opening = _FENCE.match(line)
        if fence:
            if opening and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            lines.append(" " * len(line))
        elif opening:
            fence = opening[1]
            lines.append(" " * len(line))
        elif line.lstrip(" ").startswith(">") or (line.startswith(("    ", "\t")) and not _open_paragraph(lines)):
            lines.append(" " * len(line))
        else:
            lines.append(_INLINE.sub(lambda match: " " * len(match[0]), line))
    return "\n".join(lines)


def _open_paragraph(lines: list[str]) -> bool:
    """Whether a paragraph is open, which an indented line goes on with: it is code only after a blank one."""
    return bool(lines) and bool(lines[-1].strip())


def suggestions(text: str) -> tuple[str, ...]:
    """What a remark suggests in place of its lines."""
    return tuple(match["text"] for match in SUGGESTION.finditer(shown(text)))
