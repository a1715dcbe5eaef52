"""CODEOWNERS: who is asked to review which files.

The syntax is GitHub's (https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/
customizing-your-repository/about-code-owners): patterns of .gitignore without `!`, `[ ]` and `\\#`; the last line
that fits a path counts, and one without owners leaves the path without any.
"""

import re
from collections.abc import Iterable

#: Where it is looked for, in this order.
PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
_NAME = re.compile(r"@([A-Za-z0-9_-]+(?:/[A-Za-z0-9_.-]+)?)")


def owners(text: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Logins, and "owner/team" for teams, of all these paths, each once. Mail addresses are nobody's login."""
    rules = [rule for line in text.splitlines() if (rule := _rule(line)) is not None]
    found: dict[str, None] = {}
    for path in paths:
        for pattern, names in reversed(rules):
            if pattern.match(path):
                found |= dict.fromkeys(names)
                break
    return tuple(found)


def _rule(line: str) -> tuple[re.Pattern[str], tuple[str, ...]] | None:
    words = re.split(r"(?<!\\)\s+", line.split(" #", 1)[0].strip())
    pattern = words[0].replace("\\ ", " ")
    if not pattern or pattern.startswith(("#", "!")) or "[" in pattern:
        return None
    names = [match[1] for word in words[1:] if (match := _NAME.fullmatch(word))]
    return re.compile(_expression(pattern)), tuple(names)


def _expression(pattern: str) -> str:
    anchored = "/" in pattern.rstrip("/")
    folder = pattern.endswith("/")
    body = pattern.strip("/")
    meanings = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|/\*\*|\*\*|\*|\?)", body)
    text = "".join(meanings.get(one, re.escape(one)) for one in pieces)
    start = "" if anchored else "(?:.*/)?"
    # A pattern that ends with "/*" names the files of that folder alone, anything else what lies below as well.
    end = "/.*" if folder else ("" if body.endswith("/*") else "(?:/.*)?")
    return rf"{start}{text}{end}\Z"
