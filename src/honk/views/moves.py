"""What people can do with a task now, for doors with buttons; and what is being done at the moment."""

from collections.abc import Iterable
from enum import StrEnum

from honk.domain import event as events
from honk.domain.event import Event
from honk.domain.pull_request import PullRequestState
from honk.domain.task import BUSY, State
from honk.domain.verdict import Answer
from honk.views.card import Card
from honk.views.sentences import sentence


class Move(StrEnum):
    """One thing that a person can do."""

    #: carry out the plan that waits
    GO = "go"
    #: say what should be different in it
    CHANGE = "change"
    #: give it up
    CANCEL = "cancel"
    ANSWER = "answer"
    INTERRUPT = "interrupt"
    STOP = "stop"
    REVIEW = "review"
    APPROVE = "approve"
    MERGE = "merge"
    DEPLOY = "deploy"
    #: take what is live to the next environment
    PROMOTE = "promote"
    UNDO = "undo"
    RETRY = "retry"
    HAND_OVER = "hand-over"
    BRANCH = "branch"
    #: merge the base into it, which has moved
    UPDATE = "update"
    #: take the merged change back, by a pull request of its own
    REVERT = "revert"


_AT_WORK = BUSY - {State.MERGING, State.DEPLOYING}
_RESTS = frozenset({State.PROPOSED, State.DRAFT, State.WAITING, State.STOPPED, State.FAILED})


def moves(card: Card) -> tuple[Move, ...]:
    """Those that make sense now, the most useful first; whether a person may is the policy's to say at the act."""
    state = card.task.state
    if card.plan and state is State.WAITING:
        return Move.GO, Move.CHANGE, Move.CANCEL
    if state in _AT_WORK:
        return Move.STOP, Move.INTERRUPT, Move.HAND_OVER
    if state in {State.MERGING, State.DEPLOYING}:
        return (Move.STOP,)
    if state is State.DEPLOYED:
        first = (Move.DEPLOY,) if card.waits_to_deploy else (Move.PROMOTE,) if card.promotes_to else ()
        return *first, Move.UNDO, Move.REVERT
    if state is State.MERGED:
        return (*((Move.DEPLOY,) if card.task.reason else ()), Move.REVERT)
    found: list[Move] = []
    if state is State.WAITING and asks(card):
        found.append(Move.ANSWER)
    if proposed(card):
        found += [Move.MERGE, Move.REVIEW] if mergeable(card) else [Move.REVIEW]
        # What conflicts with its base is another commit before anybody can merge it.
        found.append(Move.UPDATE if _conflicts(card) else Move.APPROVE)
    if state in _RESTS:
        found += [Move.RETRY] if state is not State.PROPOSED else []
        found += [Move.HAND_OVER, *([Move.BRANCH] if proposed(card) else [])]
    return tuple(found)


def asks(card: Card) -> bool:
    """Whether a question of the agent's waits for an answer."""
    return card.settled is not None and card.settled.outcome == "question" and not card.plan


def proposed(card: Card) -> bool:
    """Whether there is an open pull request, draft or not."""
    pull_request = card.pull_request
    return pull_request is not None and pull_request.state in {PullRequestState.OPEN, PullRequestState.DRAFT}


def _conflicts(card: Card) -> bool:
    return card.pull_request is not None and card.pull_request.conflicts


def mergeable(card: Card) -> bool:
    """Whether the verdict leaves the decision to a person."""
    verdict, pull_request = card.verdict, card.pull_request
    if verdict is None or pull_request is None or verdict.commit != pull_request.head:
        return False
    if verdict.answer is Answer.PASS:
        return pull_request.state is PullRequestState.OPEN
    return verdict.answer is Answer.UNSURE


def activity(log: Iterable[Event]) -> str:
    """What is being done now, in a line; "" when nobody is at work or nothing was said yet."""
    for event in reversed(tuple(log)):
        match event.data:
            case events.TaskSettled() | events.TaskAccepted():
                return ""
            case events.AgentCalledTool(tool=tool, summary=summary):
                return f"{tool} {summary}".strip()
            case events.VerifierStarted(verifier=verifier, on="change"):
                return f"verifying: {verifier}"
            case events.AgentWrote(partial=False) | events.AgentWaits() | events.StepProgressed() | events.WorkPaused():
                return sentence(event) or ""
            case events.AgentStarted():
                return "the agent reads"
            case events.TaskMoved(state=State.PREPARING):
                return "preparing the workspace"
            case events.TaskMoved(state=State.VERIFYING):
                return "verifying"
            case events.DeploymentStarted(environment=environment):
                return f"deploying to {environment}"
    return ""
