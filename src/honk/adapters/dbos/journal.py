"""The Journal port on DBOS.

Liveness is not DBOS's: whoever calls `serve` holds Honk's worker lock, so every workflow that is
under way in the database when `serve` begins was left by a dead process. It is put on a queue that
nobody serves, and goes on when somebody starts it again: work costs money, so it never goes on merely
because Honk was used for something else.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import anyio
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from honk.adapters.dbos.database import VERSION, client, finished, prepare, unfinished
from honk.adapters.dbos.steps import resolve, values
from honk.domain.codec import dump
from honk.errors import Defect, DiskFull, MachineInTrouble, Stopped, StoreUnavailable
from honk.ports import Workflow
from honk.ports.journal import RETRY_DELAYS

if TYPE_CHECKING:  # as in database.py
    from dbos import DBOSClient, WorkflowStatus

    from honk.adapters.dbos.serving import Serving

T = TypeVar("T")
QUEUE = "honk"
#: nobody listens to it
LEFT = "honk-left"
_UNFINISHED = ["ENQUEUED", "PENDING", "DELAYED"]
#: seconds between two looks at the database: for work, for cancelled work, for a result
_WORK_POLL = 0.5
#: the same where a change of the database's file is seen, and between two looks at that file: each costs microseconds
_FILE_WORK_POLL = 5.0
_FILE_POLL = 0.2
_CANCEL_POLL = 0.5
_RESULT_POLLS = (0.02, 0.5)
#: seconds that a result may take to be written when `serve` is left
_OUTCOME_SECONDS = 5.0
#: seconds after which a workflow that trouble cut off is tried again
_AGAIN_AFTER = 1.0
#: workflows whose records are deleted in one go
_FORGOTTEN_AT_ONCE = 500


class DbosJournal:
    """Opens the database at its first use; `async with` or `close` lets go of it.

    `place` is the path of an SQLite file, or a database URL. Any process may start, wait for and cancel
    workflows; one at a time may `serve`. A step is found by its name, so names are unique in a workflow.
    """

    def __init__(
        self,
        place: Path | str,
        *,
        concurrency: int = 4,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        work_poll: float | None = None,
    ) -> None:
        """`work_poll`: seconds between two looks for work of other processes, where nothing tells of it.

        What is started here begins at once, and what others write into an SQLite file is seen there.
        """
        self._url = f"sqlite:///{place.absolute()}" if isinstance(place, Path) else place
        self._concurrency = concurrency
        self._retry_delays = retry_delays
        self._file = sa.make_url(self._url).database if self._url.startswith("sqlite") else None
        self._work_poll = work_poll or (_FILE_WORK_POLL if self._file else _WORK_POLL)
        self._thread: ThreadPoolExecutor | None = None
        self._engine: sa.Engine | None = None
        self._client: DBOSClient | None = None
        self._serving: Serving | None = None

    async def close(self) -> None:
        """Closed already: no effect."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.wrap_future(thread.submit(self._disconnect))
            thread.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def serve(self, workflows: Mapping[str, Workflow]) -> AsyncIterator[None]:
        """Runs workflows here, on this event loop. The caller holds the worker lock of this journal.

        Raises Defect when this process serves already. On leaving, steps under way get CancelledError and
        are not recorded; a workflow goes on when somebody serves again and starts it again.
        """
        if self._serving is not None:
            raise Defect("this journal is being served already")
        from honk.adapters.dbos.serving import Serving

        kinds = list(workflows)
        engine, asking = await self._ask(lambda asked: self._take_up(asked, kinds))
        serving = Serving(
            engine, asking, workflows, queue_name=QUEUE, concurrency=self._concurrency, delays=self._retry_delays
        )
        self._serving = serving
        async with AsyncExitStack() as leaving:
            leaving.push_async_callback(self._leave, serving)
            await _uninterrupted(asyncio.to_thread(serving.launch))
            watch = asyncio.create_task(self._watch_cancelled(serving), name="cancelled workflows")
            leaving.push_async_callback(_end, watch)
            again = asyncio.create_task(self._take_up_dropped(serving), name="workflows that trouble cut off")
            leaving.push_async_callback(_end, again)
            if self._file:
                others = asyncio.create_task(_watch_file(Path(f"{self._file}-wal"), serving), name="other processes")
                leaving.push_async_callback(_end, others)
            yield

    async def start(self, kind: str, id: str, payload: str) -> None:
        await self._ask(lambda asked: _start(asked, kind, id, payload))
        if self._serving is not None:
            self._serving.look()

    @property
    def in_trouble(self) -> bool:
        """Whether work under way here could not be written down, and waits until it can be."""
        return self._serving is not None and self._serving.trouble.is_set()

    async def wait(self, id: str) -> str:
        """Raises Stopped when it was cancelled, Defect when there is no such workflow."""
        pause = _RESULT_POLLS[0]
        while True:
            status = await self._ask(lambda asked: _status(asked, id))
            if status is None:
                raise Defect(f"there is no workflow {id}")
            if status.status not in _UNFINISHED:
                return _result(status)
            ended_here = await self._pause(pause)
            pause = _RESULT_POLLS[0] if ended_here else min(pause * 1.5, _RESULT_POLLS[1])

    async def cancel(self, id: str) -> None:
        await self._ask(lambda asked: asked.cancel_workflow(id))
        if self._serving is not None:
            self._serving.cut(id)

    async def finished(self, id: str) -> Mapping[str, str]:
        return values(await self._ask(lambda asked: _outcomes(asked, id)))

    async def unfinished(self) -> tuple[str, ...]:
        return await self._ask(lambda _: unfinished(self._open_engine()))

    async def forget_finished(self, before: datetime) -> int:
        """Deletes the records of workflows that ended before that moment; returns how many."""
        return await self._ask(lambda asked: _forget(asked, self._open_engine(), before))

    async def waiting(self) -> tuple[str, ...]:
        claimed = self._serving.line if self._serving is not None else ()
        found = await self._ask(
            lambda asked: asked.list_workflows(status="ENQUEUED", queue_name=QUEUE, load_input=False, load_output=False)
        )
        return (*claimed, *(one.workflow_id for one in found if one.workflow_id not in claimed))

    # ── asking the database, on one thread ─────────────────────────────────────────────────────
    async def _ask(self, question: "Callable[[DBOSClient], T]") -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="honk-journal")
        try:
            return await asyncio.wrap_future(self._thread.submit(lambda: question(self._connected())))
        except OperationalError as exc:
            words = str(exc.orig)
            if "is full" in words or "disk I/O" in words:
                raise DiskFull(f"the journal could not be written: {words}", "free some disk") from exc
            raise StoreUnavailable(f"the journal cannot be used: {words}") from exc

    def _connected(self) -> "DBOSClient":
        if self._client is None:
            self._engine = prepare(self._url)
            self._client = client(self._engine)
        return self._client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.destroy()
        if self._engine is not None:
            self._engine.dispose()
        self._client = self._engine = None

    # ── serving ────────────────────────────────────────────────────────────────────────────────
    def _take_up(self, asked: "DBOSClient", kinds: list[str]) -> "tuple[sa.Engine, DBOSClient]":
        # Global means counted in the transaction that claims: two looks in a row never take one place twice.
        asked.register_queue(QUEUE, global_concurrency=self._concurrency, polling_interval_sec=self._work_poll)
        left = unfinished(self._open_engine(), pending=kinds)
        if left:
            asked.resume_workflows(list(left), queue_name=LEFT)
        return self._open_engine(), asked

    def _open_engine(self) -> sa.Engine:
        if self._engine is None:
            raise Defect("the journal is not open")
        return self._engine

    async def _leave(self, serving: "Serving") -> None:
        try:
            await _uninterrupted(self._let_go(serving))
        finally:
            self._serving = None

    async def _let_go(self, serving: "Serving") -> None:
        await serving.cut_all()
        if serving.returned:
            await self._written(list(serving.returned))
        await asyncio.to_thread(serving.destroy)

    async def _written(self, ids: list[str]) -> None:
        """Waits until the outcomes of workflows that returned just now are in the database."""
        with suppress(TimeoutError):  # then it is taken up again, and its recorded steps make it return the same
            async with asyncio.timeout(_OUTCOME_SECONDS):
                while True:
                    if not await self._ask(lambda asked: _among(asked, ids, "PENDING")):
                        return
                    await asyncio.sleep(_RESULT_POLLS[0])

    async def _watch_cancelled(self, serving: "Serving") -> None:
        """Another process may cancel what runs here."""
        while True:
            await asyncio.sleep(_CANCEL_POLL)
            if ids := serving.ids:
                with suppress(MachineInTrouble):  # at the next look, then
                    for id in await self._ask(partial(_among, ids=ids, status="CANCELLED")):
                        serving.cut(id)

    async def _take_up_dropped(self, serving: "Serving") -> None:
        """What was cut off because the journal could not be written goes on once it can be."""
        while True:
            await serving.trouble.wait()
            await asyncio.sleep(_AGAIN_AFTER)
            ids = sorted(serving.dropped)
            with suppress(MachineInTrouble):
                await self._ask(lambda asked, ids=ids: asked.resume_workflows(ids, queue_name=QUEUE))  # type: ignore[misc]
                serving.dropped.difference_update(ids)
                if not serving.dropped:
                    serving.trouble.clear()
                serving.look()

    async def _pause(self, seconds: float) -> bool:
        """True when something ended in this process meanwhile."""
        if self._serving is None:
            await asyncio.sleep(seconds)
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._serving.ended.wait()
            return True
        return False


