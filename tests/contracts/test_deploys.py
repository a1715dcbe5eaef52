"""What the store promises of lines before environments and of freezes, with two stores at the same database."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
from chats_world import Pair, opened_twice
from store_world import ANN, BORN, with_task

from honk.domain.deploy_line import Freeze, Place, Stand
from honk.domain.landing import Landing
from honk.domain.person import PersonId
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Sha
from honk.domain.task import TaskId

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[Pair]:
    async with opened_twice(database_url) as made:
        yield made


async def place(pair: Pair, name: str, number: int, *, branch: str = "main", environment: str = "production") -> Place:
    task = await with_task(pair.one, name, f"m-{name}")
    return Place(
        task=task.id,
        repository="app-1",
        environment=environment,
        branch=branch,
        merged_at=BORN + timedelta(minutes=number),
        stand=Stand.COMING,
        landing=Landing(by=task.requested_by, head=Sha("a" * 40), method=MergeMethod.MERGE, act=f"press-{name}"),
    )


async def test_the_line_is_in_the_order_of_merging(pair: Pair) -> None:
    second, first = await place(pair, "t2", 2), await place(pair, "t1", 1)
    for one in (second, first, first):
        assert await pair.one.deploys.enter(one) == one
    assert await pair.other.deploys.places() == (first, second)
    # entered again, it keeps its order
    await pair.one.deploys.enter(replace(second, merged_at=BORN))
    assert [one.task for one in await pair.one.deploys.places()] == ["t1", "t2"]


async def test_one_takes_the_environment_and_the_next_one_waits_for_it(pair: Pair) -> None:
    one, two = await place(pair, "t1", 1), await place(pair, "t2", 2)
    for each in (one, two, await place(pair, "t3", 0, environment="staging")):
        await pair.one.deploys.enter(each)
    front = await pair.other.deploys.take(two.task)
    assert front is not None and front.task == one.task
    assert await pair.one.deploys.take(one.task) is None
    assert await pair.other.deploys.take(one.task) is None, "taken already"
    for first in (True, False):
        front = await pair.other.deploys.take(two.task, first=first)
        assert front is not None and (front.task, front.stand) == (one.task, Stand.GOING)
    assert (await pair.other.deploys.enter(one)).stand is Stand.GOING, "what has begun goes on"
    assert await pair.one.deploys.leave(one.task) and not await pair.one.deploys.leave(one.task)
    assert await pair.other.deploys.take(two.task) is None


async def test_who_is_first_waits_for_nobody_who_has_not_begun(pair: Pair) -> None:
    one, two = await place(pair, "t1", 1), await place(pair, "t2", 2)
    for each in (one, two):
        await pair.one.deploys.enter(each)
    assert await pair.one.deploys.take(two.task, first=True) is None
    assert await pair.one.deploys.take(one.task) is not None


async def test_who_waits_closed_is_before_nobody_of_the_same_branch(pair: Pair) -> None:
    one, two = await place(pair, "t1", 1), await place(pair, "t2", 2)
    other = await place(pair, "t0", 0, branch="release/8")
    for each in (one, two, other):
        await pair.one.deploys.enter(each)
        await pair.one.deploys.hold(each.task, Stand.CLOSED)
    front = await pair.one.deploys.take(two.task)
    assert front is not None and front.task == other.task
    assert await pair.one.deploys.leave(other.task, waiting=True)
    assert await pair.one.deploys.take(two.task) is None


async def test_each_time_that_it_is_held_the_next_beginning_has_another_name(pair: Pair) -> None:
    one = await place(pair, "t1", 1)
    await pair.one.deploys.enter(one)
    held = await pair.one.deploys.hold(one.task, Stand.CLOSED)
    assert held is not None and held.act == "press-t1-opened-1"
    again = await pair.one.deploys.hold(one.task, Stand.BEHIND)
    assert again is not None and again.act == "press-t1-opened-1", "it only waits for something else"
    assert not await pair.one.deploys.leave(one.task), "a landing that ended leaves those who wait"
    await pair.other.deploys.enter(replace(one, landing=replace(one.landing, act=again.act)))
    held = await pair.other.deploys.hold(one.task, Stand.CLOSED)
    assert held is not None and held.act == "press-t1-opened-2"
    assert await pair.one.deploys.hold(TaskId("nobody"), Stand.CLOSED) is None


async def test_of_many_at_once_one_takes_it(pair: Pair) -> None:
    places = [await place(pair, f"t{number}", number) for number in range(6)]
    for one in places:
        await pair.one.deploys.enter(one)
    took: list[str] = []

    async def take(one: Place, number: int) -> None:
        store = pair.one if number % 2 else pair.other
        if await store.deploys.take(one.task, first=True) is None:
            took.append(one.task)

    async with anyio.create_task_group() as group:
        for number, one in enumerate(places):
            group.start_soon(take, one, number)
    assert len(took) == 1
    assert [one.task for one in await pair.one.deploys.places() if one.stand is Stand.GOING] == took


async def test_freezes_are_one_a_place_and_come_back_as_they_were(pair: Pair) -> None:
    ann: PersonId = (await pair.one.tasks.person(ANN, "Ann")).id
    made = Freeze(repository="host/app", environment="production", by=ann, why="a \0 \udcff", at=BORN)
    whole = replace(made, environment="", until=BORN + timedelta(days=1))
    for one in (made, whole, replace(made, repository="host/other")):
        await pair.one.deploys.freeze(one)
    assert await pair.other.deploys.freezes("host/app") == (whole, made)
    await pair.other.deploys.freeze(replace(made, why="another"))
    assert [one.why for one in await pair.one.deploys.freezes("host/app")] == [made.why, "another"]
    assert await pair.one.deploys.thaw("host/app", "") == whole
    assert await pair.other.deploys.thaw("host/app", "") is None
    assert len(await pair.one.deploys.freezes("host/app")) == 1
    assert await pair.one.deploys.freezes("host/none") == ()


def test_a_freeze_holds_until_its_moment() -> None:
    freeze = Freeze(repository="r", environment="", by=PersonId("p"), why="w", at=BORN, until=BORN + timedelta(hours=1))
    assert freeze.holds("production", BORN) and not freeze.holds("production", BORN + timedelta(hours=1))
    assert not replace(freeze, environment="staging").holds("production", BORN)
    assert replace(freeze, until=None).holds("production", BORN + timedelta(days=9999))
