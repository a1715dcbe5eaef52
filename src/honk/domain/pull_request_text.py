"""The text of a pull request: parts that Honk keeps current, in the repository's own template, beside people's words.

Each part stands between two marks that a reader does not see. What lies outside of them is never touched, and a part
whose marks somebody removed is not put back.
"""

import re
from collections.abc import Mapping

#: Where a template is looked for, in this order; letter case does not count
#: (https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests).
TEMPLATES = (
    *(".github/pull_request_template.md", "pull_request_template.md", "docs/pull_request_template.md"),
    *(".github/pull_request_template.txt", "pull_request_template.txt"),
)
#: The part that holds whatever has no place of its own.
REST = "honk"
#: Words in a template's headings, and the part that belongs below such a heading.
_HEADINGS = (
    ("asked", re.compile(r"\b(why|motivation|context|background|problem|issue|ticket|purpose)\b", re.I)),
    ("proof", re.compile(r"\b(tests?|testing|tested|verification|verified|qa|how has this been)\b", re.I)),
    ("try", re.compile(r"\b(screenshots?|preview|demo|try)\b", re.I)),
    ("done", re.compile(r"\b(what|description|summary|changes?|overview|details)\b", re.I)),
)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TITLES = {"asked": "Asked", "done": "Done", "proof": "Verdict", "try": "Try it"}
_FENCES = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def composed(parts: Mapping[str, str], template: str = "") -> str:
    """A new text. `parts` are "asked", "done", "proof", "try" and REST, as Markdown; an empty one stays out.

    Below each heading of the template that asks for a part stands that part; all others stand at the end.
    """
    if not template.strip():
        return _marked(REST, _rest(parts, frozenset())) + "\n"
    text, placed, at = "", set[str](), 0
    hidden = [match.span() for match in (*_COMMENT.finditer(template), *_FENCES.finditer(template))]
    for heading in _HEADING.finditer(template):
        if any(start <= heading.start() < end for start, end in hidden):
            continue
        part = next((name for name, words in _HEADINGS if name not in placed and words.search(heading[1])), None)
        if part is not None and parts.get(part):
            text += template[at : heading.end()] + f"\n\n{_marked(part, parts[part])}\n"
            at = heading.end()
            placed.add(part)
    return f"{text}{template[at:]}".rstrip() + "\n\n" + _marked(REST, _rest(parts, frozenset(placed))) + "\n"


def renewed(text: str, parts: Mapping[str, str]) -> str:
    """The text with each of its parts as it is now; all else stays, character for character."""
    there = frozenset(name for name in (*_TITLES, REST) if _mark(name).search(text))
    for name in there:
        content = _rest(parts, there) if name == REST else parts.get(name, "")
        found = _mark(name).search(text)
        if found is not None:
            text = text[: found.start()] + _marked(name, content) + text[found.end() :]
    return text


def readable(text: str) -> str:
    """The text without what a reader does not see."""
    return re.sub(r"\n{3,}", "\n\n", _COMMENT.sub("", text)).strip() + "\n"


def _rest(parts: Mapping[str, str], placed: frozenset[str]) -> str:
    pieces = [
        f"## {title}\n\n{parts[name]}" for name, title in _TITLES.items() if name not in placed and parts.get(name)
    ]
    return "\n\n".join([*pieces, *([parts[REST]] if parts.get(REST) else [])])


def _mark(name: str) -> re.Pattern[str]:
    return re.compile(rf"<!-- honk:{name} -->.*?<!-- /honk:{name} -->", re.DOTALL)


def _marked(name: str, content: str) -> str:
    # Words from outside must not end the part before its end.
    inner = content.replace("<!--", "<!- -").strip()
    return f"<!-- honk:{name} -->\n{inner}\n<!-- /honk:{name} -->"


_CONVENTIONAL = re.compile(r"(?P<type>[a-z]+)(?:\([^)]*\))?!?: \S")
#: Types that a request's own words speak for; the first that fits counts.
_TYPES = (
    ("fix", re.compile(r"\b(fix|bug|crash|error|broken|wrong|fails?|regression|repair)", re.I)),
    ("docs", re.compile(r"\b(docs?|documentation|readme|typos?|comments?)\b", re.I)),
    ("test", re.compile(r"\b(tests?|coverage)\b", re.I)),
    ("refactor", re.compile(r"\b(refactor|rename|clean ?up|simplif|restructure|move)", re.I)),
    ("chore", re.compile(r"\b(bump|upgrade|dependenc|chore|ci\b)", re.I)),
)
_LEAST = 5


def titled(wanted: str, subjects: tuple[str, ...]) -> str:
    """The title as this repository's commits begin theirs: "fix: …" where most of them name a type so."""
    typed = [match["type"] for one in subjects if (match := _CONVENTIONAL.match(one))]
    if len(typed) < _LEAST or len(typed) * 2 < len(subjects) or _CONVENTIONAL.match(wanted):
        return wanted
    kind = next((name for name, words in _TYPES if words.search(wanted)), "feat")
    known = kind if kind in typed or kind in {"fix", "feat"} else max(set(typed), key=typed.count)
    return f"{known}: {wanted[:1].lower()}{wanted[1:]}"
