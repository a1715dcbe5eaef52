"""Output of test runners and linters, as captured from them."""

import json

import pytest

from honk.checks.reading import plain, read_messages, read_tests, readable
from honk.checks.tally import UNREAD
from honk.domain.condense import condense

JUNIT = b"""<?xml version="1.0" encoding="utf-8"?><testsuites>
<testsuite name="pytest" errors="1" failures="1" skipped="1" tests="5">
<testcase classname="tests.test_a.TestX" name="test_one" file="tests/test_a.py" line="3" time="0.0" />
<testcase classname="tests.test_a" name="test_two[a-b]" file="tests/test_a.py" line="9">
<failure message="x">..</failure></testcase>
<testcase classname="tests.test_a" name="test_three" file="tests/test_a.py" line="12"><skipped message="x" /></testcase>
<testcase classname="" name="tests.test_b" time="0.0"><error message="collection failure">..</error></testcase>
</testsuite></testsuites>"""

UNITTEST = """test_a (test_x.T.test_a) ... ok
test_b (test_x.T.test_b)
A docstring of its own ... FAIL
test_c (test_x.T.test_c) ... skipped 'no'
test_d (test_x.T.test_d) ... noise
ok

======================================================================
FAIL: test_b (test_x.T.test_b)
A docstring of its own
----------------------------------------------------------------------
AssertionError: 1 != 2

----------------------------------------------------------------------
Ran 4 tests in 0.001s

FAILED (failures=1, skipped=1)
"""

TAP = """TAP version 13
# Subtest: suite
    # Subtest: one
    ok 1 - one
      ---
      duration_ms: 0.5
      ...
    # Subtest: two
    not ok 2 - two
      ---
      error: 'no'
      ...
    1..2
not ok 1 - suite
# Subtest: later
ok 2 - later # SKIP
# Subtest: alone
ok 3 - alone
1..3
# tests 4
# suites 1
# pass 2
# fail 1
# skipped 1
"""

TAPE = """TAP version 13
# plays
ok 1 should be equal
ok 2 should be equal
# stops
not ok 3 plan != count
  ---
    operator: fail
  ...
# SKIP later
# never ended
not ok 4 test exited without ending: never ended
not ok 5 test exited without ending: never begun

1..5
# tests 5
# pass  2
# fail  3
"""

SPEC = """▶ suite
  ✔ one (0.5ms)
  ✖ two (1.2ms)
▶ suite (2.0ms)

✔ alone (0.1ms)
ℹ tests 3
ℹ suites 1
ℹ pass 2
ℹ fail 1
ℹ cancelled 0
ℹ skipped 0

✖ failing tests:

✖ two (1.2ms)
"""

MOCHA = """

  Player
    ✔ plays (3ms)
    1) stops
    - later


  1 passing (6ms)
  1 pending
  1 failing

  1) Player
       stops:
     Error: no
"""

JEST = """PASS ./b.test.js
FAIL ./a.test.js
  ● suite › two

    expect(received).toBe(expected)

Test Suites: 1 failed, 1 passed, 2 total
Tests:       1 failed, 1 skipped, 2 passed, 4 total
"""

VITEST = """ ❯ a.test.ts (2 tests | 1 failed) 5ms
 FAIL  a.test.ts > suite > two
AssertionError: no

 Test Files  1 failed (1)
      Tests  1 failed | 1 passed (2)
"""

PYTEST = """tests/test_a.py .F                                       [100%]
=========================== short test summary info ============================
FAILED tests/test_a.py::test_b - assert 1 == 2
========================= 1 failed, 1 passed in 0.02s ==========================
"""

CARGO = """running 2 tests
test it_works ... ok
test it_fails ... FAILED

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"""


def test_the_report_of_pytest() -> None:
    tally = read_tests("pytest", "", JUNIT)
    assert tally.passed == ("tests/test_a.py::TestX::test_one",)
    assert tally.failed == ("tests/test_a.py::test_two[a-b]", "tests/test_b.py")
    assert tally.skipped == ("tests/test_a.py::test_three",)
    assert tally.ran == 3


@pytest.mark.parametrize(
    "report", [b"", b"<testsuites>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe", b"no xml"]
)
def test_a_report_that_is_none(report: bytes) -> None:
    assert read_tests("pytest", PYTEST, report) is UNREAD


def test_unittest() -> None:
    tally = read_tests("unittest", UNITTEST, b"")
    assert tally.passed == ("test_x.T.test_a", "test_x.T.test_d")
    assert tally.failed == ("test_x.T.test_b",)
    assert (tally.ran, tally.skipped) == (3, ("test_x.T.test_c",))


