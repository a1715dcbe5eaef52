"""What is new is said where the task is talked about: the card first, then what people must know, each once.

A place is *behind* while its task has events of which it was not told. How far it was told, and which messages were
sent, is in the store, so that a restart goes on there and two servers never say the same thing twice: whoever writes
in a place holds it meanwhile. What the card shows is made after Slack has given the permit to change it, so however
many events come meanwhile, one change shows them all.
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
    SnapshotTaken,
)
from honk.domain.task import TaskId
from honk.domain.thread import Thread
from honk.doors.slack.announcing import announcements
from honk.doors.slack.api import Api
from honk.doors.slack.assistant import Assistant
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.card import Shown, card_of
from honk.doors.slack.logs import Logs
from honk.doors.slack.losing import tell_of_loss
from honk.doors.slack.marks import show_marks
from honk.doors.slack.quiet import held_back
from honk.doors.slack.speaking import Speaking
from honk.doors.slack.trouble import SlackGone, SlackRefused, SlackRevoked
from honk.doors.slack.whom import addressed, must_act
from honk.errors import HonkError, single
from honk.views import Card
from honk.views.moves import activity
from honk.views.shown import card

_log = structlog.get_logger()

#: seconds between two looks for what other processes stored
_LOOK = 1.0
#: seconds in which further events are waited for, so that one change shows them
_GATHER = 0.2
#: seconds between two changes of a card that show nothing but what the agent is doing
_LEISURELY, _SCARCE = 1.5, 20.0
#: the same, where another process stored what nobody here knows
_LOOKED = 1.5
#: for how long a place is held at a time; asked for again while it is written to
_HELD = timedelta(seconds=90)
#: seconds after a claim in which nobody else can have the place, whatever clocks do
_SURE = 20.0
_AT_ONCE = 8
#: places that are looked at, or wait for Slack's permits, at a time
_BUSY = 200
#: tasks that are followed event by event; of others the next look finds what is new
_FOLLOWED = 5_000
#: Events that are no reason to hurry.
_SMALL = (AgentCalledTool, AgentToolAnswered, AgentWrote, ModelCalled, SnapshotTaken)


class Telling:
    """Writes in the places of tasks. `keep` runs for as long as the door is open."""

    def __init__(self, backstage: Backstage, api: Api, assistant: Assistant) -> None:
        self._stage = backstage
        self._api = api
        self._assistant = assistant
        self._logs = Logs(backstage.ports.events)
        self._speaking = Speaking(backstage, api, assistant, self._hold)
        self._holder = uuid.uuid4().hex
        #: until when the places that are written to now are surely this process's
        self._mine: dict[TaskId, float] = {}
        #: tasks that are talked about, as far as this process knows, and when their cards were changed last
        self._known: dict[TaskId, float] = {}
        #: when each of them is due, by the monotonic clock
        self._due: dict[TaskId, float] = {}
        self._busy: set[TaskId] = set()
        #: how often in a row a place could not be told, and before when it is not tried again
        self._failed: dict[TaskId, tuple[int, float]] = {}
        #: places where something is held back, and the latest event that they were looked at for
        self._quiet: dict[TaskId, int] = {}
        #: places of which Slack said that they are gone, and why
        self._gone: dict[TaskId, str] = {}
        self._news = anyio.Event()
        self._free = anyio.Semaphore(_AT_ONCE)
        self._first = anyio.Semaphore(_AT_ONCE)

    def heard(self, event: Event) -> None:
        """Is told each event that this process stored."""
        if event.task in self._known:
            self._want(event.task, small=isinstance(event.data, _SMALL))

    def added(self, task: TaskId) -> None:
        """The task is talked about from now on; its place is told at once."""
        self._follow(task)
        self._failed.pop(task, None)
        self._want(task, within=0.0)

    def gone(self, task: TaskId, reason: str) -> None:
        """The place cannot be written to any more, says Slack."""
        self._gone[task] = reason
        self.added(task)

    def recovered(self) -> None:
        """Whatever failed is tried again at once."""
        failed, self._failed = self._failed, {}
        for task in failed:
            self._due.pop(task, None)
            self._want(task)

    def _follow(self, task: TaskId, changed: float | None = None) -> None:
        """Notices events of the task; forgets whom it has followed longest without a change."""
        before = self._known.pop(task, 0.0)
        self._known[task] = before if changed is None else changed
        if len(self._known) > _FOLLOWED:
            del self._known[next(iter(self._known))]

    def _want(self, task: TaskId, *, small: bool = False, within: float = _GATHER) -> None:
        now = time.monotonic()
        due = now + within
        if small:
            rest = _SCARCE if self._api.pace.scarce("chat.update") else _LEISURELY
            due = max(due, self._known.get(task, 0.0) + rest)
        due = max(due, self._failed.get(task, (0, 0.0))[1])
        if due < self._due.get(task, due + 1):
            self._due[task] = due
            self._news.set()

    async def keep(self) -> None:
        """Goes on until it is cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._look)
            while True:
                self._news = anyio.Event()
                now = time.monotonic()
                for task in [one for one, due in self._due.items() if due <= now and one not in self._busy]:
                    if len(self._busy) >= _BUSY:
                        break
                    del self._due[task]
                    self._busy.add(task)
                    group.start_soon(self._tell, task)
                due = [at for one, at in self._due.items() if one not in self._busy and len(self._busy) < _BUSY]
                with anyio.move_on_after(max(min(due, default=now + 60) - now, 0.0)):
                    await self._news.wait()

    async def _look(self) -> None:
        """Finds what other processes stored, and what was left when the last one ended."""
        seen: object | None = None
        every = 0
        while True:
            stamp = self._stage.stamp()
            if stamp is None or stamp != seen or every % 10 == 0:
                seen = stamp
                try:
                    for task in await self._behind():
                        self._found(task)
                except Exception as error:  # noqa: BLE001 - a store in trouble must not end the telling
                    _log.warning("places that are behind could not be looked for", error=str(error))
            every += 1
            await (self._stage.sleep or anyio.sleep)(_LOOK)

    def _found(self, task: TaskId) -> None:
        """It is behind, by events that another process stored unless it is to be told anyway."""
        if task not in self._due and task not in self._busy:
            rested = self._known.get(task, 0.0) + _LOOKED - time.monotonic()
            self._want(task, small=self._api.pace.scarce("chat.update"), within=max(_GATHER, rested))
        self._follow(task)

    async def _behind(self) -> list[TaskId]:
        """Places to be told. Where something is held back until morning, a new event is a reason to look."""
        found = await self._stage.chats.threads.behind(DOOR)
        quiet = {task: self._quiet[task] for task in found if task in self._quiet}
        self._quiet = dict(quiet)
        latest = await self._stage.ports.events.latest(quiet) if quiet else {}
        return [task for task in found if task not in quiet or latest.get(task, 0) > quiet[task]]

    async def _tell(self, task: TaskId) -> None:
        """One place, with whatever may go wrong there."""
        again = None
        try:
            again = await self._told(task)
            self._failed.pop(task, None)
        except SlackRevoked:
            again = self._later(task)  # the door says it once, for all of them
        except HonkError as error:
            again = self._later(task)
            _log.warning("a thread was not told", task=task, reason=str(error))
        except Exception:  # noqa: BLE001 - the boundary of a door: one place must not end the telling of all others
            again = self._later(task)
            _log.exception("a thread was not told", task=task)
        finally:
            self._busy.discard(task)
            if again is not None:
                self._want(task, within=again)
            self._news.set()

    def _later(self, task: TaskId) -> float:
        """Seconds after which it is tried again: longer each time."""
        waits, times = self._stage.waits, self._failed.get(task, (0, 0.0))[0]
        wait = min(waits.later * 2.0 ** min(times, 10), waits.rest)
        self._failed[task] = (times + 1, time.monotonic() + wait)
        return wait

    async def _told(self, task: TaskId) -> float | None:
        """The place, or, where it is gone, whoever asked; seconds after which it is to be looked at again."""
        try:
            if reason := self._gone.get(task):
                raise SlackGone(reason)
            return await self._bring_up(task)
        except SlackGone as error:
            _log.warning("a thread cannot be written to any more", task=task, reason=error.message)
            if (thread := await self._stage.chats.threads.of(task, DOOR)) is not None:
                await tell_of_loss(thread, error.message, self._api, self._stage)
            self._gone.pop(task, None)
            return None

    async def _bring_up(self, task: TaskId) -> float | None:
        """Tells the place everything that is new; seconds after which it is to be looked at again, or None."""
        threads, now = self._stage.chats.threads, self._stage.ports.clock()
        thread = await threads.claim(task, DOOR, self._holder, now + _HELD)
        if thread is None:
            if await threads.of(task, DOOR) is None:
                self._known.pop(task, None)
                return None
            return 1.0
        self._mine[task] = time.monotonic() + _SURE
        try:
            if thread.broken:
                return None
            with single():
                async with anyio.create_task_group() as beside:
                    beside.start_soon(self._hold_on, task)
                    again = await self._say_all(thread)
                    beside.cancel_scope.cancel()
        finally:
            self._mine.pop(task, None)
            with anyio.move_on_after(1, shield=True):
                await threads.release(task, DOOR, self._holder)
        return again

    async def _hold_on(self, task: TaskId) -> None:
        """Waiting for permits may take long, and keeps others from beginning the same."""
        while True:
            await anyio.sleep(_HELD.total_seconds() / 3)
            try:
                self._mine.pop(task, None)
                await self._hold(task)
            except HonkError as error:
                _log.warning("a thread could not be held", task=task, reason=str(error))

    async def _hold(self, task: TaskId) -> bool:
        """Whether the place is still this process's to write to, for some time from now on."""
        if time.monotonic() < self._mine.get(task, 0.0):
            return True
        until = self._stage.ports.clock() + _HELD
        held = await self._stage.chats.threads.claim(task, DOOR, self._holder, until) is not None
        self._mine[task] = time.monotonic() + (_SURE if held else 0.0)
        return held

    async def _say_all(self, thread: Thread) -> float | None:
        """Everything that is new, and the card."""
        task, ports = thread.task, self._stage.ports
        log = await self._logs.of(task)
        if not thread.card:
            # whoever has just asked does not wait for what others are told
            async with self._first:
                thread = await self._speaking.put_up(thread, "card", (await self._look_at(thread))[1])
        async with self._free:
            await show_marks(thread, log, self._api, ports)
            told, again = await self._announce(thread, log)
            fresh = [event for event in log if event.seq > thread.told]
            status = await self._assistant.follow(thread, await ports.tasks.get(task), activity(log), fresh)
            again = min((one for one in (again, status) if one is not None), default=None)
        news = any(not isinstance(event.data, _SMALL) for event in fresh)
        shown = await self._change_card(thread, urgent=news)
        if shown is None:
            again = min(again or _SCARCE, _SCARCE)
        await self._stage.chats.threads.told(task, DOOR, told, thread.shown if shown is None else shown)
        self._follow(task, time.monotonic())
        return again

    async def _look_at(self, thread: Thread) -> tuple[Card, Shown]:
        """The task as it is, and its card."""
        ports = self._stage.ports
        task = await ports.tasks.get(thread.task)
        log = await self._logs.of(task.id)
        found = await card(task, ports=ports, log=log)
        return found, card_of(found, thread, doing=activity(log), now=ports.clock())

    async def _change_card(self, thread: Thread, *, urgent: bool = True) -> str | None:
        """The card as it is now; the digest of what it shows. None where what it would show had better wait.

        The last changes that Slack permits are for news, not for what an agent is doing.
        """
        _, shown = await self._look_at(thread)
        thread = await self._stage.chats.threads.of(thread.task, DOOR) or thread
        if shown.digest == thread.shown:
            return thread.shown
        if not urgent and thread.shown and self._api.pace.scarce("chat.update"):
            return None
        # others speak while this one waits for its permit
        await self._api.pace.permit("chat.update")
        _, shown = await self._look_at(thread)
        try:
            await self._api.update(thread.place.channel, thread.card, shown.text, shown.blocks)
        except SlackRefused as error:
            if error.error not in {"message_not_found", "cant_update_message", "edit_window_closed"}:
                raise
            # somebody deleted it: a new one takes its place
            thread = await self._speaking.put_up(thread, f"card/{thread.card}", shown)
            if not thread.shown:
                return await self._change_card(thread)
        return shown.digest

    async def _announce(self, thread: Thread, log: Sequence[Event]) -> tuple[int, float | None]:
        """Says what people must know; how far the place is told then, and when what was held back is due."""
        self._quiet.pop(thread.task, None)
        last = log[-1].seq if log else thread.told
        fresh = [event for event in log if event.seq > thread.told]
        if thread.muted or not fresh:
            return last, None
        found, _ = await self._look_at(thread)
        to = await addressed(found.task, thread, self._stage)
        whom = await must_act(found, to, self._stage)
        for one in announcements(fresh, log, found, to, whom):
            if (wait := await held_back(to, log, self._api, self._stage)) > 0:
                self._quiet[thread.task] = last
                return one.seq - 1, min(wait, self._stage.waits.rest)
            if one.shown is not None:
                await self._speaking.say(thread, one.key, one.shown)
            if one.pictures:
                await self._speaking.picture(thread, one)
        return last, None
