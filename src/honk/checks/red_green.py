"""A bug fix is shown red, then green (promise 5).

Where the instruction reports a defect, the change's tests are put on the base's source and run: the pair
(red there, green with the change) is the proof. A test that was red on the base already and is green now
proves the same.

Decision: where a defect is reported in a repository that has tests, a change is unsure without a proof,
whether it brings no test, one that is green on the base too, or touches no source at all. "Shown" means
shown. Only two kinds of defect need none: one of the documentation, when nothing else was changed, and one
of the tests themselves. A repository without tests is unsure anyway, and the verdict says what nobody has
shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from honk.checks import paths
from honk.checks.instruction import Instruction
from honk.checks.judging import named
from honk.checks.plan import Verifier
from honk.checks.running import Result
from honk.domain.attempt import Change
from honk.domain.verdict import Answer, Finding, Kind, Proof

NAME = "red-green"
#: tests that a proof names
_MOST = 100
UNPROVEN = "no test was shown to fail without the change and to pass with it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Runs:
    """One test verifier on the base, on the base with the change's tests, and on the change."""

    base: Result | None
    red: Result | None
    green: Result
    #: whether the change's run passed by comparison with the base
    passed: bool


def test_paths(change: Change) -> tuple[str, ...]:
    """Everything in the change that belongs to tests."""
    return tuple(one.path for one in change.files if paths.is_test(one.path))


def needs_proof(change: Change, instruction: Instruction) -> bool:
    if not instruction.reports_defect:
        return False
    if instruction.is_about_documentation and all(paths.is_docs(one.path) for one in change.files):
        return False
    return not (instruction.asks_to_fix_tests and all(paths.is_test(one.path) for one in change.files))


def narrowed(verifier: Verifier, change: Change) -> Verifier:
    """The verifier on the change's test files alone, where it can be told to."""
    files = [one.path for one in change.files if one.status != "D" and paths.is_test_file(one.path)]
    wanted = tuple(f"./{path}" for path in files if path.endswith(".py"))
    if not verifier.narrows or not wanted or len(wanted) != len([p for p in files if not paths.is_snapshot(p)]):
        return verifier
    return replace(verifier, argv=(*verifier.argv, *wanted))


def proof(runs: Iterable[Runs], changed: tuple[str, ...]) -> Proof | None:
    """The first verifier that shows it, preferring tests of the change to ones that were red before."""
    found = list(runs)
    for one in found:
        if one.red is not None and one.passed and (tests := _shown(one.base, one.red, one.green, changed)):
            return Proof(tests=tests[:_MOST], red=one.red.evidence, green=one.green.evidence)
    for one in found:
        passed = set(one.green.tally.passed or ())
        if one.base is not None and (tests := tuple(name for name in one.base.tally.failed or () if name in passed)):
            return Proof(tests=tests[:_MOST], red=one.base.evidence, green=one.green.evidence)
    return None


def _shown(base: Result | None, red: Result, green: Result, changed: tuple[str, ...]) -> tuple[str, ...]:
    if red.problem:
        return ()
    failed, passed = red.tally.failed, green.tally.passed
    if failed is None or passed is None:
        # Without names only wholly green runs tell that nothing else is red.
        alone = base is not None and base.green and green.green and red.evidence.exit_code != 0
        return changed if alone else ()
    before = set(base.tally.passed or ()) if base is not None else set()
    # A module that cannot be imported without the change is red as a whole.
    modules = tuple(f"{name}::" for name in failed if "::" not in name and name.endswith(".py"))
    shown = tuple(
        name for name in passed if name in set(failed) or (modules and name.startswith(modules) and name not in before)
    )
    # A new test that ends the whole run takes older ones down with it; these show nothing.
    if fresh := tuple(name for name in shown if name not in before) or shown:
        return fresh
    # node:test names a file that ended as a whole (it hung, exited, could not be loaded) by its path.
    return tuple(path for path in changed if any(name == path or name.endswith(f"/{path}") for name in failed))


def finding(
    change: Change, instruction: Instruction, shown: Proof | None, *, has_tests: bool
) -> tuple[Finding | None, tuple[str, ...]]:
    """(the finding, sentences about what is not proven)."""
    if not needs_proof(change, instruction):
        return None, ()
    if shown is not None:
        summary = f"red without the change, green with it: {named(shown.tests)}"
        return Finding(
            verifier=NAME, kind=Kind.RULE, answer=Answer.PASS, summary=summary, evidence=(shown.red, shown.green)
        ), ()
    sentence = f"The instruction reports a defect, and {UNPROVEN}."
    if not has_tests:
        return None, (sentence,)
    return Finding(verifier=NAME, kind=Kind.RULE, answer=Answer.UNSURE, summary=UNPROVEN), (sentence,)


def tests_only(change: Change, instruction: Instruction) -> Finding | None:
    """A change of tests alone passes only when tests were asked for; red ones fail by themselves."""
    if not change.files or not all(paths.is_test(one.path) for one in change.files):
        return None
    asked = instruction.asks_for_tests or instruction.asks_to_weaken_tests
    if instruction.asks_to_fix_tests or (asked and not instruction.reports_defect):
        return None
    summary = "only tests were changed, and the instruction did not ask for tests alone"
    return Finding(verifier="tests only", kind=Kind.RULE, answer=Answer.UNSURE, summary=summary)
