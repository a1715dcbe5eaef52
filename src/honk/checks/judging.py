"""Two results, of the base and of the change → a finding.

What was red on the base is named "failing before" and does not count; what is new does. A test
verifier passes when no failure is new and at least one test passed. Where a red base gives no names
to compare with, a red change is unsure: nobody can tell whose failure it is.
"""

from collections import Counter
from collections.abc import Iterable

from honk.checks.plan import Verifier
from honk.checks.running import Result
from honk.domain.verdict import Answer, Finding, Kind

#: names shown in a sentence
_SHOWN = 5


def judge(verifier: Verifier, base: Result | None, change: Result) -> Finding:
    """`base` is None when the base could not be looked at; then everything counts as the change's."""
    answer, summary, before = _judged(verifier, base, change)
    return Finding(
        verifier=verifier.name,
        kind=verifier.kind,
        answer=answer,
        summary=summary,
        evidence=(change.evidence,),
        failing_before=before[:200],
    )


def not_run(verifier: Verifier) -> Finding:
    return Finding(
        verifier=verifier.name,
        kind=verifier.kind,
        answer=Answer.UNSURE,
        summary=f"not run: {verifier.not_run}",
        counts=False,
    )


def alone(verifier: Verifier, result: Result) -> Finding:
    """A finding on the base by itself: nothing to compare with."""
    answer, summary, _ = _judged(verifier, None, result)
    return Finding(
        verifier=verifier.name, kind=verifier.kind, answer=answer, summary=summary, evidence=(result.evidence,)
    )


def summary(result: Result) -> str:
    """A red run in a few words."""
    return f"{len(result.tally.failed)} failing" if result.tally.failed else f"ended with {result.evidence.exit_code}"


def _judged(verifier: Verifier, base: Result | None, change: Result) -> tuple[Answer, str, tuple[str, ...]]:
    altered = set(change.altered) - set(base.altered if base else ())
    if altered:
        return Answer.FAIL, f"it changes files of the repository: {named(sorted(altered))}", ()
    if change.problem:
        return Answer.UNSURE, change.problem, ()
    if verifier.kind is Kind.TEST:
        return _tests(base, change)
    return _messages(verifier, base, change)


def _tests(base: Result | None, change: Result) -> tuple[Answer, str, tuple[str, ...]]:
    tally = change.tally
    if change.evidence.exit_code == 0 and not tally.failed:
        return Answer.PASS, _passed(change), ()
    # A base that could not be believed says nothing about whose failures these are.
    if base is not None and base.problem:
        return Answer.UNSURE, f"red, and the base cannot be compared with: {base.problem}", ()
    red_before = base is not None and not base.green
    known = base.tally.failed if base is not None and red_before else ()
    if tally.failed and known is not None:
        new = [name for name in tally.failed if name not in set(known)]
        if new:
            return Answer.FAIL, f"{len(new)} failing: {named(new)}", tuple(n for n in tally.failed if n in set(known))
        if tally.passed == () or not tally.ran or tally.ran <= len(tally.failed):
            return Answer.UNSURE, "every test was failing before and still is", tally.failed
        passed = tally.ran - len(tally.failed)
        return Answer.PASS, f"{passed} passed; failing before: {named(tally.failed)}", tally.failed
    if red_before and tally.passed and tally.failed == () and known == ():
        # Red for a reason beside the tests, such as a threshold of coverage.
        return Answer.PASS, f"{_passed(change)}; ends with {change.evidence.exit_code} as on the base", ()
    if red_before:
        return Answer.UNSURE, "red as on the base, and which tests fail cannot be compared", ()
    if tally.failed:
        return Answer.FAIL, f"{len(tally.failed)} failing: {named(tally.failed)}", ()
    return Answer.FAIL, f"ended with {change.evidence.exit_code}", ()


def _passed(change: Result) -> str:
    count = change.tally.ran
    return "passed" if count is None else "1 test passed" if count == 1 else f"{count} tests passed"


def _messages(verifier: Verifier, base: Result | None, change: Result) -> tuple[Answer, str, tuple[str, ...]]:
    if change.evidence.exit_code == 0:
        return Answer.PASS, "nothing found", ()
    if base is None or (base.evidence.exit_code == 0 and not base.problem):
        return Answer.FAIL, f"ended with {change.evidence.exit_code}", ()
    if base.problem:
        return Answer.UNSURE, f"red, and the base cannot be compared with: {base.problem}", ()
    new = list((Counter(change.messages) - Counter(base.messages)).elements())
    if not new:
        return Answer.PASS, "nothing new; red as on the base", tuple(dict.fromkeys(change.messages))
    # Of an unknown program's output nobody can tell whether another line is another finding.
    answer = Answer.FAIL if verifier.reader == "findings" else Answer.UNSURE
    return answer, f"new: {named(new)}", tuple(dict.fromkeys(one for one in change.messages if one not in new))


def named(names: Iterable[str], most: int = _SHOWN) -> str:
    """The first few, and how many more."""
    found = [name if len(name) <= 200 else name[:199] + "…" for name in names]
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
