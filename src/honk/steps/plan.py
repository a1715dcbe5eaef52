"""attempt → plan: what the agent would do is said, and waits for a person's Go."""

from honk.domain.attempt import Attempt
from honk.domain.ending import Ending, planned
from honk.domain.event import PlanProposed
from honk.domain.plan import LONGEST, WAITS, comes_first
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.ports import Ports


async def plans(task: Task, turn: Turn, *, ports: Ports) -> bool:
    """Whether the turn makes a plan instead of a change: until a message has approved one."""
    return comes_first(task.options, await ports.tasks.said(task.id, turn.number))


async def offer(task: Task, turn: Turn, attempt: Attempt, *, ports: Ports) -> Ending:
    """Says the plan, once; without one the ending says why."""
    ending = planned(attempt)
    if ending.reason == WAITS:
        text = attempt.summary.strip()
        proposed = PlanProposed(name=turn.name, text=text[:LONGEST], shortened=len(text) > LONGEST)
        await ports.events.record(task.id, turn.number, proposed, key=f"plan/{turn.name}")
    return ending
