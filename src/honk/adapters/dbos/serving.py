"""Runs workflows in this process: DBOS keeps the records, our own event loop does the work.

DBOS runs a workflow as a plain function on a thread of its own. That function starts the coroutine on
the loop that called `serve`, because subprocesses and everything else of Honk live there, and then does
nothing but write finished steps down, so that DBOS sees its own context and its own order. A workflow
that is cut off leaves that thread with an exception which DBOS does not count as an outcome: the
workflow stays unfinished.
"""

import asyncio
import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig
from dbos import error as dbos_errors
from sqlalchemy.exc import DBAPIError

from honk.adapters.dbos.bell import Worker
from honk.adapters.dbos.database import APPLICATION, VERSION, serializer
from honk.adapters.dbos.steps import Steps, error_outcome, value_outcome
from honk.domain.codec import load
from honk.errors import Defect
from honk.ports import Workflow

#: seconds after which a record's thread looks whether its loop is still there
_LOOP_CHECK = 1.0
#: DBOS is one object a process, and a second one would silently be the first
_DBOS = threading.Lock()


class _CutOff(BaseException):
    """Leaves DBOS's thread without an outcome."""


@dataclass(frozen=True, slots=True)
class _Finished:
    """A step to be written down; `kept` is told when it is."""

    name: str
    outcome: str
    kept: "asyncio.Future[None]"


@dataclass(frozen=True, slots=True)
class _Ended:
    """The coroutine's end. None: it was cut off."""

    outcome: str | None


@dataclass(eq=False, slots=True)
class _Run:
    """One workflow under way, shared by its coroutine and its thread."""

    id: str
    workflow: Workflow
    payload: str
    recorded: Mapping[str, str]
    #: from the loop to the thread
    mail: "queue.SimpleQueue[_Finished | _Ended]" = field(default_factory=queue.SimpleQueue)
    steps: Steps | None = None
    task: "asyncio.Task[None] | None" = None
    is_cut: bool = False

    def cut(self) -> None:
        """Called on the loop."""
        self.is_cut = True
        if self.steps is not None:
            self.steps.cut()
        if self.task is not None:
            self.task.cancel()

    async def record(self, name: str, outcome: str) -> None:
        kept = asyncio.get_running_loop().create_future()
        self.mail.put(_Finished(name, outcome, kept))
        await kept

    async def drive(self, delays: Sequence[float]) -> None:
        """The coroutine's whole life; whatever happens, the thread is told."""
        self.steps = Steps(self.recorded, self.record, delays)
        outcome: str | None = None
        try:
            outcome = value_outcome(str, await self.workflow(self.payload, self.steps))
        except asyncio.CancelledError:
            if not self.is_cut:
                outcome = error_outcome(Defect(f"workflow {self.id} cancelled itself"))
        except Exception as exc:  # noqa: BLE001 - the worker's loop: an error is the workflow's outcome
            outcome = error_outcome(exc)
        finally:
            self.mail.put(_Ended(None if self.is_cut else outcome))


