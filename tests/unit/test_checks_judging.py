"""Base and change compared; condensed logs; words for the agent; red-green."""

from dataclasses import replace

import pytest

from honk.checks import red_green, report
from honk.checks.instruction import Instruction
from honk.checks.judging import judge, named
from honk.checks.plan import Verifier
from honk.checks.running import Result
from honk.checks.tally import UNREAD, Tally
from honk.domain.attempt import Change
from honk.domain.condense import condense
from honk.domain.repository import FileChange, Sha
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Verdict

TEST = Verifier(name="pytest", kind=Kind.TEST, argv=("pytest",), narrows=True)
LINT = Verifier(name="ruff", kind=Kind.LINT, argv=("ruff",), reader="findings")
SCRIPT = Verifier(name="npm run lint", kind=Kind.LINT, argv=("npm",), reader="lines")


def ran(code: int | None, passed: tuple[str, ...] | None = (), failed: tuple[str, ...] | None = ()) -> Result:
    known = passed is not None and failed is not None
    tally = Tally(ran=len(passed or ()) + len(failed or ()) if known else None, passed=passed, failed=failed)
    return Result(evidence=Evidence(command="c", exit_code=code, seconds=1.0, condensed=""), tally=tally)


def lines(code: int, *messages: str) -> Result:
    return Result(evidence=Evidence(command="c", exit_code=code, seconds=1.0, condensed=""), messages=messages)


GREEN = ran(0, ("a", "b"))
UNKNOWN_RED = ran(1, None, None)


@pytest.mark.parametrize(
    ("base", "change", "answer"),
    [
        (GREEN, GREEN, Answer.PASS),
        (GREEN, ran(1, ("a",), ("b",)), Answer.FAIL),
        (GREEN, ran(1, ("a", "b")), Answer.FAIL),
        (GREEN, ran(0, ("a",), ("b",)), Answer.FAIL),
        (GREEN, UNKNOWN_RED, Answer.FAIL),
        (None, ran(1, (), ("b",)), Answer.FAIL),
        (ran(1, ("a",), ("b",)), ran(1, ("a",), ("b",)), Answer.PASS),
        (ran(1, ("a",), ("b",)), ran(1, ("b",), ("a",)), Answer.FAIL),
        (ran(1, (), ("b",)), ran(1, (), ("b",)), Answer.UNSURE),
        (ran(1, ("a", "b")), ran(1, ("a", "b")), Answer.PASS),
        (UNKNOWN_RED, UNKNOWN_RED, Answer.UNSURE),
        (UNKNOWN_RED, ran(1, ("a",), ("b",)), Answer.UNSURE),
        (UNKNOWN_RED, GREEN, Answer.PASS),
        (replace(GREEN, problem="no tests ran"), ran(1, ("a",), ("b",)), Answer.UNSURE),
        (GREEN, replace(ran(None), problem="ended by the time limit"), Answer.UNSURE),
        (GREEN, replace(GREEN, altered=("x",)), Answer.FAIL),
        (replace(GREEN, altered=("x",)), replace(GREEN, altered=("x",)), Answer.PASS),
    ],
)
def test_tests_compared_with_the_base(base: Result | None, change: Result, answer: Answer) -> None:
    assert judge(TEST, base, change).answer is answer


@pytest.mark.parametrize(
    ("verifier", "base", "change", "answer"),
    [
        (LINT, lines(0), lines(0), Answer.PASS),
        (LINT, lines(0), lines(1, "x"), Answer.FAIL),
        (LINT, lines(1, "x"), lines(1, "x"), Answer.PASS),
        (LINT, lines(1, "x", "y"), lines(1, "x"), Answer.PASS),
        (LINT, lines(1, "x"), lines(1, "x", "x"), Answer.FAIL),
        (SCRIPT, lines(1, "x"), lines(1, "x", "y"), Answer.UNSURE),
        (SCRIPT, lines(0), lines(1, "x"), Answer.FAIL),
    ],
)
def test_messages_compared_with_the_base(verifier: Verifier, base: Result, change: Result, answer: Answer) -> None:
    assert judge(verifier, base, change).answer is answer