def _forget(asked: "DBOSClient", engine: sa.Engine, before: datetime) -> int:
    ids = finished(engine, before, at_most=_FORGOTTEN_AT_ONCE)
    if ids:
        asked.delete_workflows(list(ids))
    return len(ids)


def _start(asked: "DBOSClient", kind: str, id: str, payload: str) -> None:
    known = _status(asked, id)
    if known is not None and known.status in _UNFINISHED and known.queue_name == LEFT:
        asked.resume_workflows([id], queue_name=QUEUE)
        return
    asked.enqueue(
        {"queue_name": QUEUE, "workflow_name": kind, "workflow_id": id, "app_version": VERSION}, dump(str, payload)
    )


def _status(asked: "DBOSClient", id: str) -> "WorkflowStatus | None":
    found = asked.list_workflows(workflow_ids=[id], load_input=False)
    return found[0] if found else None


def _outcomes(asked: "DBOSClient", id: str) -> dict[str, str]:
    """What each finished step left, in their order."""
    return {step["function_name"]: str(step["output"]) for step in asked.list_workflow_steps(id, load_output=True)}


def _among(asked: "DBOSClient", ids: Sequence[str], status: str) -> tuple[str, ...]:
    """Those of the workflows that have this status."""
    found = asked.list_workflows(workflow_ids=list(ids), status=status, load_input=False, load_output=False)
    return tuple(one.workflow_id for one in found)


def _result(status: "WorkflowStatus") -> str:
    if status.status == "SUCCESS":
        return resolve(str, str(status.output))
    if status.status == "CANCELLED":
        raise Stopped("the work was cancelled")
    raise Defect(f"workflow {status.workflow_id} could not be kept in the journal: {status.error}")


async def _watch_file(log: Path, serving: "Serving") -> None:
    """Whoever starts work writes into SQLite's log: then, and only then, somebody asks the database."""
    seen: tuple[int, int] | None = None
    while True:
        await asyncio.sleep(_FILE_POLL)
        try:
            now = log.stat()
        except OSError:
            continue  # between two logs; the clock looks too
        if (now.st_mtime_ns, now.st_size) != seen:
            seen = (now.st_mtime_ns, now.st_size)
            serving.look(once=True)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _uninterrupted(work: Awaitable[object]) -> None:
    """Runs it to its end even when the caller is cancelled meanwhile: half of it would leave threads behind."""
    running = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not running.done():
            try:
                await asyncio.shield(running)
            except asyncio.CancelledError as exc:
                cancelled = exc
    running.result()
    if cancelled is not None:
        raise cancelled
