"""Takes work from the journal and runs the flow. One worker at a time for one HONK_HOME."""

import fcntl
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import structlog

from honk import flow
from honk.app import App
from honk.domain.build import Build
from honk.domain.channel import Offer
from honk.domain.codec import dump, load, maybe
from honk.domain.ending import Ending
from honk.domain.event import MergeRefused
from honk.domain.landing import Landing
from honk.domain.person import PersonId
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Sha
from honk.domain.task import State, Task, TaskId
from honk.domain.turn import Outcome, Turn
from honk.errors import HonkError, single
from honk.ports import Once, Workflow
from honk.steps.again import standing
from honk.steps.deploy import Looked
from honk.steps.pause import patient, pausable, waiting
from honk.steps.queue import Line
from honk.steps.remind import Reminders
from honk.steps.retrying import telling
from honk.steps.settle import come_to_rest, settle, settle_landing

_log = structlog.get_logger()

#: Seconds between two looks for tasks that are to stop while they wait in line.
_LOOK = 0.5


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
    """Runs every kind of workflow. The caller holds the worker lock."""

    def __init__(
        self,
        app: App,
        *,
        merge: MergeMethod = MergeMethod.MERGE,
        limit: int = 1_000_000,
        remind: timedelta = timedelta(hours=24),
    ) -> None:
        """`limit`: workflows that the journal runs at a time; `remind`: after that, of a question without an answer."""
        self._app = replace(app, ports=patient(app.ports), journal=waiting(app.journal, app.ports))
        self._merge = merge
        self._reminders = Reminders(remind, ports=self._app.ports)
        self._line = Line(self._app.journal.waiting, limit, ports=self._app.ports)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Workflows run while the context is open; what is cut off on leaving can be resumed."""
        workflows = {name: self._in_line(run) for name, run in self._kinds().items()}
        with single():
            async with self._app.journal.serve(workflows), anyio.create_task_group() as beside:
                beside.start_soon(self._line.keep)
                beside.start_soon(self._stop_those_in_line)
                beside.start_soon(self._reminders.keep)
                beside.start_soon(self._app.keep)
                yield
                beside.cancel_scope.cancel()

    async def _stop_those_in_line(self) -> None:
        """A task that waits in the journal behind others stops too, although no step of it looks."""
        ports = self._app.ports
        while True:
            for id in await ports.tasks.stops():
                if id not in self._line.busy:
                    await self._app.rest(await ports.tasks.get(id))
            await anyio.sleep(_LOOK)

    def _kinds(self) -> dict[str, Workflow]:
        return {
            "turn": self._turn,
            "checked": self._checked,
            "uploaded": self._uploaded,
            "land": self._land,
            "shipped": self._shipped,
            "undo": self._undo,
            "watched": self._watched,
            "offered": self._offered,
        }

    def _in_line(self, run: Workflow) -> Workflow:
        """The same, which takes one of the places while it runs."""

        async def taking(payload: str, once: Once) -> str:
            with self._line.at_work(TaskId(json.loads(payload)["task"])):
                return await run(payload, once)

        return taking

    async def _turn(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        ports = self._app.ports
        task = await self._line.started(await ports.tasks.get(asked["task"]))
        once = telling(once, task.id, asked["turn"], ports=ports)
        turn = await ports.tasks.turn(task.id, asked["turn"])
        if turn.again != asked.get("again", 0):
            return ""  # it was over for everybody to see, and is done again meanwhile
        once = standing(once, asked.get("kept", {}))
        try:
            ending = await flow.turn(task, turn, pausable(once, task, ports=ports), ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, the task must come to rest
            _log.exception("a turn broke off", task=task.id, turn=turn.number)
            broken = Ending(outcome=Outcome.ERROR, state=State.FAILED, reason=_defect(error))
            ending = await settle(task, turn, broken, ports=ports)
        # A person who stopped the work wants nothing to begin by itself, but what was said after that.
        rests = ending.outcome is Outcome.STOPPED and not await ports.tasks.spoken_since_stop(task.id)
        begun = None if rests else await self._app.next_turn(task)
        if begun is None and ending.outcome is Outcome.PASS and task.options.merge:
            await self._land_by_itself(task, turn)
        return dump(Ending, ending)

    async def _land_by_itself(self, task: Task, turn: Turn) -> None:
        """As if the person who asked had pressed the button; a refusal is told to whoever follows."""
        ports, act = self._app.ports, f"auto-{turn.number}"
        task = await ports.tasks.get(task.id)
        person = await ports.tasks.get_person(task.requested_by)
        try:
            await self._app.merge(person, task, method=self._merge, act=act, deploys=task.options.deploys)
        except HonkError as error:
            refused = MergeRefused(reason=error.message, remedy=error.remedy)
            await ports.events.record(task.id, turn.number, refused, actor=person.id, key=f"refused/{act}")
            await settle_landing(task, act, Outcome.ERROR, ports=ports)

    async def _checked(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        task = await self._app.ports.tasks.get(asked["task"])
        act, head, ports = asked["act"], Sha(asked["head"]), self._app.ports
        once = telling(once, task.id, task.turn, ports=ports)
        try:
            ending = await flow.checked(task, head, act, pausable(once, task, ports=ports), ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, the task must come to rest
            ending = await self._broken(task, act, State.MERGED, error)
        # The agent is sent back by a message.
        begun = await self._app.next_turn(task)
        if begun is None and ending.outcome is Outcome.PASS and task.options.merge:
            await self._land_by_itself(task, await ports.tasks.turn(task.id, task.turn))
        return dump(Ending, ending)

    async def _uploaded(self, payload: str, once: Once) -> str:
        """What goes wrong is the upload's alone: the task stays as it is, and its turns go on."""
        asked, ports = json.loads(payload), self._app.ports
        task = await ports.tasks.get(asked["task"])
        once = telling(once, task.id, task.turn, ports=ports)
        made: Build | None = None
        try:
            made = await flow.uploaded(task, asked["upload"], pausable(once, task, ports=ports), ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, whoever uploaded it must know
            _log.exception("an upload could not be made a build", task=task.id, upload=asked["upload"])
            await self._app.refuse_upload(asked["upload"], error)
        return dump(maybe(Build), made)

    async def _shipped(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        task = await self._app.ports.tasks.get(asked["task"])
        ports = self._app.ports
        once = telling(once, task.id, task.turn, ports=ports)
        try:
            ending = await flow.shipped(task, asked["act"], pausable(once, task, ports=ports), ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, the task must come to rest
            rests = await flow.landed_as(task, ports=ports)
            ending = await self._broken(task, asked["act"], rests, error)
        return dump(Ending, ending)

    async def _land(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        task = await self._app.ports.tasks.get(asked["task"])
        landing = load(Landing, asked["landing"])
        ports = self._app.ports
        once = telling(once, task.id, task.turn, ports=ports)
        try:
            ending = await flow.land(task, landing, pausable(once, task, ports=ports), ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, the task must come to rest
            rests = State.DEPLOYED if landing.environment else State.MERGED
            ending = await self._broken(task, landing.act, rests, error)
        # A message may have come in before the merge was refused.
        await self._app.next_turn(task)
        return dump(Ending, ending)

    async def _undo(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        task = await self._app.ports.tasks.get(asked["task"])
        act = asked["act"]
        ports = self._app.ports
        once = telling(once, task.id, task.turn, ports=ports)
        try:
            again = pausable(once, task, ports=ports)
            by, environment = PersonId(asked["by"]), asked.get("environment", "")
            ending = await flow.revert(task, by, act, again, environment=environment, ports=ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever it was, the task must come to rest
            ending = await self._broken(task, act, State.DEPLOYED, error)
        return dump(Ending, ending)

    async def _watched(self, payload: str, once: Once) -> str:
        asked = json.loads(payload)
        task, deployment = await self._app.ports.tasks.get(asked["task"]), asked["deployment"]
        looked = Looked()
        try:
            looked = await flow.watched(task, deployment, once, ports=self._app.ports)
        except HonkError as error:
            await self._app.ports.deploys.unwatch(deployment)
            _log.warning("a version's health cannot be looked at", task=task.id, reason=str(error))
        if looked.undo_by is not None:
            act = f"unhealthy-{deployment}"
            words = {"task": task.id, "by": looked.undo_by, "act": act, "environment": looked.environment}
            await self._app.journal.start("undo", f"undo/{task.id}/{act}", json.dumps(words))
        if looked.promote_by is not None:
            person = await self._app.ports.tasks.get_person(looked.promote_by)
            await self._app.promote_by_itself(person, task, deployment)
        return dump(Looked, looked)

    async def _offered(self, payload: str, once: Once) -> str:
        """What goes wrong is the channel's alone: it is said there, and asked again."""
        asked = json.loads(payload)
        task = await self._app.ports.tasks.get(asked["task"])
        now: Offer | None = None
        try:
            now = await flow.offered(task, asked["build"], asked["channel"], once, ports=self._app.ports)
        except Exception as error:  # noqa: BLE001 - the worker loop: whatever a channel raises, it is asked again later
            _log.exception("a channel broke off", task=task.id, channel=asked["channel"])
            await self._app.put_off(asked["build"], asked["channel"], _defect(error))
        return dump(maybe(Offer), now)

    async def _broken(self, task: Task, act: str, deploying: State, error: Exception) -> Ending:
        """An unknown error in a merge, a deployment or an undo."""
        _log.exception("a landing broke off", task=task.id, act=act)
        await come_to_rest(task, deploying, _defect(error), ports=self._app.ports)
        return await settle_landing(task, act, Outcome.ERROR, ports=self._app.ports)
