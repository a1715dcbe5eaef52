"""Results of pytest and unittest.

Formats: JUnit XML as pytest writes it with `junit_family=xunit1` (`file`, `classname`, `name`);
the verbose text of `python -m unittest` of 3.8 to 3.14; pytest's closing line.
"""

import re
from xml.etree import ElementTree

from honk.checks.tally import UNREAD, Tally

_SUMMARY = re.compile(r"^=* ?((?:\d+ [a-z]+(?:, )?)+|no tests ran) in [\d.]+s.*$", re.MULTILINE)
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected)")
_FAILED_LINE = re.compile(r"^(?:FAILED|ERROR) (\S+(?:\[.*?\])?)", re.MULTILINE)
_RAN = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
_HEADER = re.compile(r"^([\w.]+) \(([\w.<> ]+)\)")
_RESULT = re.compile(r"\.\.\. (?:.*)?(ok|FAIL|ERROR|skipped .*|expected failure|unexpected success)$|^(ok|FAIL|ERROR)$")
_SECTION = re.compile(r"^(?:FAIL|ERROR|UNEXPECTED SUCCESS): ([\w.]+) \(([\w.<> ]+)\)", re.MULTILINE)


def read_junit(report: bytes) -> Tally:
    """UNREAD when it is not the report of a finished run. The file was written beside untrusted code."""
    if not report.strip() or b"<!DOCTYPE" in report or b"<!ENTITY" in report:
        return UNREAD
    try:
        root = ElementTree.fromstring(report)
    except ElementTree.ParseError:
        return UNREAD
    outcomes: dict[str, str] = {}
    for case in root.iter("testcase"):
        name = _case_name(case)
        tags = {child.tag for child in case}
        outcome = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        if outcomes.get(name) != "failed":
            outcomes[name] = outcome
    by = {wanted: tuple(n for n, o in outcomes.items() if o == wanted) for wanted in ("passed", "failed", "skipped")}
    return Tally(
        ran=len(by["passed"]) + len(by["failed"]), passed=by["passed"], failed=by["failed"], skipped=by["skipped"]
    )


def _case_name(case: ElementTree.Element) -> str:
    name, group, file = case.get("name", ""), case.get("classname", ""), case.get("file", "")
    if not group:
        # pytest's entry for a module that could not be collected: its dotted name.
        return file or name.replace(".", "/") + ".py"
    if not file:
        return f"{group}::{name}"
    module = file.removesuffix(".py").replace("/", ".")
    classes = group.removeprefix(module).strip(".").replace(".", "::") if group.startswith(module) else ""
    return "::".join(part for part in (file, classes, name) if part)


def read_pytest_text(text: str) -> Tally:
    summaries = _SUMMARY.findall(text)
    if not summaries:
        return UNREAD
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for summary in summaries:
        for number, word in _COUNT.findall(summary):
            key = {"xfailed": "passed", "xpassed": "passed"}.get(word, "failed" if word.startswith("error") else word)
            counts[key] = counts.get(key, 0) + int(number)
    named = tuple(dict.fromkeys(_FAILED_LINE.findall(text)))
    return Tally(
        ran=counts["passed"] + counts["failed"],
        passed=() if counts["passed"] == 0 else None,
        failed=named if len(named) == counts["failed"] else None,
    )


def read_unittest(text: str) -> Tally:
    """Names from `-v`; without it the failures' names and the count."""
    totals = [int(number) for number in _RAN.findall(text)]
    if not totals:
        return UNREAD
    failed = tuple(dict.fromkeys(_full(*found) for found in _SECTION.findall(text)))
    passed, skipped = _verbose(text)
    passed = tuple(name for name in passed if name not in failed)
    ran = sum(totals) - len(skipped)
    complete = len(passed) + len([name for name in failed if not name.startswith("setUp")]) >= ran
    return Tally(ran=max(ran, 0), passed=passed if complete else None, failed=failed, skipped=skipped)


def _verbose(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    passed, skipped, current = [], [], ""
    for line in text.splitlines():
        if header := _HEADER.match(line):
            current = _full(header[1], header[2])
        result = _RESULT.search(line)
        if result and current:
            word = result[1] or result[2]
            if word in {"ok", "expected failure"}:
                passed.append(current)
            elif word.startswith("skipped"):
                skipped.append(current)
            current = ""
    return tuple(passed), tuple(skipped)


def _full(name: str, group: str) -> str:
    group = group.removeprefix("unittest.loader._FailedTest.") if name in group else group
    return group if group.endswith(f".{name}") or group == name else f"{group}.{name}"
