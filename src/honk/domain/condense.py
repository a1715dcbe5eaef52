"""The part of a log that matters to whoever has to act on it, within a bound.

Known forms are cut to what they say about failures; where nothing matches, it is the tail of the log,
so that a form nobody thought of is never lost. The full log is kept beside it.
"""

import re

LIMIT = 4000
_PYTEST = re.compile(
    r"^=+ (?:ERRORS|FAILURES) =+$.*?(?=^=+ (?:warnings summary|slowest|PASSES)|\Z)", re.MULTILINE | re.DOTALL
)
_PYTEST_SHORT = re.compile(r"^=+ short test summary info =+$.*", re.MULTILINE | re.DOTALL)
_UNITTEST = re.compile(r"^={70}\n(?:FAIL|ERROR).*", re.MULTILINE | re.DOTALL)
_JEST = re.compile(r"^  ● .*?(?=^Test Suites:|\Z)|^Tests: .*$", re.MULTILINE | re.DOTALL)
_VITEST = re.compile(r"^⎯+ Failed .*", re.MULTILINE | re.DOTALL)
_SPEC = re.compile(r"^✖ failing tests:.*", re.MULTILINE | re.DOTALL)
_MOCHA = re.compile(r"^ +\d+ passing.*", re.MULTILINE | re.DOTALL)
_TAP = re.compile(r"^ *not ok\b.*?(?=^ *ok\b|^ *not ok\b|^ *# Subtest|^# tests|\Z)", re.MULTILINE | re.DOTALL)
_COMPILER = re.compile(
    r"^.*(?:\berror\b|\bError\b|✖|: [EFWCNB]\d{2,4}\b|: error TS\d+|warning\s{2,}|^\S+:\d+:\d+: ).*$", re.MULTILINE
)


def condense(text: str, limit: int = LIMIT) -> str:
    """At most `limit` characters, a line more or less."""
    text = text.strip()
    if len(text) <= limit:
        return text
    for form in (_pytest, _unittest, _javascript, _tap, _lines):
        found = form(text, limit)
        if found:
            return bounded(found, limit)
    return tail(text, limit)


def bounded(text: str, limit: int) -> str:
    """The beginning and the end, where the text is too long: the first failure and the closing summary."""
    text = text.strip()
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    return (
        f"{text[:head].rstrip()}\n[... {len(text) - limit} characters left out ...]\n{text[-(limit - head) :].lstrip()}"
    )


def tail(text: str, limit: int = LIMIT) -> str:
    text = text.strip()
    if len(text) <= limit:
        return text
    return f"[... {len(text) - limit} characters left out ...]\n{text[-limit:]}"


def _pytest(text: str, limit: int) -> str:
    summary = _PYTEST_SHORT.search(text)
    details = _PYTEST.search(text)
    if details is None:
        return summary[0] if summary else ""
    body = details[0][: summary.start() - details.start()] if summary else details[0]
    closing = bounded(summary[0], limit // 3) if summary else ""
    return f"{bounded(body, limit - len(closing) - 100)}\n{closing}"


def _unittest(text: str, limit: int) -> str:
    found = _UNITTEST.search(text)
    return found[0] if found else ""


def _javascript(text: str, limit: int) -> str:
    for form in (_SPEC, _VITEST, _MOCHA):
        found = form.search(text)
        if found:
            return found[0]
    blocks = [found[0].rstrip() for found in _JEST.finditer(text)]
    return "\n".join(blocks) if any("●" in block for block in blocks) else ""


def _tap(text: str, limit: int) -> str:
    blocks = [found[0].rstrip() for found in _TAP.finditer(text)]
    totals = "\n".join(re.findall(r"^# (?:tests|pass|fail|cancelled) \d+$", text, re.MULTILINE))
    return "\n".join([*blocks, totals]) if blocks else ""


def _lines(text: str, limit: int) -> str:
    """Lines that name an error, with the end of the log: a line that looks like one may not be the cause."""
    found = list(dict.fromkeys(match[0] for match in _COMPILER.finditer(text)))
    if not found:
        return ""
    half = limit // 2
    return f"{bounded(chr(10).join(found), half)}\n[the end of the log:]\n{text[-(half - 50) :]}"
