"""What the store promises of money: bounded before it is spent, by whoever spends it."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from store_world import ANN, Clock, a_message, a_task

from honk.adapters.sql import SqlStore
from honk.domain.budget import Budget, BudgetKind, Exhausted, Reserved, Standing
from honk.domain.event import BudgetWarned
from honk.domain.limits import Spending
from honk.domain.person import Identity, Person
from honk.domain.rules import Known, Rules
from honk.domain.task import Task
from honk.domain.turn import Turn

pytestmark = pytest.mark.anyio
BEA = Identity.parse("slack:U2")


class House:
    """A store, and the budgets that honk.toml gives."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.budget = Budget()
        self.rules = Rules()
        self.store = SqlStore(url, clock=clock, budget=lambda: self.budget, rules=lambda: self.rules)

    async def task(self, id: str = "t1", identity: Identity = ANN) -> tuple[Task, Person]:
        person = await self.store.tasks.person(identity, identity.value)
        task = a_task(person, id)
        return await self.store.tasks.add(task, Turn(task=task.id, number=1, message=a_message(person, id))), person

    async def reserve(
        self, id: str, limit: float | None = 5.0, turn: int = 1, by: Identity = ANN
    ) -> Reserved | Exhausted:
        task, person = await self.task(id, by)
        return await self.store.budgets.reserve(task.id, turn, person.id, limit)

    async def spend(self, id: str, usd: float, turn: int = 1) -> None:
        task = await self.store.tasks.get(id)
        await self.store.records.add_spending(task.id, Spending(usd=usd, calls=1))
        await self.store.budgets.warn(task.id, turn)

    async def settle(self, id: str, turn: int = 1) -> None:
        await self.store.budgets.settle((await self.store.tasks.get(id)).id, turn)

    async def day(self) -> Standing:
        found = [one for one in await self.store.budgets.standing() if one.kind is BudgetKind.DAY]
        return found[0]

    async def warnings(self, *ids: str) -> list[BudgetWarned]:
        logs = [await self.store.events.read((await self.store.tasks.get(id)).id) for id in ids]
        return [event.data for log in logs for event in log if isinstance(event.data, BudgetWarned)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(database_url: str, clock: Clock) -> AsyncIterator[House]:
    made = House(database_url, clock)
    async with made.store:
        yield made


async def test_without_budgets_a_turn_may_cost_what_its_task_has_left(house: House) -> None:
    assert await house.reserve("t1") == Reserved(usd=5.0, limit_usd=5.0)
    await house.spend("t1", 2.0)
    await house.settle("t1")
    assert await house.reserve("t1", turn=2) == Reserved(usd=3.0, limit_usd=5.0)
    assert await house.reserve("t2", None) == Reserved(usd=None, limit_usd=None)
    day = await house.day()
    assert (day.limit_usd, day.spent_usd, day.held_usd, day.left_usd) == (None, 2.0, 3.0, None)


async def test_a_turn_gets_what_is_left_and_the_next_one_is_refused(house: House) -> None:
    house.budget = Budget(day_usd=8.0, least_usd=1.0)
    assert await house.reserve("t1") == Reserved(usd=5.0, limit_usd=5.0)
    assert await house.reserve("t2") == Reserved(usd=3.0, limit_usd=3.0, lowered_by=BudgetKind.DAY)
    refused = await house.reserve("t3")
    assert isinstance(refused, Exhausted)
    assert (refused.standing.kind, refused.standing.left_usd, refused.standing.held_usd) == (BudgetKind.DAY, 0.0, 8.0)
    assert [(one.task, one.usd) for one in refused.standing.held] == [("t1", 5.0), ("t2", 3.0)]


async def test_less_than_the_least_is_refused_unless_the_task_wants_no_more(house: House) -> None:
    house.budget = Budget(day_usd=5.4, least_usd=0.5)
    await house.reserve("t1")
    assert isinstance(await house.reserve("t2"), Exhausted)
    assert await house.reserve("t3", 0.25) == Reserved(usd=0.25, limit_usd=0.25)
    house.budget = Budget(day_usd=5.25, least_usd=0)
    assert isinstance(await house.reserve("t2"), Exhausted)


async def test_what_a_turn_did_not_spend_is_free_again(house: House) -> None:
    house.budget = Budget(day_usd=5.0)
    await house.reserve("t1")
    await house.spend("t1", 1.5)
    assert isinstance(await house.reserve("t2"), Exhausted)
    await house.settle("t1")
    await house.settle("t1")
    assert await house.reserve("t2") == Reserved(usd=3.5, limit_usd=3.5, lowered_by=BudgetKind.DAY)


async def test_a_crash_does_not_reserve_twice(house: House, database_url: str, clock: Clock) -> None:
    house.budget = Budget(day_usd=8.0)
    first = await house.reserve("t1")
    await house.spend("t1", 1.0)
    again = House(database_url, clock)
    again.budget = house.budget
    async with again.store:
        assert await again.reserve("t1") == first
        assert (await again.day()).held_usd == 5.0
        await again.settle("t1")
        assert (await again.day()).spent_usd == 1.0


async def test_a_turn_that_was_never_settled_is_by_the_next_one(house: House) -> None:
    house.budget = Budget(day_usd=100.0)
    await house.reserve("t1")
    await house.spend("t1", 1.0)
    await house.reserve("t1", turn=2)
    await house.settle("t1", turn=1)
    day = await house.day()
    assert (day.spent_usd, [(one.turn, one.usd) for one in day.held]) == (1.0, [(2, 4.0)])


async def test_each_person_has_a_budget_of_their_own(house: House) -> None:
    house.budget = Budget(person_day_usd=6.0, day_usd=9.0, least_usd=1.0)
    await house.reserve("t1")
    mine = await house.reserve("t2")
    assert mine == Reserved(usd=1.0, limit_usd=1.0, lowered_by=BudgetKind.PERSON)
    refused = await house.reserve("t3")
    assert isinstance(refused, Exhausted) and refused.standing.kind is BudgetKind.PERSON
    assert await house.reserve("t4", by=BEA) == Reserved(usd=3.0, limit_usd=3.0, lowered_by=BudgetKind.DAY)
    assert [one.kind for one in await house.store.budgets.standing()] == ["day", "person", "person"]


async def test_joined_people_have_one_budget(house: House) -> None:
    house.budget = Budget(person_day_usd=6.0)
    await house.reserve("t1", by=ANN)
    house.rules = Rules(people=(Known(key="ann", name="Ann", identities=(BEA, ANN)),))
    assert await house.reserve("t2", by=BEA) == Reserved(usd=1.0, limit_usd=1.0, lowered_by=BudgetKind.PERSON)
    persons = [one for one in await house.store.budgets.standing() if one.kind is BudgetKind.PERSON]
    assert [one.held_usd for one in persons] == [6.0]


async def test_a_task_never_gets_more_than_tasks_may_cost(house: House) -> None:
    house.budget = Budget(task_usd=2.0)
    assert await house.reserve("t1", 100.0) == Reserved(usd=2.0, limit_usd=2.0, lowered_by=BudgetKind.TASK)
    await house.spend("t1", 1.75)
    await house.settle("t1")
    refused = await house.reserve("t1", 100.0, turn=2)
    assert isinstance(refused, Exhausted)
    assert (refused.standing.kind, refused.standing.spent_usd) == (BudgetKind.TASK, 1.75)


async def test_a_turn_without_a_limit_gets_all_that_is_left(house: House) -> None:
    house.budget = Budget(day_usd=8.0)
    assert await house.reserve("t1", None) == Reserved(usd=8.0, limit_usd=8.0, lowered_by=BudgetKind.DAY)
    assert isinstance(await house.reserve("t2"), Exhausted)


async def test_the_day_ends_at_midnight_utc_but_not_for_a_turn_at_work(house: House, clock: Clock) -> None:
    house.budget = Budget(day_usd=8.0, least_usd=1.0)
    await house.reserve("t1")
    await house.spend("t1", 4.0)
    await house.settle("t1")
    await house.reserve("t2")
    clock.pass_by(hours=15, minutes=59)
    assert isinstance(await house.reserve("t3"), Exhausted)
    clock.pass_by(minutes=1)
    assert (await house.day()).spent_usd == 0.0
    assert await house.reserve("t3") == Reserved(usd=4.0 + 0.0, limit_usd=4.0, lowered_by=BudgetKind.DAY)


@pytest.mark.parametrize("seed", range(3))
async def test_turns_that_begin_at_once_never_reserve_more_than_there_is(
    house: House, database_url: str, clock: Clock, seed: int
) -> None:
    house.budget = Budget(day_usd=20.0, person_day_usd=15.0, least_usd=0.5)
    other = House(database_url, clock)
    other.budget = house.budget
    dice = random.Random(seed)
    asked = [(f"t{number}", dice.choice((0.5, 1.25, 3.0, 5.0)), dice.choice((ANN, BEA))) for number in range(20)]
    async with other.store:
        await asyncio.gather(*(house.task(id, by) for id, _, by in asked))
        answers = await asyncio.gather(
            *(dice.choice((house, other)).reserve(id, limit, by=by) for id, limit, by in asked)
        )
    given = [one.usd or 0.0 for one in answers if isinstance(one, Reserved)]
    day, *persons = await house.store.budgets.standing()
    assert sum(given) == pytest.approx(day.held_usd) and sum(given) <= 20.0
    assert all(one.held_usd <= 15.0 for one in persons)
    assert len(given) < 20 and sum(given) > 19.0


async def test_people_are_warned_once_at_four_fifths(house: House) -> None:
    house.budget = Budget(person_day_usd=4.0, day_usd=100.0)
    await house.reserve("t1", 2.0)
    await house.reserve("t2", 2.0)
    await house.spend("t1", 1.5)
    assert await house.warnings("t1", "t2") == []
    await house.spend("t1", 0.125)
    await house.spend("t1", 0.125)
    assert await house.warnings("t1", "t2") == [BudgetWarned(kind="task", usd=1.625, limit_usd=2.0)]
    await house.spend("t2", 1.5)
    await house.spend("t2", 0.01)
    await house.spend("t1", 0.01)
    assert await house.warnings("t2") == [BudgetWarned(kind="person", usd=3.25, limit_usd=4.0)]
    await house.settle("t2")
    assert len(await house.warnings("t1", "t2")) == 2


async def test_a_day_s_warning_goes_to_one_of_the_tasks_that_spend_at_once(house: House) -> None:
    house.budget = Budget(day_usd=10.0)
    ids = [f"t{number}" for number in range(8)]
    for id in ids:
        await house.reserve(id, 1.25)
    await asyncio.gather(*(house.spend(id, 0.9) for id in ids for _ in range(1)))
    await asyncio.gather(*(house.spend(id, 0.1) for id in ids))
    kinds = [one.kind for one in await house.warnings(*ids)]
    assert (kinds.count("day"), kinds.count("task")) == (1, 8)


async def test_a_raised_budget_warns_anew(house: House) -> None:
    house.budget = Budget(day_usd=5.0)
    await house.reserve("t1", 20.0)
    await house.spend("t1", 4.0)
    house.budget = replace(house.budget, day_usd=10.0)
    await house.spend("t1", 4.0)
    assert [one.limit_usd for one in await house.warnings("t1") if one.kind == "day"] == [5.0, 10.0]