def test_what_was_failing_before_is_named() -> None:
    finding = judge(TEST, ran(1, ("a",), ("b",)), ran(1, (), ("a", "b")))
    assert finding.summary == "1 failing: a" and finding.failing_before == ("b",)


def test_names_in_a_sentence_are_bounded() -> None:
    assert named([str(n) for n in range(8)]) == "0, 1, 2, 3, 4 and 3 more"
    assert len(named(["x" * 1000])) == 200


def file(path: str, status: str = "M") -> FileChange:
    return FileChange(
        path=path, status=status, old_mode="100644", new_mode="100644", insertions=1, deletions=0, binary=False
    )


def change(*files: FileChange) -> Change:
    sha = Sha("a" * 40)
    return Change(base=sha, parent=sha, commit=sha, tree=sha, files=files)


def runs(red: Result | None, green: Result = GREEN, base: Result | None = None) -> list[red_green.Runs]:
    return [red_green.Runs(base=base or ran(0, ("a",)), red=red, green=green, passed=True)]


def test_a_new_test_that_fails_without_the_change_proves_it() -> None:
    proof = red_green.proof(runs(ran(1, ("a",), ("b",))), ("test_x.py",))
    assert proof is not None and proof.tests == ("b",)


def test_older_tests_that_a_new_one_takes_down_show_nothing() -> None:
    proof = red_green.proof(runs(ran(1, (), ("a", "b"))), ("t.js",))
    assert proof is not None and proof.tests == ("b",)
    changed = red_green.proof(runs(ran(1, ("b",), ("a",))), ("t.js",))
    assert changed is not None and changed.tests == ("a",)


def test_a_module_that_cannot_be_imported_without_the_change_is_red() -> None:
    green = ran(0, ("t.py::a", "t.py::b", "u.py::c"))
    proof = red_green.proof(runs(ran(2, (), ("t.py",)), green, ran(0, ("t.py::a",))), ("t.py",))
    assert proof is not None and proof.tests == ("t.py::b",)


def test_without_names_a_wholly_green_base_is_needed() -> None:
    unknown_green = ran(0, None, None)
    assert red_green.proof(runs(UNKNOWN_RED, unknown_green, unknown_green), ("t.py",)).tests == ("t.py",)  # type: ignore[union-attr]
    assert red_green.proof(runs(UNKNOWN_RED, unknown_green, UNKNOWN_RED), ("t.py",)) is None


@pytest.mark.parametrize(
    "red", [None, ran(0, ("a", "b")), replace(ran(1), problem="no tests ran"), ran(1, ("b",), ("z",))]
)
def test_what_proves_nothing(red: Result | None) -> None:
    assert red_green.proof(runs(red), ("t.py",)) is None


def test_a_test_that_was_red_before_and_is_green_now_proves_it() -> None:
    proof = red_green.proof(runs(None, GREEN, ran(1, ("a",), ("b",))), ())
    assert proof is not None and proof.tests == ("b",)


@pytest.mark.parametrize(
    ("words", "files", "has_tests", "answer"),
    [
        ("fix the crash", (file("a.py"),), True, Answer.UNSURE),
        ("fix the crash", (file("a.py"),), False, None),
        ("fix the typo", (file("README.md"),), True, None),
        ("fix the typo", (file("README.md"), file("a.py")), True, Answer.UNSURE),
        ("fix the crash", (file("README.md"),), True, Answer.UNSURE),
        ("add a theme", (file("a.py"),), True, None),
        ("fix the crash", (file("tests/test_a.py"),), True, Answer.UNSURE),
        ("fix the flaky test", (file("tests/test_a.py"),), True, None),
    ],
)
def test_who_needs_a_proof(words: str, files: tuple[FileChange, ...], has_tests: bool, answer: Answer | None) -> None:
    finding, sentences = red_green.finding(change(*files), Instruction(words), None, has_tests=has_tests)
    assert (finding.answer if finding else None) is answer
    assert bool(sentences) is (answer is not None or not has_tests)


