"""Every wait has a reason in the events: it is said at once, follows what happens, and is gone afterwards."""

import anyio
import pytest

from honk.domain.event import StepProgressed, TaskMoved
from honk.domain.task import State, Task
from honk.errors import Unreachable
from honk.steps.queue import Line
from honk.testing.fake_work import APP, Edit
from honk.testing.world import World
from honk.worker import Worker

pytestmark = pytest.mark.anyio


def held(here: World) -> anyio.Event:
    """The agent works on "hold it" until the event is set."""
    until = anyio.Event()
    here.agent.habits["hold it"] = Edit(files={APP: b"fixed"}, until=until)
    return until


async def reasons(here: World, task: Task) -> list[str]:
    """Why it was queued, one after the other; "" for every other state."""
    moves = [event.data for event in await here.log(task) if isinstance(event.data, TaskMoved)]
    return [move.reason if move.state == State.QUEUED else "" for move in moves]


async def test_a_task_without_a_place_says_behind_whom_until_it_starts(here: World) -> None:
    here.journal.concurrency = 1
    until = held(here)
    async with Worker(here.app, limit=1).working():
        first = await here.ask("hold it")
        await here.agent.busy.wait()
        second = await here.ask("bump")
        third = await here.ask("friendlier")
        line = Line(here.journal.waiting, 1, ports=here.app.ports)
        with line.at_work(first.id):
            await line.tell()
            told = await here.now(second)
            assert told.state is State.QUEUED
            assert told.reason == (
                f"waits for a free place behind {first.id}; it is the next one (work.concurrency is 1)"
            )
            assert "1 other task is before it" in (await here.now(third)).reason
            before = len(await here.log(second))
            await line.tell()
            assert len(await here.log(second)) == before, "what has not changed is not said again"
        until.set()
        for task in (first, second, third):
            assert (await here.settled(task)).state is State.PROPOSED
    said = await reasons(here, third)
    assert "1 other task" in said[0]
    assert said[-1] == "" and (await here.now(third)).reason == ""
    assert not any(await reasons(here, first))


async def test_the_line_is_told_by_the_worker_itself(here: World) -> None:
    here.journal.concurrency = 1
    until = held(here)
    async with Worker(here.app, limit=1).working():
        first = await here.ask("hold it")
        await here.agent.busy.wait()
        second = await here.ask("bump")
        while (await here.now(second)).state is not State.QUEUED:
            await anyio.lowlevel.checkpoint()
        until.set()
        assert (await here.settled(first)).state is State.PROPOSED
        assert (await here.settled(second)).state is State.PROPOSED


async def test_far_back_in_the_line_the_number_is_round(here: World) -> None:
    tasks = [await here.ask(f"bump {number}") for number in range(14)]

    async def waiting() -> tuple[str, ...]:
        return tuple(f"turn/{task.id}/1" for task in tasks[1:])

    line = Line(waiting, 1, ports=here.app.ports)
    with line.at_work(tasks[0].id):
        await line.tell()
    assert "9 other tasks are before it" in (await here.now(tasks[10])).reason
    assert "10 or more tasks are before it" in (await here.now(tasks[11])).reason
    assert "10 or more tasks are before it" in (await here.now(tasks[13])).reason


async def test_while_a_place_is_free_nobody_is_said_to_wait(here: World) -> None:
    task = await here.ask("bump")
    line = Line(here.journal.waiting, 1, ports=here.app.ports)
    await line.tell()
    assert (await here.now(task)).state is State.ACCEPTED


async def test_a_server_that_does_not_answer_is_named_at_once_with_the_next_try(here: World) -> None:
    here.code.outages = [Unreachable("https://git.example cannot be reached: Connection refused")] * 2
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
    assert task.state is State.PROPOSED
    said = [event.data.detail for event in await here.log(task) if isinstance(event.data, StepProgressed)]
    tried = [one for one in said if "trying again" in one]
    assert tried == [
        "https://git.example cannot be reached: Connection refused; trying again in 1 s (try 2 of 4)",
        "https://git.example cannot be reached: Connection refused; trying again in 4 s (try 3 of 4)",
    ]
