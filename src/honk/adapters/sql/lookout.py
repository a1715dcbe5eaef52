"""One look into the database for all who wait for news of their tasks, however many they are."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection

import anyio

from honk.domain.task import TaskId
from honk.errors import single

#: Seconds between two looks, while somebody waits: another process may have written.
_EVERY = 0.2


class Lookout:
    """Wakes those who wait for a task: at once for what this process does, soon for what others do.

    `look` says for which of these tasks there is something to see. One of those who wait looks for all; when it
    leaves, the next one does. Nobody waits: nothing is asked of the database.
    """

    def __init__(self, look: Callable[[Collection[TaskId]], Awaitable[Collection[TaskId]]]) -> None:
        self._look = look
        self._bells: dict[TaskId, anyio.Event] = {}
        self._waiting: Counter[TaskId] = Counter()
        self._one = anyio.Lock()

    async def wait(self, task: TaskId, seconds: float) -> None:
        """Returns when there is something to see of the task, at the latest after so many seconds."""
        bell = self._bells.setdefault(task, anyio.Event())
        self._waiting[task] += 1
        try:
            with anyio.move_on_after(seconds), single():
                async with anyio.create_task_group() as group:
                    group.start_soon(self._keep_looking)
                    await bell.wait()
                    group.cancel_scope.cancel()
        finally:
            self._waiting[task] -= 1
            if not self._waiting[task]:
                del self._waiting[task]
                self._bells.pop(task, None)

    def ring(self, task: TaskId) -> None:
        """Wakes those who wait for the task."""
        if bell := self._bells.pop(task, None):
            bell.set()

    async def _keep_looking(self) -> None:
        async with self._one:
            while True:
                await anyio.sleep(_EVERY)
                for task in await self._look(tuple(self._bells)):
                    self.ring(task)
