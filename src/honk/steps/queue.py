"""accepted → queued: a task that waits for a free place says behind whom, until it starts.

The worker keeps the line: it knows what is at work in its process, and asks the journal what waits.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import anyio
import structlog

from honk.domain.event import StepProgressed
from honk.domain.task import LANDING, State, Task, TaskId
from honk.ports import Ports

_log = structlog.get_logger()
#: seconds between two looks at the line while every place is taken: other processes may start work too
_EVERY = 2.0
#: places for which a task is told exactly how many are before it
_EXACT = 10
_ROUND = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
#: tasks at work that are named
_NAMED = 3


class Line:
    """Who is at work, and who waits. `waiting` gives the ids of waiting workflows, the next one first."""

    def __init__(self, waiting: Callable[[], Awaitable[Sequence[str]]], limit: int, *, ports: Ports) -> None:
        self._waiting = waiting
        self._limit = limit
        self._ports = ports
        self._at_work: list[TaskId] = []
        self._told: dict[str, str] = {}
        self._moved = anyio.Event()

    @contextmanager
    def at_work(self, task: TaskId) -> Iterator[None]:
        """A workflow of the task runs while the context is open."""
        self._at_work.append(task)
        self._moved.set()
        try:
            yield
        finally:
            self._at_work.remove(task)
            self._moved.set()

    @property
    def busy(self) -> frozenset[TaskId]:
        """Tasks of which a workflow runs."""
        return frozenset(self._at_work)

    async def started(self, task: Task) -> Task:
        """The task, which does not wait any more."""
        if task.state is not State.QUEUED:
            return task
        return await self._ports.tasks.move(task.id, State.PREPARING)

    async def keep(self) -> None:
        """Tells every waiting task why it waits, and again as the line moves. Runs until it is cancelled."""
        while True:
            self._moved = anyio.Event()
            try:
                await self.tell()
            except Exception:  # noqa: BLE001 - the worker loop: work goes on, although nobody is told why others wait
                _log.exception("the line cannot be told")
                await anyio.sleep(_EVERY)
            if len(self._at_work) < self._limit:
                await self._moved.wait()
            else:
                with anyio.move_on_after(_EVERY):
                    await self._moved.wait()

    async def tell(self) -> None:
        """Tells it once."""
        line = await self._waiting() if len(self._at_work) >= self._limit else ()
        self._told = {id: reason for id, reason in self._told.items() if id in set(line)}
        for position, id in enumerate(line):
            kind, of = id.split("/")[:2]
            task, reason = TaskId(of), _reason(position, self._at_work, self._limit)
            if task in self._at_work or self._told.get(id) == reason:
                continue
            self._told[id] = reason
            await self._tell(kind, task, reason)

    async def _tell(self, kind: str, task: TaskId, reason: str) -> None:
        tasks = self._ports.tasks
        now = await tasks.get(task)
        if task in self._at_work:
            return
        if kind != "turn" or now.state in LANDING:
            word = {"land": "merge"}.get(kind, kind)
            await self._ports.events.record(task, now.turn, StepProgressed(step=word, detail=reason))
            return
        await tasks.move(task, State.QUEUED, reason)
        if task in self._at_work:  # it began at this very moment
            await self.started(await tasks.get(task))


def _reason(position: int, at_work: Sequence[TaskId], limit: int) -> str:
    which = f"work.concurrency is {limit}"
    if position >= _EXACT:
        rounded = max(number for number in _ROUND if number <= position)
        return f"waits for a free place; {rounded} or more tasks are before it ({which})"
    named = list(dict.fromkeys(at_work))
    others = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    behind = f"behind {', '.join(named[:_NAMED])}{others}"
    before = {0: "it is the next one", 1: "1 other task is before it"}.get(
        position, f"{position} other tasks are before it"
    )
    return f"waits for a free place {behind}; {before} ({which})"
