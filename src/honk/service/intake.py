"""What Slack delivers is kept first, acknowledged then, and worked on until it is done: once, however often it comes.

Slack delivers again what was not acknowledged within three seconds. A delivery that cannot be kept in that time is
not acknowledged; it may be kept all the same, and is known then when it comes again. Whoever crashes between the
acknowledgement and the work finds the delivery in the store at its next start, and so does another server.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import anyio
import structlog

from honk.domain.thread import Delivery
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.names import edited_message
from honk.doors.slack.plain_words import said_of
from honk.doors.slack.trouble import SlackGone, SlackRefused, SlackRevoked
from honk.errors import HonkError, MachineInTrouble, Retryable

_log = structlog.get_logger()

#: for how long whoever took a delivery has it for itself; asked for again while the work goes on
_HELD = timedelta(seconds=120)
#: What people expect to happen at once, and may not happen much later; it waits for nothing that takes its time.
_QUICK = frozenset({"press", "command", "stop"})
#: What is asked for again after it is done. Everything else says nothing any more: most of it is people's own talk.
_KEPT = frozenset({"ask", "stop"})
#: of each of the two sorts
_AT_ONCE = 16
_LATE = "I could not do this in time, so it was left undone. Do it again if it is still wanted."
#: how often something is tried before it is given up
_TRIES = 6
#: for how long the trouble of others (Slack's, the database's) is waited out
_PATIENCE = timedelta(hours=24)

Handler = Callable[[Delivery], Awaitable[None]]
#: Says to whoever delivered it that it will not be done.
GaveUp = Callable[[Delivery, str], Awaitable[None]]


class NotKept(Exception):
    """The store was too slow: the delivery must not be acknowledged."""


class Intake:
    """Keeps deliveries, and hands each to the handler of its kind. `keep` runs for as long as the door is open."""

    def __init__(self, backstage: Backstage, handlers: Mapping[str, Handler], gave_up: GaveUp) -> None:
        self._stage = backstage
        self._handlers = handlers
        self._gave_up = gave_up
        self._holder = uuid.uuid4().hex
        self._news = anyio.Event()
        #: what is at work, and of which kind it is
        self._working: dict[str, str] = {}
        self._keeping: set[asyncio.Task[bool]] = set()

    async def accept(self, kind: str, id: str, body: str, *, lane: str) -> bool:
        """Keeps it; False for one that is known. Raises NotKept when the store needs too long."""
        delivery = Delivery(id=id, door=DOOR, kind=kind, lane=lane, body=body, at=self._stage.ports.clock())
        keeping = asyncio.ensure_future(self._stage.chats.deliveries.keep(delivery))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._kept)
        try:
            return await asyncio.wait_for(asyncio.shield(keeping), self._stage.waits.answer)
        except (TimeoutError, MachineInTrouble) as exc:
            raise NotKept(id) from exc

    def _kept(self, keeping: "asyncio.Task[bool]") -> None:
        self._keeping.discard(keeping)
        if not keeping.cancelled() and keeping.exception() is None:
            self._news.set()

    async def keep(self) -> None:
        """Goes on until it is cancelled; what is under way then is done again by whoever comes next."""
        async with anyio.create_task_group() as group:
            while True:
                self._news = anyio.Event()
                try:
                    taken = await self._take()
                except Exception as error:  # noqa: BLE001 - a store in trouble must not end the door
                    _log.warning("deliveries of Slack cannot be looked for", reason=str(error))
                    taken = ()
                for delivery in taken:
                    if delivery.id in self._working:
                        continue  # it is at work here, and could not be held
                    self._working[delivery.id] = delivery.kind
                    group.start_soon(self._work, delivery)
                if not taken:
                    with anyio.move_on_after(self._stage.waits.look):
                        await self._news.wait()

    async def _take(self) -> tuple[Delivery, ...]:
        taken: list[Delivery] = []
        until = self._stage.ports.clock() + _HELD
        for kinds in (_QUICK, frozenset(self._handlers) - _QUICK):
            free = _AT_ONCE - sum(kind in kinds for kind in self._working.values())
            if free > 0:
                taken += await self._stage.chats.deliveries.take(DOOR, self._holder, until, free, kinds)
        return tuple(taken)

    async def _work(self, delivery: Delivery) -> None:
        """What cannot be settled is taken again, by whoever comes first, once it is held no longer."""
        try:
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._hold_on, delivery.id)
                wait = await self._handled(delivery)
                beside.cancel_scope.cancel()
            if wait is None:
                await self._stage.chats.deliveries.done(delivery.id, keeps=await self._keeps(delivery))
            else:
                await self._stage.chats.deliveries.put_off(delivery.id, self._stage.ports.clock() + wait)
        except Exception as error:  # noqa: BLE001 - a store in trouble must not end the door
            _log.warning("a delivery of Slack could not be settled", id=delivery.id, reason=str(error))
        finally:
            self._working.pop(delivery.id, None)
            self._news.set()

    async def _keeps(self, delivery: Delivery) -> bool:
        """Whether its words are needed once it is done: a request's by buttons below it, an edit's by its message."""
        if delivery.kind != "edited":
            return delivery.kind in _KEPT
        message = await self._stage.chats.deliveries.get(edited_message(delivery.id))
        return message is None or bool(message.body)

    async def _hold_on(self, id: str) -> None:
        """Long work, such as fetching files, keeps others from beginning it again."""
        while True:
            await anyio.sleep(_HELD.total_seconds() / 3)
            try:
                await self._stage.chats.deliveries.put_off(id, self._stage.ports.clock() + _HELD)
            except Exception as error:  # noqa: BLE001 - the work itself goes on
                _log.warning("a delivery of Slack could not be held", id=id, reason=str(error))

    async def _handled(self, delivery: Delivery) -> timedelta | None:
        """After which time it is to be tried again; None when nothing more is to be done about it."""
        try:
            if self._too_late(delivery):
                _log.warning("a delivery of Slack was left undone: it is too old", id=delivery.id)
                await self._gave_up(delivery, _LATE)
            else:
                await self._handlers[delivery.kind](delivery)
        except (SlackGone, SlackRefused) as error:
            # it may be the answer that was refused, or what was asked of Slack before anything was done
            _log.warning("Slack refuses what a delivery takes", id=delivery.id, reason=error.message)
            await self._say(delivery, said_of(error))
        except (Retryable, SlackRevoked) as error:
            if self._stage.ports.clock() - delivery.at < _PATIENCE:
                return self._wait(delivery)
            return await self._later(delivery, said_of(error))
        except HonkError as error:
            _log.warning("a delivery of Slack was refused", id=delivery.id, reason=str(error))
            await self._say(delivery, said_of(error))
        except Exception:  # noqa: BLE001 - the boundary of a door: one delivery must not end all others
            _log.exception("a delivery of Slack was not handled", id=delivery.id)
            return await self._later(delivery, "it is a defect of Honk; its log says more")
        return None

    def _too_late(self, delivery: Delivery) -> bool:
        """A press or a command does not act on what has become something else meanwhile; words are words."""
        age = self._stage.ports.clock() - delivery.at
        return delivery.kind in {"press", "command"} and age.total_seconds() > self._stage.waits.counts

    async def _later(self, delivery: Delivery, reason: str) -> timedelta | None:
        """It is put off, longer each time, until it is given up."""
        if delivery.tries + 1 < _TRIES:
            return self._wait(delivery)
        _log.error("a delivery of Slack was given up", id=delivery.id, reason=reason)
        await self._say(delivery, f"I could not do this: {reason}")
        return None

    async def _say(self, delivery: Delivery, reason: str) -> None:
        try:
            await self._gave_up(delivery, reason)
        except Exception as error:  # noqa: BLE001 - what cannot be said must not keep what is over open
            _log.warning("nobody could be told", id=delivery.id, reason=str(error))

    def _wait(self, delivery: Delivery) -> timedelta:
        waits = self._stage.waits
        return timedelta(seconds=min(waits.later * 2.0 ** min(delivery.tries, 10), waits.rest))
