"""What a door is delivered is kept first, acknowledged then, and worked on until it is done: once, however often.

Whoever delivers comes again where nothing was acknowledged in time. A delivery that cannot be kept in that time is
not acknowledged; it may be kept all the same, and is known then when it comes again. Whoever crashes between the
acknowledgement and the work finds the delivery in the store at its next start, and so does another server.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import anyio
import structlog

from honk.domain.thread import Delivery
from honk.errors import HonkError, MachineInTrouble, Retryable
from honk.ports import Clock, Deliveries

_log = structlog.get_logger()

#: for how long whoever took a delivery has it for itself; asked for again while the work goes on
_HELD = timedelta(seconds=120)
#: of each of the two sorts
_AT_ONCE = 16
_LATE = "I could not do this in time, so it was left undone. Do it again if it is still wanted."
#: how often something is tried before it is given up
_TRIES = 6
#: for how long the trouble of others (the chat's, the forge's, the database's) is waited out
_PATIENCE = timedelta(hours=24)

Handler = Callable[[Delivery], Awaitable[None]]
#: Says to whoever delivered it that it will not be done.
GaveUp = Callable[[Delivery, str], Awaitable[None]]


async def _nothing(_: Delivery) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How one door takes in what it is delivered."""

    door: str
    #: what the door's deliveries are called in the log, such as "Slack"
    called: str
    deliveries: Deliveries
    clock: Clock
    #: by kind
    handlers: Mapping[str, Handler]
    gave_up: GaveUp
    #: a refusal as words for a person
    words: Callable[[HonkError], str]
    #: whether the body of one that is done is asked for again; everything else says nothing any more
    keeps: Callable[[Delivery], Awaitable[bool]] = _nothing
    #: kinds that people expect to happen at once; they wait for nothing that takes its time
    quick: frozenset[str] = frozenset()
    #: kinds that do not act on what has become something else meanwhile
    passing: frozenset[str] = frozenset()
    #: said to whoever delivered it, whatever kind of error they are: trying again does not help
    final: tuple[type[HonkError], ...] = ()
    #: waited out, besides what is Retryable
    patient: tuple[type[HonkError], ...] = ()
    #: seconds in which a delivery must be kept
    answer: float
    #: between two looks for deliveries that another process left, or that are due again
    look: float
    #: before a delivery is tried again; doubled each time, up to `rest`
    later: float
    rest: float
    #: for which a passing kind counts
    counts: float = 300.0


class NotKept(Exception):
    """The store was too slow: the delivery must not be acknowledged."""


