"""Takes work from the journal and runs the flow. One worker at a time for one HONK_HOME."""

import fcntl
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog

from honk import flow
from honk.app import App
from honk.domain.codec import dump, load
from honk.domain.person import PersonId
from honk.domain.pull_request import MergeMethod
from honk.domain.task import State
from honk.domain.turn import Outcome
from honk.flow import Landing
from honk.ports import Once
from honk.steps.settle import Ending, settle

_log = structlog.get_logger()


def _defect(error: Exception) -> str:
    return f"a defect of Honk: {type(error).__name__}: {error}"


@contextmanager
def worker_lock(home: Path) -> Iterator[bool]:
    """True inside when this process may work on the tasks of `home`; another process's death frees it at once."""
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / "worker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


class Worker:
    """Runs `turn`, `land` and `undo` workflows. The caller holds the worker lock."""

    def __init__(self, app: App, *, merge: MergeMethod = MergeMethod.MERGE) -> None:
        self._app = app
        self._merge = merge

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Workflows run while the context is open; what is cut off on leaving can be resumed."""
        workflows = {"turn": self._turn, "land": self._land, "undo": self._undo}
        async with self._app.journal.serve(workflows):
            yield

    async def _turn(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        ports = self._app.ports
        task = await ports.tasks.get(asked["task"])
        turn = await ports.tasks.turn(task.id, asked["turn"])
        try:
            ending = await flow.turn(task, turn, once, ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, the task must come to rest
            _log.exception("a turn broke off", task=task.id, turn=turn.number)
            broken = Ending(outcome=Outcome.ERROR, state=State.FAILED, reason=_defect(error))
            ending = await settle(task, turn, broken, ports=ports)
        task = await ports.tasks.get(task.id)
        begun = await self._app.next_turn(task)
        if begun is None and ending.outcome is Outcome.PASS and task.options.merge:
            person = await ports.tasks.get_person(task.requested_by)
            await self._app.merge(person, task, method=self._merge, act=f"auto-{task.turn}")
        return dump(Ending, ending)

    async def _land(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        task = await self._app.ports.tasks.get(asked["task"])
        landing = load(Landing, asked["landing"])
        return dump(Ending, await flow.land(task, landing, once, ports=self._app.ports))

    async def _undo(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        task = await self._app.ports.tasks.get(asked["task"])
        ending = await flow.revert(task, PersonId(asked["by"]), asked["act"], once, ports=self._app.ports)
        return dump(Ending, ending)
