"""What is new is said where the task is talked about: the status comment, questions, and answers after a turn.

A place is *behind* while its task has events of which it was not told. How far it was told, and what was said, is in
the store, so that a restart goes on there; whoever writes in a place holds it meanwhile. Everything that is said is
named after its occasion, so that said twice it is one comment.
"""

import time
import uuid
from collections.abc import Sequence
from datetime import timedelta

import anyio
import structlog

from honk.domain.event import (
    AgentCalledTool,
    AgentToolAnswered,
    AgentWrote,
    Event,
    ModelCalled,
    PullRequestOpened,
    QuestionAsked,
    SnapshotTaken,
    StepProgressed,
    TaskSettled,
    VerifierFinished,
    VerifierStarted,
)
from honk.domain.person import IdentityKind
from honk.domain.task import BUSY, State, Task, TaskId
from honk.domain.thread import Thread
from honk.doors.github.announcing import announcements
from honk.doors.github.answering import Answering, turned
from honk.doors.github.backstage import DOOR, Backstage
from honk.doors.github.names import digest_of, place_of
from honk.doors.github.places import Places
from honk.doors.github.status import status_of
from honk.errors import ForgeRefused, HonkError, RepositoryUnusable
from honk.ports import Discussions
from honk.views.shown import card

_log = structlog.get_logger()

#: Events that no comment shows.
_SMALL = (AgentCalledTool, AgentToolAnswered, AgentWrote, ModelCalled, SnapshotTaken, StepProgressed)
_SILENT = (*_SMALL, VerifierStarted, VerifierFinished)
_EVENTS = 1_000_000
#: for how long a place is held at a time
_HELD = timedelta(seconds=120)
_AT_ONCE = 8
#: States of tasks whose pull requests people look at.
_OPEN = frozenset({State.PROPOSED, State.DRAFT, State.WAITING, State.MERGING, State.MERGED, State.DEPLOYING})


