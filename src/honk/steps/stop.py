"""at work → stopped: a person's stop reaches every step, whichever process it was asked in."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import anyio

from honk.domain.task import Task
from honk.errors import Stopped, single
from honk.ports import Once, Ports

T = TypeVar("T")
#: Seconds between two looks, unless the store says before that there is something to see.
_EVERY = 5.0


def stoppable(once: Once, task: Task, ports: Ports) -> Once:
    """Every step ends with Stopped when a person asks for it.

    `code` ends by itself, to keep the work; a merge is finished, because half of one helps nobody.
    """

    async def run(name: str, returns: type[T], step: Callable[[], Awaitable[T]]) -> T:
        if name.startswith("code/") or name == "merge":
            return await once(name, returns, step)
        return await once(name, returns, partial(_or_stopped, task, step, ports))

    return run


async def until_stopped(task: Task, ports: Ports) -> None:
    """Returns once a person has asked to stop the task."""
    while await ports.tasks.stop_asked(task.id) is None:
        await ports.tasks.news(task.id, _EVERY)


async def _or_stopped(task: Task, step: Callable[[], Awaitable[T]], ports: Ports) -> T:
    results: list[T] = []
    with single():
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                await until_stopped(task, ports)
                group.cancel_scope.cancel()

            group.start_soon(watch)
            results.append(await step())
            group.cancel_scope.cancel()
    if not results:
        raise Stopped("stopped by a person")
    return results[0]