class Serving:
    """DBOS, launched in this process. There can be only one at a time."""

    def __init__(
        self,
        engine: sa.Engine,
        client: DBOSClient,
        workflows: Mapping[str, Workflow],
        *,
        queue_name: str,
        concurrency: int,
        delays: Sequence[float],
    ) -> None:
        self._engine = engine
        self._client = client
        self._workflows = workflows
        self._queue_name = queue_name
        self._concurrency = concurrency
        self._delays = delays
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._launched = False
        self._closing = False
        self._worker: Worker | None = None
        self._runs: dict[str, _Run] = {}
        #: claimed by DBOS while every place was taken: it counts what has begun, and a claim begins a moment later
        self._line: deque[_Run] = deque()
        #: workflows that were cut off because the journal could not be written
        self.dropped: set[str] = set()
        #: set when there is a further one
        self.trouble = asyncio.Event()
        #: set, for an instant, whenever a workflow ends here
        self.ended = asyncio.Event()
        #: the latest that ended with an outcome, which DBOS may still be writing
        self.returned: deque[str] = deque(maxlen=64)

    @property
    def ids(self) -> tuple[str, ...]:
        """Workflows under way here."""
        return (*self._runs, *(run.id for run in self._line))

    @property
    def line(self) -> tuple[str, ...]:
        """Workflows that were taken up here and wait for a free place."""
        return tuple(run.id for run in self._line)

    def launch(self) -> None:
        """Blocks; on a thread without an event loop, so that DBOS leaves ours alone.

        Raises Defect when another journal is served in this process.
        """
        if not _DBOS.acquire(blocking=False):
            raise Defect("a process can serve only one journal at a time")
        self._launched = True
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_engine": self._engine,
            "system_database_url": self._engine.url.render_as_string(hide_password=False),
            "application_version": VERSION,
            # DBOS takes what has its own id for its own; nobody else's work may look like that
            "executor_id": uuid4().hex,
            "serializer": serializer(),
            "run_migrations": False,
            "enable_otlp": False,
            "log_level": "WARNING",
            # nobody here listens; `destroy` waits for the pause to end
            "notification_listener_polling_interval_sec": 0.3,
        }
        dbos = DBOS(config=config)
        for kind, workflow in self._workflows.items():
            DBOS.workflow(name=kind, max_recovery_attempts=None)(self._function(workflow))
        DBOS.listen_queues([])
        DBOS.launch()
        self._worker = Worker(dbos, self._queue_name)

    def look(self, *, once: bool = False) -> None:
        """Work was started, or (`once`) may have been: it begins now, if there is a place."""
        if self._worker is not None:
            self._worker.bell.ring(once=once)

    def destroy(self) -> None:
        """Blocks until DBOS's threads are gone. Not launched: no effect."""
        if self._launched:
            try:
                if self._worker is not None:
                    self._worker.end()
                DBOS.destroy(destroy_registry=True)
            finally:
                self._launched = False
                _DBOS.release()

    def cut(self, id: str) -> None:
        """Cuts one workflow off. Not under way here: no effect."""
        if run := self._runs.get(id):
            run.cut()
        for run in [run for run in self._line if run.id == id]:
            self._line.remove(run)
            run.mail.put(_Ended(None))

    async def cut_all(self) -> None:
        """Cuts off what is under way, begins nothing more, and returns when every step has ended."""
        self._closing = True
        while self._line:
            self._line.popleft().mail.put(_Ended(None))
        runs = tuple(self._runs.values())
        for run in runs:
            run.cut()
        if tasks := [run.task for run in runs if run.task is not None]:
            await asyncio.wait(tasks)

    # ── on DBOS's threads ──────────────────────────────────────────────────────────────────────
    def _function(self, workflow: Workflow) -> Callable[[str], str]:
        def run_workflow(payload: str) -> str:
            return self._run(workflow, load(str, payload))

        return run_workflow

    def _run(self, workflow: Workflow, payload: str) -> str:
        id = DBOS.workflow_id
        if self._closing or id is None:
            raise _CutOff
        try:
            run = _Run(id, workflow, payload, self._replayed(id))
            self._loop.call_soon_threadsafe(self._begin, run, context=self._context.copy())
            return self._write_down(run)
        except RuntimeError as exc:
            if self._loop.is_closed():
                raise _CutOff from exc
            raise
        except (dbos_errors.DBOSWorkflowCancelledError, dbos_errors.DBOSWorkflowConflictIDError) as exc:
            # cancelled, or taken over by another process: in both cases not ours any more
            raise _CutOff from exc
        except DBAPIError as exc:
            # full, or gone: the workflow stays unfinished, and is taken up again when that is over
            self._loop.call_soon_threadsafe(self._drop, id)
            raise _CutOff from exc

    def _replayed(self, id: str) -> dict[str, str]:
        """Finished steps by name. Each is asked for once, which is how DBOS counts its way to the next."""
        finished = self._client.list_workflow_steps(id, load_output=True)
        return {step["function_name"]: DBOS.run_step({"name": step["function_name"]}, _lost) for step in finished}

    def _write_down(self, run: _Run) -> str:
        failure: BaseException | None = None
        while True:
            try:
                letter = run.mail.get(timeout=_LOOP_CHECK)
            except queue.Empty:
                if self._loop.is_closed():
                    raise _CutOff from None
                continue
            if isinstance(letter, _Ended):
                if failure is not None:
                    raise failure
                if letter.outcome is None:
                    raise _CutOff
                return letter.outcome
            try:
                DBOS.run_step({"name": letter.name}, _constant(letter.outcome))
            except BaseException as exc:  # noqa: BLE001 - raised again when the coroutine has ended
                failure = exc
                self._loop.call_soon_threadsafe(run.cut)
            else:
                self._loop.call_soon_threadsafe(_tell, letter.kept)

    def _drop(self, id: str) -> None:
        self.dropped.add(id)
        self.trouble.set()

    # ── on the loop ────────────────────────────────────────────────────────────────────────────
    def _begin(self, run: _Run) -> None:
        if self._closing:
            run.mail.put(_Ended(None))
            return
        if len(self._runs) >= self._concurrency:
            self._line.append(run)
            return
        self._runs[run.id] = run
        run.task = self._loop.create_task(run.drive(self._delays), name=f"workflow {run.id}")
        run.task.add_done_callback(lambda _: self._end(run))

    def _end(self, run: _Run) -> None:
        if self._runs.get(run.id) is run:
            del self._runs[run.id]
        if not run.is_cut:
            self.returned.append(run.id)
        self.ended.set()
        self.ended.clear()
        if self._line and not self._closing:
            self._begin(self._line.popleft())
        self.look()


def _constant(outcome: str) -> Callable[[], str]:
    return lambda: outcome


def _lost() -> str:
    raise Defect("a recorded step has no record")


def _tell(kept: "asyncio.Future[Any]") -> None:
    if not kept.done():
        kept.set_result(None)
