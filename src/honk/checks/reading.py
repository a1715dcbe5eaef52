"""Output of a verifier → what it says. What is not recognised is said to be unread, never guessed."""

import re

from honk.checks.reading_javascript import read_javascript_text, read_jest_json
from honk.checks.reading_python import read_junit, read_pytest_text, read_unittest
from honk.checks.tally import UNREAD, Tally, numbered

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|\r(?!\n)")
_NO_TESTS = re.compile(
    r"^(no tests? (ran|found|collected|files? found|specified)\b.*|ran 0 tests\b.*|NO TESTS RAN.*|collected 0 items.*"
    r"|no test files found.*|error: no test specified.*|.*\bno tests ran in\b.*|testing: warning: no tests to run.*"
    r"| *0 passing\b.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed", re.MULTILINE)
_CARGO_TEST = re.compile(r"^test (\S.*?) \.\.\. (ok|FAILED|ignored)", re.MULTILINE)
_GO_PACKAGE = re.compile(r"^(ok|FAIL)\s+(\S+)\s+(?:[\d.]+s|\(cached\)|\[.*\])", re.MULTILINE)
_GO_FAILED = re.compile(r"^\s*--- FAIL: (\S+)", re.MULTILINE)


def plain(output: bytes) -> str:
    """The output as text without terminal escapes. Still untrusted."""
    return _ESCAPES.sub("", output.decode("utf-8", "replace")).replace("\r\n", "\n")


def readable(text: str) -> str:
    """The text with lines and runs of blanks cut, so that no output can keep a pattern busy for long."""
    return "\n".join(_BLANKS.sub(" " * 40, line[:_LONGEST_LINE]) for line in text.split("\n"))


_LONGEST_LINE = 1000
_BLANKS = re.compile(r"[ \t]{40,}")


def read_tests(reader: str, text: str, report: bytes) -> Tally:
    """`reader` is the format that is expected; "any" tries them all. `report` is b"" when there is none."""
    if reader == "pytest":
        # A run that ended without writing its report (os._exit in a test, a crash) was not read.
        return read_junit(report)
    if reader == "unittest":
        return read_unittest(text)
    if reader == "javascript":
        return _first(read_jest_json(report), read_javascript_text(text))
    tally = _first(
        read_junit(report) if _SUMMARY_OF_PYTEST.search(text) else UNREAD,
        read_jest_json(report),
        read_unittest(text),
        read_pytest_text(text),
        read_javascript_text(text),
        _read_cargo(text),
        _read_go(text),
    )
    return Tally(ran=0, passed=(), failed=()) if tally is UNREAD and _NO_TESTS.search(text) else tally


_SUMMARY_OF_PYTEST = re.compile(r"^=* ?(\d+ \w+|no tests ran).* in [\d.]+s", re.MULTILINE)


def _first(*tallies: Tally) -> Tally:
    return next((tally for tally in tallies if tally is not UNREAD), UNREAD)


def _read_cargo(text: str) -> Tally:
    totals = _CARGO.findall(text)
    if not totals:
        return UNREAD
    found = _CARGO_TEST.findall(text)
    names = {word: numbered(name for name, other in found if other == word) for word in ("ok", "FAILED", "ignored")}
    ran = sum(int(passed) + int(failed) for passed, failed in totals)
    return Tally(ran=ran, passed=names["ok"], failed=names["FAILED"], skipped=names["ignored"])


def _read_go(text: str) -> Tally:
    packages = _GO_PACKAGE.findall(text)
    if not packages:
        return UNREAD
    failed = numbered(_GO_FAILED.findall(text)) or tuple(name for word, name in packages if word == "FAIL")
    return Tally(ran=len(packages), failed=failed)


_LINTER_NOISE = re.compile(r"\b\d+(\.\d+)?\s?(ms|s|sec|seconds|files?|errors?|warnings?|problems?)\b", re.IGNORECASE)
_POSITION = re.compile(r"(?<=[\w)\]])[:(]\d+([:,]\d+)?\)?(?=[:\s]|$)|^\s*\d+:\d+\s+", re.MULTILINE)


def read_messages(text: str) -> tuple[str, ...]:
    """A linter's, type checker's or compiler's lines with positions, times and counts taken out.

    So that the same message on the base and, moved by a few lines, on the change is the same.
    """
    lines = []
    for line in text.splitlines():
        reduced = " ".join(_POSITION.sub("", _LINTER_NOISE.sub("", line)).split())
        if reduced and re.search(r"\w", reduced):
            lines.append(reduced[:500])
    return tuple(lines[:20_000])
