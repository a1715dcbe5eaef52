"""How a turn ended, and in which state that leaves its task."""

from dataclasses import dataclass

from honk.domain.attempt import Attempt
from honk.domain.plan import WAITS
from honk.domain.task import State
from honk.domain.turn import Outcome
from honk.domain.verdict import Answer, Verdict
from honk.errors import HonkError, LimitReached, MachineInTrouble, Stopped

#: Ends that came from outside; the tree may be anything, so it is kept but neither verified nor proposed.
BROKEN_OFF = frozenset({"stopped", "model", "agent", "hand-back"})
#: Ends after which the tree is not verified: it may be proposed as a draft.
UNVERIFIED = BROKEN_OFF | {"question"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a turn ended."""

    outcome: Outcome
    state: State
    reason: str = ""


def ended_by(error: HonkError) -> Ending:
    """An error broke the turn off: who must act says how the task rests."""
    match error:
        case LimitReached():
            outcome, state = Outcome.LIMIT, State.WAITING
        case MachineInTrouble():
            outcome, state = Outcome.QUESTION, State.WAITING
        case Stopped():
            outcome, state = Outcome.STOPPED, State.STOPPED
        case _:
            outcome, state = Outcome.ERROR, State.FAILED
    return Ending(outcome=outcome, state=state, reason=str(error))


def broken_off(attempt: Attempt) -> Ending:
    """The work ended from outside: a stop, the model, the agent."""
    kept = State.DRAFT if attempt.change and not attempt.change.empty else State.FAILED
    if attempt.cut_short == "stopped":
        return Ending(outcome=Outcome.STOPPED, state=State.STOPPED, reason=attempt.reason)
    return Ending(outcome=Outcome.ERROR, state=kept, reason=attempt.reason)


def nothing_new(attempt: Attempt) -> Ending:
    """The tree is as it was."""
    if attempt.cut_short == "question":
        return Ending(outcome=Outcome.QUESTION, state=State.WAITING, reason=attempt.reason)
    if attempt.cut_short:
        return Ending(outcome=Outcome.LIMIT, state=State.DRAFT, reason=attempt.reason)
    said = attempt.summary.strip()
    reason = f"the agent changed nothing. It said: {said}" if said else "the agent changed nothing"
    return Ending(outcome=Outcome.NO_CHANGE, state=State.FAILED, reason=reason)


def planned(attempt: Attempt) -> Ending:
    """There is a plan that waits for a Go, or the reason why there is none."""
    if attempt.cut_short in BROKEN_OFF:
        return broken_off(attempt)
    if attempt.cut_short:
        outcome = Outcome.QUESTION if attempt.cut_short == "question" else Outcome.LIMIT
        return Ending(outcome=outcome, state=State.WAITING, reason=attempt.reason)
    if not attempt.summary.strip():
        return Ending(outcome=Outcome.NO_CHANGE, state=State.FAILED, reason="the agent wrote no plan")
    return Ending(outcome=Outcome.QUESTION, state=State.WAITING, reason=WAITS)


def concluded(attempt: Attempt, verdict: Verdict | None) -> Ending:
    """There is a pull request; the verdict says of which kind."""
    if attempt.cut_short == "question":
        return Ending(outcome=Outcome.QUESTION, state=State.WAITING, reason=attempt.reason)
    if attempt.cut_short:
        return Ending(outcome=Outcome.LIMIT, state=State.DRAFT, reason=attempt.reason)
    answer = verdict.answer if verdict else Answer.UNSURE
    if answer is Answer.PASS:
        return Ending(outcome=Outcome.PASS, state=State.PROPOSED)
    outcome = Outcome.FAIL if answer is Answer.FAIL else Outcome.UNSURE
    said = "the gate did not pass it" if answer is Answer.FAIL else "not everything could be proven"
    if verdict is not None and verdict.pending:
        said = f"waits for the repository's own checks: {', '.join(verdict.pending)}"
    return Ending(outcome=outcome, state=State.DRAFT, reason=said)
