"""What a person can do with a task now, and the command for it."""

from dataclasses import dataclass

from honk.domain.policy import Confirmation
from honk.domain.task import State
from honk.domain.verdict import Answer
from honk.views.card import Card


@dataclass(frozen=True, kw_only=True, slots=True)
class NextStep:
    """One thing that can be done."""

    #: such as "merge it"
    what: str
    command: str


def next_steps(card: Card) -> tuple[NextStep, ...]:
    """The most useful first. Never empty."""
    id, state = card.task.id, card.task.state
    reply = NextStep(what="say what should be different", command=f'honk reply {id} "…"')
    diff = NextStep(what="read the change", command=f"honk diff {id}")
    retry = NextStep(what="have it done again", command=f"honk retry {id}")
    follow = NextStep(what="watch it", command=f"honk follow {id}")
    revert = NextStep(what="take the change back, by a pull request", command=f"honk revert {id}")
    if card.plan is not None:
        go = NextStep(what="have the plan carried out", command=f"honk go {id}")
        return go, reply, NextStep(what="cancel it", command=f"honk stop {id}")
    match state:
        case State.PROPOSED:
            return diff, *_approve(card), NextStep(what="merge it", command=f"honk merge {id}{_typed(card)}"), reply
        case State.DRAFT | State.WAITING:
            unsure = card.verdict is not None and card.verdict.answer is Answer.UNSURE
            accept = NextStep(
                what="merge it although not everything is proven",
                command=f"honk merge {id} --accept-unsure{_typed(card)}",
            )
            changed = (diff,) if card.pull_request else ()
            return (*changed, reply, retry, *((*_approve(card), accept) if unsure and card.pull_request else ()))
        case State.MERGED:
            return *_deploy(card), diff, NextStep(what="read what happened", command=f"honk log {id}"), revert
        case State.DEPLOYED:
            undo = NextStep(what="put the version before back", command=f"honk undo {id}")
            return *_deploy(card), *_promote(card), undo, revert
        case State.STOPPED | State.FAILED:
            return retry, NextStep(what="read what happened", command=f"honk log {id}")
        case State.MERGING | State.DEPLOYING:
            return (follow,)
    return follow, reply, NextStep(what="stop it; the work is kept", command=f"honk stop {id}")


def _deploy(card: Card) -> tuple[NextStep, ...]:
    if not card.waits_to_deploy:
        return ()
    return (NextStep(what="deploy it now, although it waits", command=f"honk merge {card.task.id} --now"),)


def _promote(card: Card) -> tuple[NextStep, ...]:
    if not card.promotes_to:
        return ()
    return (NextStep(what=f"take it to {card.promotes_to}", command=f"honk promote {card.task.id}"),)


def _approve(card: Card) -> tuple[NextStep, ...]:
    """For somebody else than who merges, where the policy asks for a second person."""
    if card.confirmation is not Confirmation.SECOND or card.approved_by:
        return ()
    return (NextStep(what="approve it, before somebody else merges it", command=f"honk approve {card.task.id}"),)


def _typed(card: Card) -> str:
    return f" --typed {card.to_type}" if card.to_type else ""