def test_unittest_that_cannot_import() -> None:
    name = "test_x (unittest.loader._FailedTest.test_x)"
    text = f"{name} ... ERROR\n\n{'=' * 70}\nERROR: {name}\n{'-' * 70}\nImportError: no\n\nRan 1 test in 0.0s\n"
    assert read_tests("unittest", text, b"").failed == ("test_x",)


@pytest.mark.parametrize(
    ("text", "ran", "passed", "failed"),
    [
        (TAP, 3, ("suite > one", "alone"), ("suite > two",)),
        (TAPE, 4, ("plays",), ("stops", "never ended", "never begun")),
        (SPEC, 3, ("one", "alone"), ("two",)),
        (MOCHA, 2, ("plays",), ("stops",)),
        (JEST, 3, None, ("suite › two",)),
        (VITEST, 2, None, ("a.test.ts > suite > two",)),
        ("TAP version 13\nok 1 - a\nok 2 - a\n1..2\n", 2, ("a", "a #2"), ()),
        ("TAP version 13\nnot ok 1 - a # TODO later\nok 2 - b\n1..2\n", 1, ("b",), ()),
    ],
)
def test_javascript(text: str, ran: int, passed: tuple[str, ...] | None, failed: tuple[str, ...]) -> None:
    tally = read_tests("javascript", text, b"")
    assert (tally.ran, tally.passed, tally.failed) == (ran, passed, failed)


def test_the_report_of_jest_and_vitest() -> None:
    report = {
        "testResults": [
            {
                "name": "/workspace/a.test.js",
                "status": "failed",
                "assertionResults": [
                    {"fullName": "suite one", "status": "passed"},
                    {"fullName": "suite two", "status": "failed"},
                    {"fullName": "suite three", "status": "pending"},
                ],
            },
            {"name": "/workspace/b.test.js", "status": "failed", "assertionResults": [], "message": "SyntaxError"},
        ]
    }
    tally = read_tests("javascript", JEST, json.dumps(report).encode())
    assert tally.passed == ("a.test.js > suite one",)
    assert tally.failed == ("a.test.js > suite two", "b.test.js")
    assert tally.skipped == ("a.test.js > suite three",)


@pytest.mark.parametrize(
    ("text", "ran", "failed"),
    [
        (PYTEST, 2, ("tests/test_a.py::test_b",)),
        (CARGO, 2, ("it_fails",)),
        (UNITTEST, 3, ("test_x.T.test_b",)),
        (TAP, 3, ("suite > two",)),
        ("--- FAIL: TestA (0.00s)\nFAIL\texample.org/a\t0.003s\nok  \texample.org/b\t0.002s\n", 2, ("TestA",)),
        ("no tests ran in 0.01s", 0, ()),
        ("Ran 0 tests in 0.000s\n\nOK", 0, ()),
        ("Error: no test specified", 0, ()),
    ],
)
def test_any_known_form(text: str, ran: int, failed: tuple[str, ...]) -> None:
    tally = read_tests("any", text, b"")
    assert (tally.ran, tally.failed) == (ran, failed)


@pytest.mark.parametrize("text", ["", "all good", "3 files passed inspection", "ok", "1 passed over in silence"])
def test_what_is_not_recognised_is_unread(text: str) -> None:
    assert read_tests("any", text, b"").ran is None


@pytest.mark.parametrize(
    "line",
    [" " * 100_000, "ok 1 - " + " \t" * 50_000, "Tests: " + "1 a11 " * 20_000, "1 passed, " * 10_000, "/" * 100_000],
)
def test_no_output_keeps_the_reader_busy(line: str) -> None:
    """The test's own time limit is the bound."""
    text = readable("TAP version 13\n" + f"{line}\n" * 20)
    read_tests("any", text, b"")
    read_messages(text)
    condense(text)


def test_terminal_escapes_are_taken_out() -> None:
    assert plain(b"\x1b[32m\x1b[1mok\x1b[0m\r\n\xff") == "ok\n\ufffd"


def test_messages_lose_their_positions() -> None:
    one = read_messages("src/a.py:10:5: F401 `os` imported but unused\nFound 1 error.\n")
    moved = read_messages("src/a.py:12:5: F401 `os` imported but unused\nFound 3 errors.\n")
    assert one == moved and one[0] == "src/a.py: F401 `os` imported but unused"
    assert read_messages("src/a.ts(3,4): error TS2304: Cannot find name 'x'.") == read_messages(
        "src/a.ts(9,1): error TS2304: Cannot find name 'x'."
    )


def test_a_runner_of_tap_that_dies_fails_the_test_it_was_in() -> None:
    text = "npm said something\nTAP version 13\n# first\nok 1 a\n# second\nok 2 b\nTypeError: oh no\n"
    tally = read_tests("any", text, b"")
    assert tally.failed == ("second",)
    assert tally.passed == ("first",)
