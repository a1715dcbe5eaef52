"""`[scope]` of `.honk.toml`: which paths a change may touch."""

import re

from honk.checks import paths
from honk.checks.instruction import Instruction
from honk.checks.judging import named
from honk.domain.attempt import Change
from honk.domain.repository_config import ScopeConfig
from honk.domain.verdict import Answer, Finding, Kind


def matches(path: str, pattern: str) -> bool:
    """`*` and `?` within a folder, `**` across folders; a pattern that names a folder covers all below it."""
    translated = re.escape(pattern.strip("/"))
    for escaped, meaning in ((r"\*\*/", "(?:.*/)?"), (r"\*\*", ".*"), (r"\*", "[^/]*"), (r"\?", "[^/]")):
        translated = translated.replace(escaped, meaning)
    return re.fullmatch(rf"{translated}(?:/.*)?", path, re.DOTALL) is not None


def finding(change: Change, scope: ScopeConfig, instruction: Instruction) -> Finding | None:
    """None when the change stays within. A protected file that the instruction names may be touched."""
    touched = [one.path for one in change.files]
    outside = [path for path in touched if scope.paths and not any(matches(path, pattern) for pattern in scope.paths)]
    guarded = [
        path
        for path in touched
        if any(matches(path, pattern) for pattern in scope.protected) and not instruction.asks_for_file(path)
    ]
    if not outside and not guarded:
        return None
    parts = [f"outside of what may be changed: {named([paths.shown(one) for one in outside])}"] if outside else []
    parts += [f"protected: {named([paths.shown(one) for one in guarded])}"] if guarded else []
    return Finding(verifier="scope", kind=Kind.RULE, answer=Answer.FAIL, summary="; ".join(parts))
