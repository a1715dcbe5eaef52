"""A verdict that the forge's checks belong to."""

import pytest

from honk.domain.remote_check import CheckState, RemoteCheck, RemoteChecks
from honk.domain.remote_verdict import EVERY, answered, awaiting, missing
from honk.domain.repository import Sha
from honk.domain.verdict import Answer, Finding, Kind, Verdict
from honk.steps.propose.annotations import annotations

HEAD = Sha("a" * 40)


def verdict(answer: Answer = Answer.PASS, *findings: Finding) -> Verdict:
    own = findings or (Finding(verifier="tests", kind=Kind.TEST, answer=answer, summary="12 passed"),)
    return Verdict(answer=answer, tree=HEAD, commit=HEAD, findings=own)


def checks(**states: str) -> RemoteChecks:
    return RemoteChecks(
        head=HEAD, checks=tuple(RemoteCheck(name=name, state=CheckState(state)) for name, state in states.items())
    )


def test_what_is_awaited_makes_a_pass_unsure() -> None:
    made = awaiting(verdict(), ("ios",))
    assert (made.answer, made.pending) == (Answer.UNSURE, ("ios",))
    assert made.not_proven == ("ios: has not answered yet.",)


def test_one_that_refuses_waits_for_nobody() -> None:
    assert awaiting(verdict(Answer.FAIL), ("ios",)) == verdict(Answer.FAIL)


@pytest.mark.parametrize(
    ("states", "answer"),
    [
        ({"ios": "running"}, None),
        ({"web": "passed"}, None),
        ({"ios": "passed"}, Answer.PASS),
        ({"ios": "failed"}, Answer.FAIL),
        ({"ios": "passed", "web": "failed"}, Answer.PASS),
        ({"ios": "passed", "web": "running"}, Answer.PASS),
    ],
)
def test_it_is_given_when_what_belongs_to_it_has_answered(states: dict[str, str], answer: Answer | None) -> None:
    made = answered(awaiting(verdict(), ("ios",)), checks(**states), {})
    assert (made.answer if made else None) == answer
    assert made is None or not made.pending


def test_checks_alone_can_prove_what_no_verifier_here_can_run() -> None:
    nothing = verdict(Answer.UNSURE, Finding(verifier="scope", kind=Kind.RULE, answer=Answer.PASS, summary="within"))
    made = answered(awaiting(nothing, ("ios",)), checks(ios="passed"), {})
    assert made is not None and made.answer is Answer.PASS


def test_what_was_skipped_proves_nothing() -> None:
    nothing = verdict(Answer.UNSURE, Finding(verifier="scope", kind=Kind.RULE, answer=Answer.PASS, summary="within"))
    made = answered(awaiting(nothing, ("ios",)), checks(ios="skipped"), {})
    assert made is not None and made.answer is Answer.UNSURE


def test_every_check_is_awaited_where_their_names_are_not_known() -> None:
    waits = awaiting(verdict(), (EVERY,))
    assert answered(waits, RemoteChecks(head=HEAD), {}) is None
    assert missing(waits, RemoteChecks(head=HEAD)) == (EVERY,)
    assert missing(waits, checks(ios="running", web="passed")) == ("ios",)
    made = answered(waits, checks(ios="passed", web="passed"), {})
    assert made is not None and made.answer is Answer.PASS


def test_given_again_it_says_what_the_checks_say_now() -> None:
    red = answered(awaiting(verdict(), ("ios",)), checks(ios="failed"), {})
    assert red is not None
    green = answered(red, checks(ios="passed"), {})
    assert green is not None and green.answer is Answer.PASS
    assert [one.verifier for one in green.findings] == ["tests", "ios"]


def test_lines_that_output_names_are_shown_beside_them() -> None:
    from honk.domain.verdict import Evidence

    output = "app/player.py:12: error: wrong\n./app/player.py:12:3: E501 long\nother.py:1: not of the change\n"
    evidence = Evidence(command="mypy", exit_code=1, seconds=1.0, condensed=output)
    finding = Finding(verifier="mypy", kind=Kind.TYPES, answer=Answer.FAIL, summary="1 error", evidence=(evidence,))
    [one] = annotations(verdict(Answer.FAIL, finding), {"app/player.py"})
    assert (one.path, one.line, one.level, one.text) == ("app/player.py", 12, "failure", "mypy: error: wrong")
