"""A journal in memory, which can be made to crash before or after any step's record."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from honk.adapters.dbos.steps import Steps, error_outcome, resolve, value_outcome, values
from honk.errors import Defect, Stopped
from honk.ports import Workflow


class Crashed(Exception):
    """The journal's process is dead, as the test asked; `restarted()` gives the next one."""


@dataclass(eq=False, slots=True)
class _Kept:
    """What survives a crash, of one workflow."""

    kind: str
    payload: str
    steps: dict[str, str] = field(default_factory=dict)
    outcome: str | None = None
    cancelled: bool = False
    #: cut-off work goes on only when it is started again
    begun: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def unfinished(self) -> bool:
        return self.outcome is None and not self.cancelled


class MemoryJournal:
    """Implements honk.ports.Journal, with the same meaning of `once` as the real one.

    `crash_before` and `crash_after` name a step: when it has run and before (or after) its outcome is
    kept, everything under way is cut off, `wait` raises Crashed, and nothing more is kept. The next
    process is `restarted()`: it knows what was kept, and goes on from there when it is served.
    """

    def __init__(self, *, crash_before: str = "", crash_after: str = "", concurrency: int | None = None) -> None:
        #: workflows at a time; None: any number
        self.concurrency = concurrency
        self._line: list[str] = []
        self._before = crash_before
        self._after = crash_after
        self._kept: dict[str, _Kept] = {}
        self._workflows: Mapping[str, Workflow] = {}
        self._running: dict[str, tuple[asyncio.Task[None], Steps]] = {}
        self._crashed = asyncio.Event()
        self._held: set[str] = set()

    def restarted(self, *, crash_before: str = "", crash_after: str = "") -> "MemoryJournal":
        """The journal of a new process over the same records."""
        journal = MemoryJournal(crash_before=crash_before, crash_after=crash_after)
        journal._kept = self._kept
        return journal

    def hold(self, id: str) -> None:
        """The workflow stays in line, as behind others in a journal whose places are all taken."""
        self._held.add(id)

    def recorded(self, id: str) -> tuple[str, ...]:
        """Names of the workflow's finished steps, in order."""
        return tuple(self._kept[id].steps)

    @asynccontextmanager
    async def serve(self, workflows: Mapping[str, Workflow]) -> AsyncIterator[None]:
        if self._workflows:
            raise Defect("this journal is being served already")
        self._workflows = workflows
        for id in await self.unfinished():
            if not self._kept[id].begun:
                self._begin(id)
        try:
            yield
        finally:
            self._workflows = {}
            await self._cut(*self._running)

    async def start(self, kind: str, id: str, payload: str) -> None:
        self._kept.setdefault(id, _Kept(kind, payload))
        self._begin(id)

    async def wait(self, id: str) -> str:
        if id not in self._kept:
            raise Defect(f"there is no workflow {id}")
        kept = self._kept[id]
        waiting = [asyncio.ensure_future(event.wait()) for event in (kept.ended, self._crashed)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        if kept.cancelled:
            raise Stopped("the work was cancelled")
        if kept.outcome is None:
            raise Crashed(id)
        return resolve(str, kept.outcome)

    async def cancel(self, id: str) -> None:
        kept = self._kept.get(id)
        if kept is None or not kept.unfinished:
            return
        kept.cancelled = True
        kept.ended.set()
        await self._cut(id)

    async def finished(self, id: str) -> Mapping[str, str]:
        return values(self._kept[id].steps) if id in self._kept else {}

    async def unfinished(self) -> tuple[str, ...]:
        return tuple(id for id, kept in self._kept.items() if kept.unfinished)

    async def waiting(self) -> tuple[str, ...]:
        return tuple(self._line)

    def _begin(self, id: str) -> None:
        kept = self._kept[id]
        if (
            id in self._held
            or id in self._running
            or not kept.unfinished
            or kept.kind not in self._workflows
            or self._crashed.is_set()
        ):
            return
        if self.concurrency is not None and len(self._running) >= self.concurrency:
            if id not in self._line:
                self._line.append(id)
            return
        steps = Steps(dict(kept.steps), partial(self._record, id), delays=(0.0, 0.0, 0.0))
        task = asyncio.get_running_loop().create_task(self._drive(id, steps), name=f"workflow {id}")
        kept.begun = True
        self._running[id] = (task, steps)
        task.add_done_callback(lambda _: self._ended(id))

    def _ended(self, id: str) -> None:
        self._running.pop(id, None)
        if self._line and self._workflows:
            self._begin(self._line.pop(0))

    async def _drive(self, id: str, steps: Steps) -> None:
        kept = self._kept[id]
        try:
            outcome = value_outcome(str, await self._workflows[kept.kind](kept.payload, steps))
        except asyncio.CancelledError:
            if steps.is_cut:
                return
            outcome = error_outcome(Defect(f"workflow {id} cancelled itself"))
        except Exception as exc:  # noqa: BLE001 - the worker's loop: an error is the workflow's outcome
            outcome = error_outcome(exc)
        if not steps.is_cut:
            kept.outcome = outcome
            kept.ended.set()

    async def _record(self, id: str, name: str, outcome: str) -> None:
        if name == self._before:
            self._crash()
        self._kept[id].steps[name] = outcome
        if name == self._after:
            self._crash()

    def _crash(self) -> None:
        self._crashed.set()
        for task, steps in self._running.values():
            steps.cut()
            task.cancel()
        raise asyncio.CancelledError

    async def _cut(self, *ids: str) -> None:
        running = [self._running[id] for id in ids if id in self._running]
        for task, steps in running:
            steps.cut()
            task.cancel()
        current = asyncio.current_task()
        if tasks := [task for task, _ in running if task is not current]:
            await asyncio.wait(tasks)
