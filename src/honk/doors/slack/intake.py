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
from honk.doors.slack.trouble import SlackDown, SlackGone, SlackLacks, SlackRefused
from honk.errors import HonkError, MachineInTrouble, Retryable, StoreUnavailable

_log = structlog.get_logger()

#: seconds in which a delivery must be kept; Slack waits for three
ANSWER = 2.3
#: for how long whoever took a delivery has it for itself; asked for again while the work goes on
_HELD = timedelta(seconds=120)
_AT_ONCE = 16
#: seconds between two looks for what another process left
_LOOK = 2.0
#: how often something is tried before it is given up
_TRIES = 6

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
        self._free = anyio.CapacityLimiter(_AT_ONCE)
        self._keeping: set[asyncio.Task[bool]] = set()

    async def accept(self, kind: str, id: str, body: str, *, lane: str) -> bool:
        """Keeps it; False for one that is known. Raises NotKept when the store needs too long."""
        delivery = Delivery(id=id, door=DOOR, kind=kind, lane=lane, body=body, at=self._stage.ports.clock())
        keeping = asyncio.ensure_future(self._stage.chats.deliveries.keep(delivery))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._kept)
        try:
            return await asyncio.wait_for(asyncio.shield(keeping), ANSWER)
        except (TimeoutError, StoreUnavailable, MachineInTrouble) as exc:
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
                except HonkError as error:
                    _log.warning("deliveries of Slack cannot be looked for", reason=str(error))
                    taken = ()
                for delivery in taken:
                    group.start_soon(self._work, delivery)
                if not taken:
                    with anyio.move_on_after(_LOOK):
                        await self._news.wait()

    async def _take(self) -> tuple[Delivery, ...]:
        free = int(self._free.available_tokens)
        if free < 1:
            await self._news.wait()
            return ()
        until = self._stage.ports.clock() + _HELD
        return await self._stage.chats.deliveries.take(DOOR, self._holder, until, free)

    async def _work(self, delivery: Delivery) -> None:
        deliveries = self._stage.chats.deliveries
        try:
            async with self._free, anyio.create_task_group() as beside:
                beside.start_soon(self._hold_on, delivery.id)
                done = await self._handled(delivery)
                beside.cancel_scope.cancel()
            if done:
                await deliveries.done(delivery.id)
        except HonkError as error:
            _log.warning("a delivery of Slack could not be settled", id=delivery.id, reason=str(error))
        finally:
            self._news.set()

    async def _hold_on(self, id: str) -> None:
        """Long work, such as fetching files, keeps others from beginning it again."""
        while True:
            await anyio.sleep(_HELD.total_seconds() / 3)
            await self._stage.chats.deliveries.put_off(id, self._stage.ports.clock() + _HELD)

    async def _handled(self, delivery: Delivery) -> bool:
        """Whether nothing more is to be done about it."""
        try:
            await self._handlers[delivery.kind](delivery)
        except (SlackGone, SlackLacks, SlackRefused) as error:
            _log.warning("Slack took no answer", id=delivery.id, reason=error.message)
        except Retryable as error:
            return await self._later(delivery, str(error))
        except HonkError as error:
            _log.warning("a delivery of Slack was refused", id=delivery.id, reason=str(error))
            await self._say(delivery, str(error))
        except Exception:  # noqa: BLE001 - the boundary of a door: one delivery must not end all others
            _log.exception("a delivery of Slack was not handled", id=delivery.id)
            return await self._later(delivery, "it is a defect of Honk; its log says more")
        return True

    async def _later(self, delivery: Delivery, reason: str) -> bool:
        """Puts it off, longer each time; True once it is given up."""
        if delivery.tries + 1 >= _TRIES:
            _log.error("a delivery of Slack was given up", id=delivery.id, reason=reason)
            await self._say(delivery, f"I could not do this: {reason}")
            return True
        wait = timedelta(seconds=min(2.0 ** (delivery.tries + 1), 60.0))
        await self._stage.chats.deliveries.put_off(delivery.id, self._stage.ports.clock() + wait)
        return False

    async def _say(self, delivery: Delivery, reason: str) -> None:
        try:
            await self._gave_up(delivery, reason)
        except (SlackDown, HonkError) as error:
            _log.warning("nobody could be told", id=delivery.id, reason=str(error))
