"""turn → money: reserved before anything is spent, or refused with the reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from honk.domain.budget import BudgetKind, Exhausted, Standing
from honk.domain.event import BudgetRefused, TaskNoted
from honk.domain.policy import Act
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.errors import LimitReached
from honk.ports import Ports

_NAMES = {
    BudgetKind.TASK: "the budget of one task (task_usd)",
    BudgetKind.PERSON: "the person's budget of the day (person_day_usd)",
    BudgetKind.DAY: "the budget of the day (day_usd)",
}
#: so many turns that hold money are named
_SHOWN = 5


async def reserve(task: Task, turn: Turn, *, ports: Ports) -> Task:
    """The task, with what it may cost in this turn as its limit of money.

    Not a step of the journal: asked again after a crash, the store gives what was reserved. Raises LimitReached
    when too little is left of a budget.
    """
    agent = ports.agents.get(task.options.agent)
    if agent is None or not agent.calls_model:
        return task
    limits = task.options.limits
    got = await ports.budgets.reserve(task.id, turn.number, turn.message.by, limits.usd)
    if isinstance(got, Exhausted):
        standing = got.standing
        said = f"{_NAMES[standing.kind]} is used up: {_sum(standing)}"
        key = f"budget-refused/{turn.name}"
        refused = BudgetRefused(kind=standing.kind, detail=said)
        await ports.events.record(task.id, turn.number, refused, key=key)
        able = ", ".join((await ports.policy.able(Act.ADMINISTER, None))[:_SHOWN]) or "nobody"
        remedy = f"honk retry {task.id} goes on then; {able} may raise the budget in honk.toml"
        raise LimitReached("money", f"{said}. {_anew(standing, ports.clock())}", remedy)
    if got.lowered_by is not None and got.usd is not None:
        noted = f"this turn may cost ${got.usd:.2f}: no more is left of {_NAMES[got.lowered_by]}"
        await ports.events.record(task.id, turn.number, TaskNoted(text=noted), key=f"budget/{turn.name}")
    return replace(task, options=replace(task.options, limits=replace(limits, usd=got.limit_usd)))


def _sum(standing: Standing) -> str:
    said = f"${standing.limit_usd or 0.0:.2f}, of which ${standing.spent_usd:.2f} are spent"
    if not standing.held:
        return said
    held = [f"{one.task} (${one.usd:.2f})" for one in standing.held[:_SHOWN]]
    more = [f"{len(standing.held) - _SHOWN} more"] if len(standing.held) > _SHOWN else []
    return f"{said} and ${standing.held_usd:.2f} reserved by {', '.join([*held, *more])}"


def _anew(standing: Standing, now: datetime) -> str:
    if standing.kind is BudgetKind.TASK:
        return "It does not begin anew"
    midnight = (now.astimezone(UTC) + timedelta(days=1)).date()
    freed = "; what a turn at work does not spend is free once it ends" if standing.held else ""
    return f"It begins anew at {midnight:%Y-%m-%d} 00:00 UTC{freed}"
