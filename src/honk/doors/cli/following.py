"""Begins work and follows it: in this process when it is alone, otherwise in the one that works already."""

import math
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from honk.domain.event import Event, MessageDelivered, MessageWithdrawn, TaskSettled
from honk.domain.task import Task
from honk.domain.turn import Outcome
from honk.doors.cli.house import House
from honk.doors.cli.output import Output
from honk.errors import Retryable, Usage
from honk.views import ends_following

#: How often a follower looks whether whoever does the work is still there.
_LOOK = 2.0


async def carry_through(
    house: House,
    out: Output,
    begin: Callable[[], Awaitable[Task]],
    *,
    existing: Task | None = None,
    message: Callable[[], str] = str,
) -> TaskSettled:
    """Begins work and shows it until the task settles; with a `message`, until what it asked for has ended.

    Raises what `begin` raises. `message` is asked after it.
    """
    after = await last_seq(house, existing) if existing else 0
    with house.alone() as alone:
        if alone:
            async with house.working():
                return await show(house, out, await begin(), after, message=message())
    where = house.server or "another process on this HONK_HOME"
    out.progress(f"{where} does the work, this one shows it")
    return await follow(house, out, await begin(), after=after, message=message())


async def follow(
    house: House, out: Output, task: Task, *, after: int, take_over: bool = True, message: str = ""
) -> TaskSettled:
    """Shows events until the task settles. Once nobody works on it, takes the work over, or raises Usage."""
    watch = _Watch(house=house, task=task, message=message, after=after)
    while True:
        with house.alone() as alone:
            if alone and not take_over:
                raise Usage(f"task {task.id} was cut off and nobody works on it", f"honk retry {task.id} goes on")
            if alone:
                async with house.working():
                    await house.service.resume(task.id)
                    return await show(house, out, task, watch.after, message=message)
        with anyio.move_on_after(math.inf if house.server else _LOOK):
            settled = await watch.to_the_end(out)
            return await _finish(house, out, task, settled)


async def last_seq(house: House, task: Task) -> int:
    """The number of the task's latest event."""
    return max((event.seq for event in await house.service.events(task.id)), default=0)


async def show(house: House, out: Output, task: Task, after: int, *, message: str = "") -> TaskSettled:
    """Shows events until the task settles; somebody in this process does the work."""
    watch = _Watch(house=house, task=task, message=message, after=after)
    with out.waiting(f"task {task.id}"):
        settled = await watch.to_the_end(out)
    return await _finish(house, out, task, settled)


@dataclass(kw_only=True)
class _Watch:
    """Somebody who waits for the end of what was asked for."""

    house: House
    task: Task
    message: str
    #: the last event that was shown
    after: int
    #: the message is part of the turn at work, or was taken back
    done_with: bool = False

    async def to_the_end(self, out: Output) -> TaskSettled:
        """Shows events up to the one that ends it."""
        async with aclosing(self.house.service.follow(self.task.id, self.after)) as events:
            async for event in events:
                out.event(event)
                self.after = event.seq
                if isinstance(event.data, MessageDelivered | MessageWithdrawn) and event.data.message == self.message:
                    self.done_with = True
                if isinstance(event.data, TaskSettled) and await self._is_over(event):
                    return event.data
        raise Retryable("whoever shows the events ended", f"honk follow {self.task.id}")

    async def _is_over(self, event: Event) -> bool:
        """A queued message waits for the end of its own turn, or for a stop."""
        if not ends_following(event, self.task):
            return False
        stopped = isinstance(event.data, TaskSettled) and event.data.outcome == Outcome.STOPPED
        if not self.message or stopped or self.done_with:
            return True
        return (await self.house.service.turn(self.task.id, event.turn)).message.id == self.message


async def _finish(house: House, out: Output, task: Task, settled: TaskSettled) -> TaskSettled:
    out.settled(await house.service.card(task.id))
    return settled
