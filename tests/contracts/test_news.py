"""Who waits for news of a task hears of what any process does, at the price of one look for all who wait."""

from collections.abc import AsyncIterator, Collection
from functools import partial
from pathlib import Path

import anyio
import pytest
from store_world import ANN, Clock, a_message, with_task

from honk.adapters.sql import SqlStore
from honk.adapters.sql.lookout import Lookout
from honk.domain.message import Handling
from honk.domain.task import TaskId

pytestmark = pytest.mark.anyio
T1, T2 = TaskId("t1"), TaskId("t2")
#: of seconds: who waits that long has missed the news
_FOR_EVER = 600.0


@pytest.fixture(params=["file", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres").database(filled=True))
    return f"sqlite:///{tmp_path}/honk.db"


@pytest.fixture
async def here(url: str) -> AsyncIterator[SqlStore]:
    async with SqlStore(url, clock=Clock()) as opened:
        await with_task(opened, "t1", "m0")
        await with_task(opened, "t2", "n0")
        yield opened


@pytest.fixture
async def elsewhere(url: str, here: SqlStore) -> AsyncIterator[SqlStore]:
    """Another process."""
    async with SqlStore(url, clock=Clock()) as opened:
        yield opened


@pytest.mark.parametrize("does", ["stops", "speaks", "interrupts"])
async def test_what_another_process_does_is_heard_by_all_who_wait(
    here: SqlStore, elsewhere: SqlStore, does: str
) -> None:
    ann = await here.tasks.person(ANN, "Ann")
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(here.tasks.news, T1, _FOR_EVER)
            if does == "stops":
                await elsewhere.tasks.ask_stop(T1, ann.id)
            else:
                how = Handling.STEER if does == "speaks" else Handling.INTERRUPT
                await elsewhere.tasks.queue_message(T1, a_message(ann, "m1"), how)


async def test_it_is_heard_too_where_it_was_done_before_anybody_waited(here: SqlStore, elsewhere: SqlStore) -> None:
    await elsewhere.tasks.ask_stop(T1, (await here.tasks.person(ANN, "Ann")).id)
    with anyio.fail_after(20):
        await here.tasks.news(T1, _FOR_EVER)


async def test_who_looked_for_all_may_leave(here: SqlStore, elsewhere: SqlStore) -> None:
    ann = await here.tasks.person(ANN, "Ann")
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(here.tasks.news, T1, _FOR_EVER)
            group.start_soon(here.tasks.news, T2, _FOR_EVER)
            await elsewhere.tasks.ask_stop(T1, ann.id)
            await elsewhere.tasks.ask_stop(T2, ann.id)


async def test_however_many_wait_there_is_one_look_for_all_of_them() -> None:
    looks: list[Collection[TaskId]] = []
    all_of_them = {TaskId(f"t{number}") for number in range(20)}

    async def look(of: Collection[TaskId]) -> Collection[TaskId]:
        looks.append(of)
        return of if len(looks) == 2 else ()

    lookout = Lookout(look)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for task in all_of_them:
                group.start_soon(partial(lookout.wait, task, _FOR_EVER))
    assert [set(of) for of in looks] == [all_of_them] * 2
