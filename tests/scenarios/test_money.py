"""Money is bounded per task, per person and per day, before it is spent."""

import anyio
import pytest

from honk.domain.budget import Budget, BudgetKind
from honk.domain.event import BudgetRefused, BudgetWarned, LimitHit, TaskNoted
from honk.domain.limits import Limits
from honk.domain.task import State, Task
from honk.domain.turn import Outcome
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Trap, World

pytestmark = pytest.mark.anyio


async def _of(here: World, task: Task, kind: type) -> list[object]:
    return [event.data for event in await here.log(task) if isinstance(event.data, kind)]


async def test_a_turn_for_which_nothing_is_left_is_not_begun_and_says_why(here: World) -> None:
    here.budget = Budget(day_usd=6.0)
    over = anyio.Event()
    here.agent.habits["friendlier"] = Edit(files={APP: b"friendly"}, until=over)
    async with here.working():
        first = await here.ask("friendlier")
        await here.agent.busy.wait()
        second = await here.settled(await here.ask(limits=Limits(usd=0.75)))
        third = await here.settled(await here.ask())
        over.set()
        first = await here.settled(first)
    assert (first.state, second.state, third.state) == (State.PROPOSED, State.PROPOSED, State.WAITING)
    assert "the budget of the day (day_usd) is used up: $6.00" in third.reason
    assert f"$1.00 are spent and $5.00 reserved by {first.id} ($5.00)" in third.reason
    assert "It begins anew at 2026-11-21 00:00 UTC" in third.reason
    assert f"honk retry {third.id} goes on then; everybody may raise the budget" in third.reason
    [refused] = await _of(here, third, BudgetRefused)
    assert isinstance(refused, BudgetRefused) and refused.kind == "day"
    assert (await here.store.records.spent(third.id)).usd == 0
    assert (await here.store.tasks.turn(third.id, 1)).outcome is Outcome.LIMIT


async def test_a_refused_turn_goes_on_once_there_is_money(here: World) -> None:
    here.budget = Budget(day_usd=0.25)
    async with here.working():
        task = await here.settled(await here.ask())
        assert (task.state, here.agent.memory) == (State.WAITING, {})
        here.budget = Budget(day_usd=10.0)
        task = await here.settled(await here.app.retry(await here.person(), task))
    assert task.state is State.PROPOSED


async def test_a_turn_gets_what_is_left_and_its_end_keeps_the_work(here: World) -> None:
    here.budget = Budget(day_usd=2.0)
    here.agent.habits["friendlier"] = Edit(files={APP: b"friendly"}, calls=9)
    async with here.working():
        task = await here.settled(await here.ask("friendlier"))
    [noted] = await _of(here, task, TaskNoted)
    assert isinstance(noted, TaskNoted)
    assert noted.text == "this turn may cost $2.00: no more is left of the budget of the day (day_usd)"
    assert (task.state, (await here.store.records.spent(task.id)).usd) == (State.DRAFT, 2.0)
    assert [one.kind for one in await _of(here, task, LimitHit) if isinstance(one, LimitHit)] == ["money"]
    assert here.file(task.branch) == b"friendly"


async def test_a_later_turn_has_the_task_s_own_limit_again(here: World) -> None:
    here.budget = Budget(day_usd=2.0, least_usd=1.0)
    async with here.working():
        task = await here.settled(await here.ask())
        here.budget = Budget(day_usd=50.0)
        await here.app.reply(await here.person(), task, "friendlier")
        task = await here.settled(task)
    day = (await here.store.budgets.standing())[0]
    assert (task.options.limits.usd, day.kind, day.spent_usd, day.held) == (5.0, BudgetKind.DAY, 2.0, ())


async def test_the_agent_that_costs_nothing_needs_no_budget(here: World) -> None:
    here.budget = Budget(day_usd=0.0)
    here.agent.calls_model = False
    async with here.working():
        task = await here.settled(await here.ask())
    assert task.state is State.PROPOSED


async def test_people_are_warned_before_the_end(here: World) -> None:
    here.budget = Budget(person_day_usd=10.0)
    here.agent.habits["friendlier"] = Edit(files={APP: b"friendly"}, calls=4)
    async with here.working():
        task = await here.settled(await here.ask("friendlier"))
        other = await here.settled(await here.ask("friendlier, please"))
        last = await here.settled(await here.ask())
    warned = [await _of(here, one, BudgetWarned) for one in (task, other, last)]
    assert warned == [
        [BudgetWarned(kind="task", usd=4.0, limit_usd=5.0)],
        [BudgetWarned(kind="task", usd=4.0, limit_usd=5.0), BudgetWarned(kind="person", usd=8.0, limit_usd=10.0)],
        [],
    ]


@pytest.mark.parametrize("place", ["budgets.reserve", "budgets.settle", "records.add_spending", "tasks.end_turn"])
@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_neither_loses_nor_doubles_money(here: World, place: str, after: bool) -> None:
    here.budget = Budget(day_usd=5.0)
    cut_off = await here.killed_at(Trap(place=place, after=after), here.ask)
    assert cut_off
    task = await here.latest()
    assert task is not None
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    day = (await here.store.budgets.standing())[0]
    assert task.state is State.PROPOSED
    assert (day.held, day.spent_usd) == ((), (await here.store.records.spent(task.id)).usd)


async def test_a_turn_stopped_while_nobody_works_frees_its_money(here: World) -> None:
    here.budget = Budget(day_usd=5.0)
    await here.killed_at(Trap(place="records.add_spending"), here.ask)
    task = await here.latest()
    assert task is not None
    assert (await here.store.budgets.standing())[0].held_usd == 5.0
    await here.app.stop(await here.person(), task, working=False)
    day = (await here.store.budgets.standing())[0]
    assert (day.held, day.spent_usd) == ((), 1.0)
