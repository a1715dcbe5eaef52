"""The journal, watched: says when workflows and steps begin and end, and binds the log to them."""

import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from typing import TypeVar

import structlog
from structlog.contextvars import bound_contextvars

from honk.adapters.telemetry import watching
from honk.adapters.telemetry.watching import StepRun, Watcher
from honk.domain.task import TaskId
from honk.ports import Journal, Once, Workflow

T = TypeVar("T")
_log = structlog.get_logger()


class WatchedJournal:
    """Implements honk.ports.Journal by another one. Every log line of a workflow carries task, turn and step."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._watchers: list[Watcher] = []
        #: whether workflows are run in this process
        self.serving = False

    def watch(self, watcher: Watcher) -> None:
        """Tells the watcher from now on."""
        self._watchers.append(watcher)

    def serve(self, workflows: Mapping[str, Workflow]) -> AbstractAsyncContextManager[None]:
        watched = {kind: partial(self._run, kind, workflow) for kind, workflow in workflows.items()}
        return _Served(self, self._journal.serve(watched))

    async def start(self, kind: str, id: str, payload: str) -> None:
        await self._journal.start(kind, id, payload)

    async def wait(self, id: str) -> str:
        return await self._journal.wait(id)

    async def cancel(self, id: str) -> None:
        await self._journal.cancel(id)

    async def unfinished(self) -> tuple[str, ...]:
        return await self._journal.unfinished()

    async def waiting(self) -> tuple[str, ...]:
        return await self._journal.waiting()

    async def finished(self, id: str) -> Mapping[str, str]:
        return await self._journal.finished(id)

    async def _run(self, kind: str, workflow: Workflow, payload: str, once: Once) -> str:
        about = _about(kind, payload)
        with bound_contextvars(task=about.task, **({"turn": about.turn} if about.turn else {"work": kind})):
            self._tell(lambda watcher: watcher.begun(about))
            error: BaseException | None = None
            try:
                return await workflow(payload, partial(self._once, about, once))
            except BaseException as exc:
                error = exc
                raise
            finally:
                self._tell(lambda watcher: watcher.ended(about, error))

    async def _once(
        self,
        workflow: watching.Workflow,
        once: Once,
        name: str,
        returns: type[T],
        step: Callable[[], Awaitable[T]],
    ) -> T:
        tries = 0

        async def run() -> T:
            nonlocal tries
            tries += 1
            with self._watched(StepRun(workflow=workflow, name=name, tried=tries, began=time.time_ns())):
                return await step()

        return await once(name, returns, run)

    @contextmanager
    def _watched(self, step: StepRun) -> Iterator[None]:
        started = time.monotonic()
        error: BaseException | None = None
        with bound_contextvars(step=step.name):
            self._tell(lambda watcher: watcher.step_begun(step))
            try:
                yield
            except BaseException as exc:
                error = exc
                raise
            finally:
                seconds = time.monotonic() - started
                self._tell(lambda watcher: watcher.step_ended(step, seconds, error))

    def _tell(self, what: Callable[[Watcher], None]) -> None:
        for watcher in self._watchers:
            try:
                what(watcher)
            except Exception:  # noqa: BLE001 - work goes on whatever goes wrong in watching it
                _log.exception("a watcher failed", watcher=type(watcher).__name__)


class _Served:
    """Sets `serving` while the journal below serves."""

    def __init__(self, journal: WatchedJournal, below: AbstractAsyncContextManager[None]) -> None:
        self._journal = journal
        self._below = below

    async def __aenter__(self) -> None:
        await self._below.__aenter__()
        self._journal.serving = True

    async def __aexit__(self, *error: object) -> bool | None:
        self._journal.serving = False
        return await self._below.__aexit__(*error)  # type: ignore[arg-type]


def _about(kind: str, payload: str) -> watching.Workflow:
    """The facts in a payload; the whole of it tells one workflow of a task from another."""
    facts = json.loads(payload)
    return watching.Workflow(
        kind=kind, task=TaskId(facts["task"]), key=payload, turn=int(facts.get("turn", 0)), began=time.time_ns()
    )
