"""Takes work from the journal and runs the flow. One worker at a time for one HONK_HOME."""

import fcntl
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from honk import flow
from honk.app import App
from honk.domain.codec import dump, load
from honk.domain.event import MergeRefused
from honk.domain.person import PersonId
from honk.domain.pull_request import MergeMethod
from honk.domain.task import State, Task
from honk.domain.turn import Outcome, Turn
from honk.errors import HonkError
from honk.flow import Landing
from honk.ports import Once
from honk.steps.pause import patient, pausable
from honk.steps.settle import Ending, settle, settle_landing

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
        self._app = replace(app, ports=patient(app.ports))
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
            ending = await flow.turn(task, turn, pausable(once, task, ports=ports), ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, the task must come to rest
            _log.exception("a turn broke off", task=task.id, turn=turn.number)
            broken = Ending(outcome=Outcome.ERROR, state=State.FAILED, reason=_defect(error))
            ending = await settle(task, turn, broken, ports=ports)
        # A person who stopped the work does not want the next turn to begin at once.
        begun = None if ending.outcome is Outcome.STOPPED else await self._app.next_turn(task)
        if begun is None and ending.outcome is Outcome.PASS and task.options.merge:
            await self._land_by_itself(task, turn)
        return dump(Ending, ending)

    async def _land_by_itself(self, task: Task, turn: Turn) -> None:
        """As if the person who asked had pressed the button; a refusal is told to whoever follows."""
        ports, act = self._app.ports, f"auto-{turn.number}"
        task = await ports.tasks.get(task.id)
        person = await ports.tasks.get_person(task.requested_by)
        try:
            await self._app.merge(person, task, method=self._merge, act=act)
        except HonkError as error:
            refused = MergeRefused(reason=error.message, remedy=error.remedy)
            await ports.events.record(task.id, turn.number, refused, actor=person.id, key=f"refused/{act}")
            await settle_landing(task, act, Outcome.ERROR, ports=ports)

    async def _land(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        task = await self._app.ports.tasks.get(asked["task"])
        landing = load(Landing, asked["landing"])
        ports = self._app.ports
        try:
            ending = await flow.land(task, landing, pausable(once, task, ports=ports), ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, the task must come to rest
            ending = await self._broken(task, landing.act, State.MERGED, error)
        # A message may have come in before the merge was refused.
        await self._app.next_turn(task)
        return dump(Ending, ending)

    async def _undo(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        task = await self._app.ports.tasks.get(asked["task"])
        act = asked["act"]
        ports = self._app.ports
        try:
            again = pausable(once, task, ports=ports)
            ending = await flow.revert(task, PersonId(asked["by"]), act, again, ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, the task must come to rest
            ending = await self._broken(task, act, State.DEPLOYED, error)
        return dump(Ending, ending)

    async def _broken(self, task: Task, act: str, deploying: State, error: Exception) -> Ending:
        """An unknown error in a merge, a deployment or an undo."""
        _log.exception("a landing broke off", task=task.id, act=act)
        await flow.come_to_rest(task, deploying, _defect(error), ports=self._app.ports)
        return await settle_landing(task, act, Outcome.ERROR, ports=self._app.ports)