def test_only_the_changed_tests_are_run_where_that_can_be_said() -> None:
    both = change(file("tests/test_a.py"), file("a.py"), file("tests/data.json"), file("tests/test_b.py", "D"))
    assert red_green.narrowed(TEST, both).argv == ("pytest", "./tests/test_a.py")
    assert red_green.narrowed(replace(TEST, narrows=False), both).argv == ("pytest",)
    assert red_green.narrowed(TEST, change(file("tests/data.json"))).argv == ("pytest",)


def test_tests_only() -> None:
    only = change(file("tests/test_a.py"))
    assert red_green.tests_only(only, Instruction("make it fast")).answer is Answer.UNSURE  # type: ignore[union-attr]
    assert red_green.tests_only(only, Instruction("add tests")) is None
    assert red_green.tests_only(only, Instruction("fix the flaky test")) is None
    assert red_green.tests_only(only, Instruction("fix the crash, and add a test")) is not None
    assert red_green.tests_only(change(file("tests/test_a.py"), file("a.py")), Instruction("x")) is None


def test_a_short_log_is_kept_whole_and_a_long_one_is_bounded() -> None:
    assert condense("all of it\n") == "all of it"
    unknown = "\n".join(f"line {n}" for n in range(5000))
    assert condense(unknown).endswith("line 4999") and len(condense(unknown)) < 4200


def test_what_matters_of_pytest() -> None:
    log = (
        "collected\n" * 1000
        + "=== FAILURES ===\n___ test_a ___\nassert 1 == 2\nE  important\n=== warnings summary ===\n"
        + "noise\n" * 1000
        + "=== short test summary info ===\nFAILED t.py::test_a\n=== 1 failed in 1s ===\n"
    )
    found = condense(log)
    assert "E  important" in found and "FAILED t.py::test_a" in found and "noise" not in found


def test_what_matters_of_tap() -> None:
    log = (
        "ok 1 - fine\n" * 1000
        + "not ok 2 - broken\n  ---\n  error: 'why'\n  ...\n"
        + "ok 3 - fine\n" * 1000
        + "# tests 3\n"
    )
    assert "why" in condense(log) and "fine" not in condense(log)


def test_errors_of_a_compiler_come_with_the_end_of_the_log() -> None:
    log = "building\n" * 1000 + "src/a.ts(1,2): error TS1: no\n" + "more\n" * 1000 + "the real cause\n"
    assert "error TS1" in condense(log) and condense(log).endswith("the real cause")


def verdict(answer: Answer, *findings: Finding, **more: object) -> Verdict:
    sha = Sha("a" * 40)
    return Verdict(answer=answer, tree=sha, commit=sha, findings=findings, **more)  # type: ignore[arg-type]


def test_words_for_the_agent() -> None:
    good = Finding(verifier="pytest", kind=Kind.TEST, answer=Answer.PASS, summary="3 tests passed")
    evidence = Evidence(command="ruff check", exit_code=1, seconds=1.0, condensed="a.py: E1")
    bad = Finding(verifier="ruff", kind=Kind.LINT, answer=Answer.FAIL, summary="new: E1", evidence=(evidence,))
    assert report.words(verdict(Answer.PASS, good)) == "Verified: pass. pytest (3 tests passed)"
    words = report.words(verdict(Answer.FAIL, good, bad, not_proven=("x",)))
    assert (
        "ruff: fail: new: E1" in words
        and "a.py: E1" in words
        and "Not proven: x" in words
        and "Passed: pytest" in words
    )
    assert "broken" in report.words(verdict(Answer.UNSURE, base_broken="set-up failed"))
    huge = replace(bad, evidence=(replace(evidence, condensed="x" * 100_000),))
    assert len(report.words(verdict(Answer.FAIL, huge))) < 12_200


def test_unread_is_one_object() -> None:
    assert Tally() == UNREAD and (GREEN.tally + UNREAD).passed is None
