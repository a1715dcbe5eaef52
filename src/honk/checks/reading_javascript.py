"""Results of node:test, tape, jest, vitest and mocha.

Formats: TAP (see reading_tap); the JSON that jest and vitest share
(`testResults[].assertionResults[]`); the closing lines of each for people.
"""

import json
import re

from pydantic import BaseModel, ValidationError

from honk.checks.reading_tap import read_tap
from honk.checks.tally import UNREAD, Tally, numbered

_SPEC_TOTAL = re.compile(r"^ℹ (tests|pass|fail|skipped|todo|cancelled) (\d+)", re.MULTILINE)
_SPEC_LINE = re.compile(r"^ *([✔✖﹣▶]) (.*?)(?: \([\d.]+m?s\))?(?: # .*)?$")
_JEST_TOTAL = re.compile(r"^ *Tests:? +((?:\d+ [a-z]+(?:, | \| )?)+)(?:\(\d+\))?(?:, \d+ total)?", re.MULTILINE)
_JEST_FAILED = re.compile(r"^  ● (.+ › .+|(?!Console|Test suite).+)$", re.MULTILINE)
_VITEST_FAILED = re.compile(r"^ *(?:FAIL|×) +(\S+ > .+?)(?: \d+ms)?$", re.MULTILINE)
_MOCHA_TOTAL = re.compile(r"^ +(\d+) (passing|failing|pending)\b", re.MULTILINE)
_MOCHA_PASS = re.compile(r"^ +[✓✔√] (.*?)(?: \(\d+m?s\))?$")
_MOCHA_FAIL = re.compile(r"^ +\d+\) (.+?)$")


class _Assertion(BaseModel):
    title: str = ""
    fullName: str = ""
    status: str = ""


class _TestFile(BaseModel):
    name: str = ""
    status: str = ""
    assertionResults: list[_Assertion] = []


class _JestReport(BaseModel):
    testResults: list[_TestFile]


def read_jest_json(report: bytes) -> Tally:
    try:
        parsed = _JestReport.model_validate(json.loads(report))
    except (ValueError, ValidationError, RecursionError):
        return UNREAD
    by: dict[str, list[str]] = {"passed": [], "failed": [], "skipped": []}
    for file in parsed.testResults:
        path = file.name.removeprefix("/workspace/")
        for one in file.assertionResults:
            key = one.status if one.status in by else "skipped"
            by[key].append(f"{path} > {(one.fullName or one.title).strip()}")
        if file.status == "failed" and not any(one.status == "failed" for one in file.assertionResults):
            by["failed"].append(path)
    passed, failed = numbered(by["passed"]), numbered(by["failed"])
    return Tally(ran=len(passed) + len(failed), passed=passed, failed=failed, skipped=numbered(by["skipped"]))


def read_javascript_text(text: str) -> Tally:
    """The first format that is recognised; UNREAD when none is."""
    for reader in (read_tap, _read_spec, _read_jest, _read_mocha):
        tally = reader(text)
        if tally is not UNREAD:
            return tally
    return UNREAD


def _read_spec(text: str) -> Tally:
    totals: dict[str, int] = {}
    for word, number in _SPEC_TOTAL.findall(text):
        totals[word] = totals.get(word, 0) + int(number)
    if "tests" not in totals:
        return UNREAD
    body = text.split("\nℹ tests ")[0]
    lines = [found for line in body.splitlines() if (found := _SPEC_LINE.match(line))]
    suites = {found[2] for found in lines if found[1] == "▶"}
    names = {mark: [f[2] for f in lines if f[1] == mark and f[2] not in suites] for mark in "✔✖﹣"}
    passed, failed = numbered(names["✔"]), numbered(names["✖"])
    failures = totals.get("fail", 0) + totals.get("cancelled", 0)
    return Tally(
        ran=totals.get("pass", 0) + failures,
        passed=passed if len(passed) == totals.get("pass", 0) else None,
        failed=failed if len(failed) == failures else None,
        skipped=numbered(names["﹣"]),
    )


def _read_jest(text: str) -> Tally:
    totals: dict[str, int] = {}
    for summary in _JEST_TOTAL.findall(text):
        for number, word in re.findall(r"(\d+) (passed|failed)", summary):
            totals[word] = totals.get(word, 0) + int(number)
    if not totals:
        return UNREAD
    failures = totals.get("failed", 0)
    named = tuple(dict.fromkeys(name.strip() for name in (_JEST_FAILED.findall(text) or _VITEST_FAILED.findall(text))))
    return Tally(
        ran=totals.get("passed", 0) + failures,
        passed=() if not totals.get("passed") else None,
        failed=named if len(named) == failures else None,
    )


def _read_mocha(text: str) -> Tally:
    found = _MOCHA_TOTAL.findall(text)
    if not any(word == "passing" for _, word in found):
        return UNREAD
    totals = {word: sum(int(number) for number, other in found if other == word) for _, word in found}
    body = re.split(r"^ +\d+ passing\b", text, maxsplit=1, flags=re.MULTILINE)[0]
    passed = numbered(match[1] for line in body.splitlines() if (match := _MOCHA_PASS.match(line)))
    failed = numbered(match[1] for line in body.splitlines() if (match := _MOCHA_FAIL.match(line)))
    failures = totals.get("failing", 0)
    return Tally(
        ran=totals["passing"] + failures,
        passed=passed if len(passed) == totals["passing"] else None,
        failed=failed if len(failed) == failures else None,
    )