class Telling:
    """Writes in the places of tasks. `keep` runs for as long as the door is open."""

    def __init__(self, backstage: Backstage, discussions: Discussions, places: Places) -> None:
        self._stage = backstage
        self._discussions = discussions
        self._places = places
        self._answering = Answering(backstage, discussions)
        self._holder = uuid.uuid4().hex
        self._busy: set[TaskId] = set()
        #: before when a place is not looked at again, and how often in a row it could not be told
        self._rests: dict[TaskId, float] = {}
        self._failed: dict[TaskId, int] = {}
        #: those that settled since: a comment that shows how work goes on may rest, one that shows its end may not
        self._ended: set[TaskId] = set()
        #: tasks with a pull request that has no place yet
        self._opened: list[TaskId] = []
        self._news = anyio.Event()
        self._free = anyio.Semaphore(_AT_ONCE)

    def heard(self, event: Event) -> None:
        """Is told each event that this process stored."""
        if isinstance(event.data, PullRequestOpened):
            self._opened.append(event.task)
        if isinstance(event.data, TaskSettled):
            self._ended.add(event.task)
        if not isinstance(event.data, _SILENT):
            self.added()

    def added(self) -> None:
        """There is something to tell."""
        self._news.set()

    async def keep(self) -> None:
        """Goes on until it is cancelled."""
        sleep, waits = self._stage.sleep or anyio.sleep, self._stage.waits
        await self._adopt_all()
        async with anyio.create_task_group() as group:
            while True:
                self._news = anyio.Event()
                for task in await self._due():
                    self._busy.add(task)
                    group.start_soon(self._tell, task)
                with anyio.move_on_after(waits.look):
                    await self._news.wait()
                await sleep(waits.gather)

    async def _due(self) -> list[TaskId]:
        try:
            while self._opened:
                await self.adopt(self._opened[0])
                self._opened.pop(0)
            behind = await self._stage.chats.threads.behind(DOOR)
        except Exception as error:  # noqa: BLE001 - a store in trouble must not end the telling
            _log.warning("places that are behind could not be looked for", door=DOOR, error=str(error))
            return []
        now, waits = time.monotonic(), self._ended - self._failed.keys()
        return [one for one in behind if one not in self._busy and (one in waits or self._rests.get(one, 0.0) <= now)]

    # ── a second place ─────────────────────────────────────────────────────────────────────────
    async def _adopt_all(self) -> None:
        """Pull requests that were opened while nobody listened."""
        try:
            for task in await self._stage.ports.tasks.list(states=_OPEN, limit=200):
                await self.adopt(task.id)
        except HonkError as error:
            _log.warning("pull requests without a place could not be looked for", reason=str(error))

    async def adopt(self, id: TaskId, number: int = 0) -> None:
        """A task that was asked for elsewhere is talked about in its pull request, too. Twice: no effect."""
        threads, ports = self._stage.chats.threads, self._stage.ports
        if await threads.of(id, DOOR) is not None:
            return
        task = await ports.tasks.get(id)
        there = await ports.records.pull_request(id)
        number = number or (there.number if there is not None else 0)
        if not number or not await self._places.name(task.repository):
            return
        person = await ports.tasks.get_person(task.requested_by)
        by = person.identity(IdentityKind.GITHUB) or ""
        await threads.add(Thread(task=id, place=place_of(task.repository, number), asked_by=by))
        self.added()

    # ── one place ──────────────────────────────────────────────────────────────────────────────
    async def _tell(self, task: TaskId) -> None:
        """With whatever may go wrong there."""
        rest = 0.0
        self._ended.discard(task)
        try:
            async with self._free:
                rest = await self._bring_up(task)
            self._failed.pop(task, None)
        except (ForgeRefused, RepositoryUnusable) as error:
            _log.warning("a place at GitHub cannot be written to any more", task=task, reason=str(error))
            await self._broken(task, error.message)
        except HonkError as error:
            rest = self._later(task)
            _log.warning("a place at GitHub was not told", task=task, reason=str(error))
        except Exception:  # noqa: BLE001 - the boundary of a door: one place must not end the telling of all others
            rest = self._later(task)
            _log.exception("a place at GitHub was not told", task=task)
        finally:
            self._busy.discard(task)
            self._rests[task] = time.monotonic() + rest
            if not rest:
                self._rests.pop(task, None)

    def _later(self, task: TaskId) -> float:
        """Seconds after which it is tried again: longer each time."""
        waits, times = self._stage.waits, self._failed.get(task, 0)
        self._failed[task] = times + 1
        return float(min(waits.later * 2.0 ** min(times, 10), waits.rest))

    async def _broken(self, task: TaskId, reason: str) -> None:
        try:
            await self._stage.chats.threads.change(task, DOOR, broken=reason)
        except HonkError as error:
            _log.warning("a place could not be given up", task=task, reason=str(error))

    async def _bring_up(self, id: TaskId) -> float:
        """Tells the place everything that is new; seconds for which it then rests."""
        threads = self._stage.chats.threads
        thread = await threads.claim(id, DOOR, self._holder, self._stage.ports.clock() + _HELD)
        if thread is None:
            return self._stage.waits.look
        try:
            return 0.0 if thread.broken else await self._say_all(thread)
        finally:
            with anyio.move_on_after(1, shield=True):
                await threads.release(id, DOOR, self._holder)

    async def _say_all(self, thread: Thread) -> float:
        threads, ports = self._stage.chats.threads, self._stage.ports
        fresh = await ports.events.read(thread.task, after=thread.told)
        if not fresh:
            return 0.0
        if thread.card and all(isinstance(one.data, _SILENT) for one in fresh):
            await threads.told(thread.task, DOOR, fresh[-1].seq, thread.shown)
            return 0.0
        task = await ports.tasks.get(thread.task)
        log = await ports.events.read(task.id, limit=_EVENTS)
        fresh = tuple(one for one in log if one.seq > thread.told)
        shown = await self._status(thread, task, log)
        if not thread.muted:
            await self._announce(thread, task, fresh, log)
        await threads.told(task.id, DOOR, log[-1].seq, shown)
        return self._stage.waits.edit if task.state in BUSY else 0.0

    async def _status(self, thread: Thread, task: Task, log: tuple[Event, ...]) -> str:
        """The comment as it is now; the digest of what it shows."""
        threads, ports = self._stage.chats.threads, self._stage.ports
        found = await card(task, ports=ports, log=log)
        asked = [one.data for one in log if isinstance(one.data, QuestionAsked) and one.turn == task.turn]
        text = status_of(found, self._stage.choices.name, ports.previews.hint(), asked[-1] if asked else None)
        digest = digest_of(text)
        if digest == thread.shown:
            return digest
        await threads.saying(task.id, DOOR, "status")
        id = await self._discussions.say(task.repository, int(thread.place.root), text, f"status/{task.id}")
        await threads.said(task.id, DOOR, "status", id, card=digest)
        return digest

    async def _announce(self, thread: Thread, task: Task, fresh: Sequence[Event], log: Sequence[Event]) -> None:
        number = int(thread.place.root)
        for one in announcements(fresh, log, thread, self._stage.choices.name):
            await self._once(task, number, one.key, one.text)
        for event in fresh:
            if (turn := turned(event, log)) is not None:
                await self._answering.after(task, number, turn, log)

    async def _once(self, task: Task, number: int, key: str, text: str) -> None:
        threads = self._stage.chats.threads
        if not (await threads.saying(task.id, DOOR, key)).message:
            id = await self._discussions.say(task.repository, number, text, f"{key}/{task.id}")
            await threads.said(task.id, DOOR, key, id)
