"""This machine is in trouble: the work is paused with a reason, goes on by itself, and never fails for it."""

import errno
from datetime import timedelta

import anyio
import pytest

from honk.domain.event import EventData, TaskMoved, WorkPaused, WorkResumed
from honk.domain.pull_request import MergeMethod
from honk.domain.task import State, Task
from honk.errors import Busy, DiskFull, OutOfMemory, StoreUnavailable
from honk.testing.fake_work import APP, Edit
from honk.testing.world import World

pytestmark = pytest.mark.anyio


async def until(here: World, task: Task, kind: type[EventData]) -> EventData:
    """The first event of that kind, once it is there."""
    while True:
        for event in await here.log(task):
            if isinstance(event.data, kind):
                return event.data
        await anyio.lowlevel.checkpoint()


async def told(here: World, task: Task) -> list[tuple[str, str]]:
    return [
        (event.type, event.data.cause)
        for event in await here.log(task)
        if isinstance(event.data, (WorkPaused, WorkResumed))
    ]


async def test_too_little_disk_pauses_before_anything_is_done(here: World) -> None:
    here.machine.suffer(DiskFull("only 3 MiB are free"))
    async with here.working():
        task = await here.ask()
        paused = await until(here, task, WorkPaused)
        assert paused == WorkPaused(cause="disk", reason="only 3 MiB are free")
        now = await here.now(task)
        assert (now.state, now.reason) == (State.QUEUED, "paused: only 3 MiB are free")
        here.machine.suffer(None)
        assert (await here.settled(task)).state is State.PROPOSED
    assert await told(here, task) == [("work.paused", "disk"), ("work.resumed", "disk")]


async def test_a_servers_limit_pauses_the_step_until_it_is_over(here: World) -> None:
    limit = Busy(here.clock() + timedelta(seconds=1), "GitHub takes nothing more for now")
    here.troubles["forge.open"] = [limit]
    async with here.working():
        task = await here.settled(await here.ask())
    assert task.state is State.PROPOSED
    assert await told(here, task) == [("work.paused", "limit"), ("work.resumed", "limit")]


async def test_the_disk_fills_while_the_agent_works_and_its_work_is_kept(here: World) -> None:
    until_freed = anyio.Event()
    here.agent.habits = {"fix the crash": Edit(files={APP: b"fixed"}, until=until_freed)}
    async with here.working():
        task = await here.ask()
        await here.agent.busy.wait()
        here.machine.suffer(DiskFull("full"))
        await until(here, task, WorkPaused)
        assert here.kept(task.id) == b"fixed"
        until_freed.set()
        here.machine.suffer(None)
        assert (await here.settled(task)).state is State.PROPOSED


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk"),
        (DiskFull("no room"), "disk"),
        (MemoryError(), "memory"),
        (OutOfMemory(1 << 30, "killed at 1 GiB"), "memory"),
        (StoreUnavailable("locked"), "database"),
    ],
    ids=["ENOSPC", "disk full", "MemoryError", "killed for want of memory", "database"],
)
async def test_a_step_that_runs_into_it_is_done_again(here: World, error: Exception, cause: str) -> None:
    here.troubles["forge.publish"] = [error]
    async with here.working():
        task = await here.settled(await here.ask())
    assert (task.state, task.reason) == (State.PROPOSED, "")
    assert await told(here, task) == [("work.paused", cause), ("work.resumed", cause)]
    moves = [e.data.state for e in await here.log(task) if isinstance(e.data, TaskMoved)]
    assert State.FAILED not in moves


async def test_a_merge_that_runs_into_it_is_merged_once(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask())
        here.troubles["forge.merge"] = [OSError(errno.ENOSPC, "full")]
        await here.app.merge(await here.person(), task, method=MergeMethod.MERGE)
        task = await here.settled(task)
    assert task.state is State.DEPLOYED
    assert [name for name, _ in await told(here, task)] == ["work.paused", "work.resumed"]


async def test_a_step_that_never_has_enough_memory_asks_a_person(here: World) -> None:
    here.troubles["gate.verify"] = [OutOfMemory(1 << 30, "killed at 1 GiB", "raise memory_mb") for _ in range(20)]
    async with here.working():
        task = await here.settled(await here.ask())
    assert task.state is State.WAITING
    assert "raise memory_mb" in task.reason
    assert [name for name, _ in await told(here, task)] == ["work.paused", "work.resumed"] * 2
    assert len(here.troubles["gate.verify"]) == 17


async def test_a_paused_task_can_be_stopped(here: World) -> None:
    here.machine.suffer(DiskFull("full"))
    async with here.working():
        task = await here.ask()
        await until(here, task, WorkPaused)
        await here.app.stop(await here.person(), task, working=True)
        assert (await here.settled(task)).state is State.STOPPED


async def test_what_the_store_could_not_take_is_told_afterwards(here: World) -> None:
    async with here.working():
        task = await here.ask()
        here.troubles["events.record"] = [StoreUnavailable("locked by another program") for _ in range(3)]
        task = await here.settled(task)
    assert task.state is State.PROPOSED
    assert ("work.paused", "database") in await told(here, task)
    seqs = [event.seq for event in await here.log(task)]
    assert seqs == list(range(1, len(seqs) + 1))
