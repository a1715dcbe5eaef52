"""What a visitor can do with a task now: what makes sense, what the token is for, and what the policy allows.

These questions are for showing the right thing, not acts: nothing of them is in the audit log, and each act asks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from honk.domain.access import Scope
from honk.domain.event import Event, QuestionAsked
from honk.domain.policy import Act
from honk.domain.task import BUSY, LANDING
from honk.errors import NotAllowed
from honk.service import Local
from honk.views import Card
from honk.views.moves import Move, moves

#: what acts at all; a token with none of these is for looking
_ACTS = frozenset({Scope.ASK, Scope.STEER, Scope.MERGE, Scope.DEPLOY})
#: What each move needs of the token, and of the policy.
_NEEDS: dict[Move, tuple[frozenset[Scope], Act]] = {
    Move.GO: (frozenset({Scope.STEER}), Act.STEER),
    Move.CANCEL: (frozenset({Scope.STEER}), Act.STOP),
    Move.ANSWER: (frozenset({Scope.STEER}), Act.STEER),
    Move.STOP: (frozenset({Scope.STEER}), Act.STOP),
    Move.RETRY: (frozenset({Scope.STEER}), Act.STEER),
    Move.UPDATE: (frozenset({Scope.STEER}), Act.STEER),
    Move.APPROVE: (frozenset({Scope.MERGE}), Act.APPROVE),
    Move.MERGE: (frozenset({Scope.MERGE}), Act.MERGE),
    Move.DEPLOY: (frozenset({Scope.MERGE, Scope.DEPLOY}), Act.DEPLOY),
    Move.PROMOTE: (frozenset({Scope.DEPLOY}), Act.PROMOTE),
    Move.UNDO: (frozenset({Scope.DEPLOY}), Act.UNDO),
    Move.REVERT: (frozenset({Scope.ASK}), Act.ASK),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What the agent wants to know."""

    seq: int
    text: str
    choices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Possible:
    """What the visitor can do now."""

    #: the visit is for nothing but looking
    looks: bool
    #: the names of moves, the most useful first
    moves: tuple[str, ...]
    #: whether words to the task are taken
    reply: bool
    #: whether the agent at work would hear them: at its next step, or at once
    heard: bool
    #: the question that waits for an answer of anybody's
    question: Question | None


def looks_only(service: Local) -> bool:
    """Whether the visit is for nothing but looking."""
    return not service.scopes & _ACTS


async def possible(service: Local, card: Card, log: Sequence[Event]) -> Possible:
    """The same for the task as it is on the card."""
    task = card.task
    found: list[str] = []
    asked: dict[Act, bool] = {}

    async def may(scopes: frozenset[Scope], act: Act) -> bool:
        if not scopes <= service.scopes:
            return False
        if act not in asked:
            decision = await service.app.ports.policy.ask(service.person, act, task.repository, task)
            asked[act] = decision.allowed
        return asked[act]

    sensible = moves(card)
    for move in sensible:
        if move in _NEEDS and await may(*_NEEDS[move]):
            found.append(move)
    agent = service.app.ports.agents.get(task.options.agent)
    reply = task.state not in LANDING and await may(frozenset({Scope.STEER}), Act.STEER)
    return Possible(
        looks=looks_only(service),
        moves=tuple(found),
        reply=reply,
        heard=reply and task.state in BUSY and agent is not None and agent.steers,
        question=_question(log, task.turn) if Move.ANSWER in sensible else None,
    )


def _question(log: Sequence[Event], turn: int) -> Question | None:
    for event in reversed(log):
        if event.turn == turn and isinstance(event.data, QuestionAsked):
            return Question(seq=event.seq, text=event.data.question, choices=event.data.choices)
    return None


def must_have(service: Local, scope: Scope) -> None:
    """Raises NotAllowed where the visit is not for that."""
    if scope not in service.scopes:
        wanted = " ".join(f"--scope {one}" for one in dict.fromkeys((Scope.READ, *sorted(service.scopes), scope)))
        raise NotAllowed(
            f"what you signed in with is not for {scope.value!r}",
            f"sign in by a link (honk sign-in), or with a token that is: honk token create --name phone {wanted}",
        )