class Intake:
    """Keeps deliveries, and hands each to the handler of its kind. `keep` runs for as long as the door is open."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._holder = uuid.uuid4().hex
        self._news = anyio.Event()
        #: what is at work, and of which kind it is
        self._working: dict[str, str] = {}
        self._keeping: set[asyncio.Task[bool]] = set()

    async def accept(self, kind: str, id: str, body: str, *, lane: str) -> bool:
        """Keeps it; False for one that is known. Raises NotKept when the store needs too long."""
        delivery = Delivery(id=id, door=self._ways.door, kind=kind, lane=lane, body=body, at=self._ways.clock())
        keeping = asyncio.ensure_future(self._ways.deliveries.keep(delivery))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._kept)
        try:
            return await asyncio.wait_for(asyncio.shield(keeping), self._ways.answer)
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
                    _log.warning("deliveries cannot be looked for", door=self._ways.called, reason=str(error))
                    taken = ()
                for delivery in taken:
                    if delivery.id in self._working:
                        continue  # it is at work here, and could not be held
                    self._working[delivery.id] = delivery.kind
                    group.start_soon(self._work, delivery)
                if not taken:
                    with anyio.move_on_after(self._ways.look):
                        await self._news.wait()

    async def _take(self) -> tuple[Delivery, ...]:
        taken: list[Delivery] = []
        until = self._ways.clock() + _HELD
        quick = self._ways.quick
        for kinds in (quick, frozenset(self._ways.handlers) - quick):
            free = _AT_ONCE - sum(kind in kinds for kind in self._working.values())
            if kinds and free > 0:
                taken += await self._ways.deliveries.take(self._ways.door, self._holder, until, free, kinds)
        return tuple(taken)

    async def _work(self, delivery: Delivery) -> None:
        """What cannot be settled is taken again, by whoever comes first, once it is held no longer."""
        try:
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._hold_on, delivery.id)
                wait = await self._handled(delivery)
                beside.cancel_scope.cancel()
            if wait is None:
                await self._ways.deliveries.done(delivery.id, keeps=await self._ways.keeps(delivery))
            else:
                await self._ways.deliveries.put_off(delivery.id, self._ways.clock() + wait)
        except Exception as error:  # noqa: BLE001 - a store in trouble must not end the door
            _log.warning("a delivery could not be settled", door=self._ways.called, id=delivery.id, reason=str(error))
        finally:
            self._working.pop(delivery.id, None)
            self._news.set()

    async def _hold_on(self, id: str) -> None:
        """Long work, such as fetching files, keeps others from beginning it again."""
        while True:
            await anyio.sleep(_HELD.total_seconds() / 3)
            try:
                await self._ways.deliveries.put_off(id, self._ways.clock() + _HELD)
            except Exception as error:  # noqa: BLE001 - the work itself goes on
                _log.warning("a delivery could not be held", door=self._ways.called, id=id, reason=str(error))

    async def _handled(self, delivery: Delivery) -> timedelta | None:
        """After which time it is to be tried again; None when nothing more is to be done about it."""
        try:
            if self._too_late(delivery):
                _log.warning("a delivery was left undone: it is too old", door=self._ways.called, id=delivery.id)
                await self._ways.gave_up(delivery, _LATE)
            else:
                await self._ways.handlers[delivery.kind](delivery)
        except HonkError as error:
            return await self._refused(delivery, error)
        except Exception:  # noqa: BLE001 - the boundary of a door: one delivery must not end all others
            _log.exception("a delivery was not handled", door=self._ways.called, id=delivery.id)
            return await self._later(delivery, "it is a defect of Honk; its log says more")
        return None

    async def _refused(self, delivery: Delivery, error: HonkError) -> timedelta | None:
        """The trouble of others is waited out; everything else is said."""
        ways = self._ways
        if isinstance(error, (Retryable, *ways.patient)) and not isinstance(error, ways.final):
            if ways.clock() - delivery.at < _PATIENCE:
                return self._wait(delivery)
            return await self._later(delivery, ways.words(error))
        # it may be the answer that was refused, or what was asked for before anything was done
        _log.warning("a delivery was refused", door=ways.called, id=delivery.id, reason=str(error))
        await self._say(delivery, ways.words(error))
        return None

    def _too_late(self, delivery: Delivery) -> bool:
        """A press or a command does not act on what has become something else meanwhile; words are words."""
        age = self._ways.clock() - delivery.at
        return delivery.kind in self._ways.passing and age.total_seconds() > self._ways.counts

    async def _later(self, delivery: Delivery, reason: str) -> timedelta | None:
        """It is put off, longer each time, until it is given up."""
        if delivery.tries + 1 < _TRIES:
            return self._wait(delivery)
        _log.error("a delivery was given up", door=self._ways.called, id=delivery.id, reason=reason)
        await self._say(delivery, f"I could not do this: {reason}")
        return None

    async def _say(self, delivery: Delivery, reason: str) -> None:
        try:
            await self._ways.gave_up(delivery, reason)
        except Exception as error:  # noqa: BLE001 - what cannot be said must not keep what is over open
            _log.warning("nobody could be told", id=delivery.id, reason=str(error))

    def _wait(self, delivery: Delivery) -> timedelta:
        ways = self._ways
        return timedelta(seconds=min(ways.later * 2.0 ** min(delivery.tries, 10), ways.rest))
