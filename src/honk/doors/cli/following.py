"""Submits work and follows it: in this process when it is alone, otherwise in the one that works already."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio

from honk.domain.event import Event, TaskSettled
from honk.domain.task import Task
from honk.domain.turn import Outcome
from honk.doors.cli.house import House
from honk.doors.cli.output import Output
from honk.errors import Usage
from honk.views import card, ends_following

_EVERY = 0.1
#: How often a follower looks whether whoever does the work is still there.
_LOOK = 2.0


async def carry_through(
    house: House,
    out: Output,
    begin: Callable[[], Awaitable[Task]],
    *,
    existing: Task | None = None,
    message: str = "",
) -> TaskSettled:
    """Begins work and shows it until the task settles; with a `message`, until the turn of that message does.

    Raises what `begin` raises.
    """
    after = await last_seq(house, existing) if existing else 0
    with house.alone() as alone:
        if alone:
            async with house.working():
                return await show(house, out, await begin(), after, message=message)
    out.progress("another process works on this HONK_HOME: it does the work, this one shows it")
    return await follow(house, out, await begin(), after=after, message=message)


async def follow(
    house: House, out: Output, task: Task, *, after: int, take_over: bool = True, message: str = ""
) -> TaskSettled:
    """Shows events until the task settles. Once nobody works on it, takes the work over, or raises Usage."""
    while True:
        with house.alone() as alone:
            if alone and not take_over:
                raise Usage(f"task {task.id} was cut off and nobody works on it", f"honk retry {task.id} goes on")
            if alone:
                async with house.working():
                    await house.app.resume(await house.app.ports.tasks.get(task.id))
                    return await show(house, out, task, after, message=message)
        with anyio.move_on_after(_LOOK):
            async for event in _events(house, task, after):
                out.event(event)
                after = event.seq
                if isinstance(event.data, TaskSettled) and await _is_over(house, task, event, message):
                    return await _finish(house, out, task, event.data)


async def last_seq(house: House, task: Task) -> int:
    """The number of the task's latest event."""
    return max((event.seq for event in await house.app.ports.events.read(task.id)), default=0)


async def show(house: House, out: Output, task: Task, after: int, *, message: str = "") -> TaskSettled:
    """Shows events until the task settles; somebody in this process does the work."""
    with out.waiting(f"task {task.id}"):
        async for event in _events(house, task, after):
            out.event(event)
            if isinstance(event.data, TaskSettled) and await _is_over(house, task, event, message):
                break
    assert isinstance(event.data, TaskSettled)
    return await _finish(house, out, task, event.data)


async def _is_over(house: House, task: Task, event: Event, message: str) -> bool:
    """Whether what was asked for has ended: a queued message waits for the end of its own turn, or for a stop."""
    if not ends_following(event, task):
        return False
    stopped = isinstance(event.data, TaskSettled) and event.data.outcome == Outcome.STOPPED
    if not message or stopped:
        return True
    return (await house.app.ports.tasks.turn(task.id, event.turn)).message.id == message


async def _finish(house: House, out: Output, task: Task, settled: TaskSettled) -> TaskSettled:
    now = await house.app.ports.tasks.get(task.id)
    out.settled(await card(now, ports=house.app.ports))
    return settled


async def _events(house: House, task: Task, after: int) -> AsyncIterator[Event]:
    while True:
        batch = await house.app.ports.events.read(task.id, after)
        for event in batch:
            after = event.seq
            yield event
        if not batch:
            await anyio.sleep(_EVERY)
