"""work → rest: the state in which a task is left, why, and what it has cost."""

from dataclasses import replace
from datetime import datetime
from itertools import pairwise

from honk.domain.ending import Ending
from honk.domain.event import AgentFinished, Event, TaskMoved, TaskSettled, VerdictGiven
from honk.domain.pull_request import PullRequestState
from honk.domain.task import BUSY, LANDING, State, Task
from honk.domain.turn import Outcome, Turn
from honk.ports import Ports

#: seconds without an event after which the clock is believed to have been set, not the work to have gone on
_LONGEST_SILENCE = 3600.0


async def settle(task: Task, turn: Turn, ending: Ending, *, ports: Ports) -> Ending:
    """Leaves the turn. The event is the last one that a follower waits for.

    A turn with nothing new to propose leaves an earlier turn's pull request as it was, and the task with it.
    Done again after a crash, it leaves alone what people and later turns have done since.
    """
    before = await ports.records.pull_request(task.id)
    if ending.state in {State.FAILED, State.DRAFT} and before is not None:
        ready = before.state is PullRequestState.OPEN
        ending = replace(ending, state=State.PROPOSED if ready else State.DRAFT)
    known = await ports.tasks.turn(task.id, turn.number)
    await ports.tasks.end_turn(task.id, turn.number, ending.outcome)
    await ports.budgets.settle(task.id, turn.number)
    now = await ports.tasks.get(task.id)
    unmoved = now.state in BUSY if known.outcome else True
    if now.turn == turn.number and unmoved and now.state not in LANDING:
        await ports.tasks.move(task.id, ending.state, ending.reason)
        await ports.tasks.clear_stop(task.id)
    await _record(task.id, turn.number, ending, key=f"settled/{turn.name}", ports=ports)
    return ending


async def settle_landing(task: Task, act: str, outcome: Outcome, *, ports: Ports) -> Ending:
    """Leaves a merge, a deployment, an undo or a plan that was cancelled, in whatever state the task has reached."""
    await ports.tasks.clear_stop(task.id)
    now = await ports.tasks.get(task.id)
    if now.state is not State.DEPLOYING:  # the forge may go on with it
        await ports.deploys.leave(task.id)
    ending = Ending(outcome=outcome, state=now.state, reason=now.reason)
    await _record(task.id, now.turn, ending, key=f"settled/{act}", ports=ports)
    return ending


async def come_to_rest(task: Task, deploying: State, reason: str, *, ports: Ports) -> None:
    """A merge, deployment or undo that failed leaves the task where it was last certain to be.

    `deploying` is where it was before it deployed. A task on which a turn is at work is left alone.
    """
    now = await ports.tasks.get(task.id)
    back = {State.MERGING: State.WAITING, State.DEPLOYING: deploying}.get(now.state, now.state)
    if back not in BUSY:
        await ports.tasks.move(task.id, back, reason)


async def _record(task: str, turn: int, ending: Ending, *, key: str, ports: Ports) -> None:
    current = await ports.tasks.get(task)
    events = [event for event in await ports.events.read(current.id) if event.turn == turn]
    verdict = await ports.records.verdict(current.id)
    spent = await ports.records.spent(current.id)
    await ports.events.record(
        current.id,
        turn,
        TaskSettled(
            state=ending.state,
            outcome=ending.outcome,
            reason=ending.reason,
            answer=verdict.answer if verdict else None,
            cost_usd=round(spent.usd, 6),
            seconds=_seconds(events, ports.clock()),
            seconds_verifying=sum(map(_verifying, events)),
        ),
        key=key,
    )


def _seconds(events: list[Event], now: datetime) -> float:
    """Wall time since work on the turn began, as far as the clock can be believed.

    A clock that was set back or forward shows as a step between two events: back counts as nothing, and no
    silence counts for more than the longest that work keeps.
    """
    began = next((n for n, e in enumerate(events) if _begins(e)), len(events))
    moments = [*(event.at for event in events[began:]), now]
    gaps = [(after - before).total_seconds() for before, after in pairwise(moments)]
    return sum(min(max(gap, 0.0), _LONGEST_SILENCE) for gap in gaps)


def _verifying(event: Event) -> float:
    match event.data:
        case VerdictGiven(seconds=seconds) | AgentFinished(seconds_verifying=seconds):
            return seconds
    return 0.0


def _begins(event: Event) -> bool:
    return isinstance(event.data, TaskMoved) and event.data.state == State.PREPARING
