"""Results in the Test Anything Protocol, versions 13 and 14.

What is named is a test, not an assertion: node:test prints one result a test and nests them by four
spaces below `# Subtest:`; tape prints one result an assertion below a comment with the test's title.
"""

import re

from honk.checks.tally import UNREAD, Tally, numbered

_RESULT = re.compile(r"^( *)(not )?ok\b(?: \d+)?(?: - | )?(.*?)(?:\s+#\s*(skip|todo)\b.*)?$", re.IGNORECASE)
_SUBTEST = re.compile(r"^( *)# Subtest: (.*)$")
_TITLE = re.compile(r"^# (?!Subtest:|(?:tests|pass|fail|ok|skip|skipped|todo|suites|cancelled|duration_ms)\b)(.+)$")
_TOTAL = re.compile(r"^# tests (\d+)", re.MULTILINE)
#: begins a stream; a package manager may have said something before, and a second runner may follow
_VERSION = re.compile(r"^TAP version \d+.*$", re.MULTILINE)
_PLAN = re.compile(r"^\d+\.\.\d+", re.MULTILINE)
_UNENDED = re.compile(r"^test exited without ending: (.+)$")


def read_tap(text: str) -> Tally:
    """UNREAD when it is not TAP."""
    if not (_TOTAL.search(text) or _VERSION.search(text) or _PLAN.search(text)):
        return UNREAD
    if not any(_RESULT.match(line) for line in text.splitlines()):
        return UNREAD if not _TOTAL.search(text) else Tally(ran=0, passed=(), failed=())
    titled = not _SUBTEST.search(text) and any(_TITLE.match(line) for line in text.splitlines())
    outcomes = _by_title(text) if titled else _nested(text)
    named = numbered(name for name, _ in outcomes)
    by = {
        wanted: tuple(n for n, (_, was) in zip(named, outcomes, strict=True) if was == wanted) for wanted in _OUTCOMES
    }
    return Tally(
        ran=len(by["passed"]) + len(by["failed"]), passed=by["passed"], failed=by["failed"], skipped=by["skipped"]
    )


_OUTCOMES = ("passed", "failed", "skipped")


def _nested(text: str) -> list[tuple[str, str]]:
    titles: dict[int, str] = {}
    #: results that were seen below each depth since its last result
    below: dict[int, list[bool]] = {}
    outcomes = []
    for line in text.splitlines():
        if subtest := _SUBTEST.match(line):
            titles[len(subtest[1]) // 4] = subtest[2].strip()
        elif result := _RESULT.match(line):
            depth, failed = len(result[1]) // 4, bool(result[2]) and not result[4]
            children = below.pop(depth, [])
            below.setdefault(depth - 1, []).append(failed)
            if children and (not failed or any(children)):
                continue
            name = " > ".join([*(titles.get(level, "") for level in range(depth)), result[3].strip()])
            outcomes.append((name, "skipped" if result[4] else "failed" if failed else "passed"))
    return outcomes


def _by_title(text: str) -> list[tuple[str, str]]:
    outcomes = []
    for stream in _VERSION.split(text)[1:] or [text]:
        found = _of_stream(stream)
        if found and not (_PLAN.search(stream) or _TOTAL.search(stream)):
            # The runner died of an exception, in the test that it had begun last.
            found[-1] = (found[-1][0], "failed")
        outcomes += found
    return outcomes


def _of_stream(text: str) -> list[tuple[str, str]]:
    outcomes: list[tuple[str, str]] = []
    for line in text.splitlines():
        if title := _TITLE.match(line):
            name = re.sub(r"^(SKIP|TODO) ", "", title[1].strip())
            outcomes.append((name, "skipped" if name != title[1].strip() else "passed"))
        elif (result := _RESULT.match(line)) and result[2] and not result[4]:
            unended = _UNENDED.match(result[3])
            if unended or not outcomes:
                name = unended[1] if unended else result[3]
                outcomes = [one for one in outcomes if one[0] != name] + [(name, "failed")]
            else:
                outcomes[-1] = (outcomes[-1][0], "failed")
    return outcomes
