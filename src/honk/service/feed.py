"""Events as they happen: one reader a task, however many people follow it.

The store says what this process records; one question for all tasks finds what other processes record: where
the store shows by a stamp that something was stored, it is asked then, and otherwise by the clock. Each followed
task has one bounded buffer that its followers share, and each follower a place in it. Nobody waits for
a slow follower: whoever falls out of the buffer is dropped, and comes back with the number of the last
event that it has.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import structlog

from honk.domain.codec import event_line
from honk.domain.event import Event
from honk.domain.task import TaskId
from honk.ports import Events

_log = structlog.get_logger()

#: events of a task that are kept for its followers
BUFFER = 1024
#: seconds between two looks at the stamp
_GLANCE = 0.02
#: seconds after which the store is asked although its stamp is the same: two commits may fall into one tick of a clock
_DOUBT = 1.0
#: events that a follower who comes late is given at once
_PAGE = 500


class FellBehind(Exception):
    """The follower was too slow. It has everything up to the last event that it was given."""


@dataclass(frozen=True)
class Told:
    """An event, and its line of JSON, made once for all followers."""

    event: Event

    @cached_property
    def line(self) -> str:
        """As `event_line` has it."""
        return event_line(self.event)


class _Topic:
    """A followed task: its latest events, and who waits for the next one."""

    def __init__(self, buffer: int) -> None:
        self.followers = 0
        self.latest: deque[Told] = deque(maxlen=buffer)
        #: the seq of the last event; None until the store was asked
        self.last: int | None = None
        self.filling = asyncio.Lock()
        self._news = asyncio.Event()

    @property
    def begin(self) -> int:
        """Followers at this seq, and after it, are served from the buffer."""
        return (self.last or 0) - len(self.latest)

    def add(self, event: Event) -> bool:
        """False when something is missing before it."""
        if self.last is None or event.seq > self.last + 1:
            return False
        if event.seq == self.last + 1:
            self.latest.append(Told(event))
            self.last = event.seq
        return True

    def after(self, seq: int) -> Sequence[Told]:
        first = self.begin
        return [self.latest[number] for number in range(max(seq - first, 0), len(self.latest))]

    async def wait(self) -> None:
        await self._news.wait()

    def wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class Feed:
    """Hands events to followers. Works between `async with feed.running()`."""

    def __init__(
        self,
        events: Events,
        *,
        stamp: Callable[[], object | None] = lambda: None,
        poll: float = 0.1,
        heartbeat: float = 15.0,
        buffer: int = BUFFER,
    ) -> None:
        """`stamp` differs once something was stored; None: nobody knows, so the store is asked every `poll` seconds."""
        self._events = events
        self._stamp = stamp
        self._poll = poll
        self._heartbeat = heartbeat
        self._buffer = buffer
        self._topics: dict[TaskId, _Topic] = {}
        self._wanted = asyncio.Event()
        #: the stamp of the last look
        self._seen: object | None = None
        self._filling: set[asyncio.Task[None]] = set()
        self.closed = False

    @property
    def followers(self) -> int:
        """How many follow now."""
        return sum(topic.followers for topic in self._topics.values())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """On leaving, every follower's iteration ends."""
        jobs = [asyncio.create_task(self._look()), asyncio.create_task(self._beat())]
        try:
            yield
        finally:
            self.close()
            for job in (*jobs, *self._filling):
                job.cancel()
            await asyncio.gather(*jobs, *self._filling, return_exceptions=True)

    def close(self) -> None:
        """Ends every follower's iteration. Closed already: no effect."""
        self.closed = True
        for topic in self._topics.values():
            topic.wake()

    async def follow(self, task: TaskId, after: int = 0) -> AsyncGenerator[Sequence[Told], None]:
        """What happened to the task after that seq, and goes on happening, in order and without a gap.

        An empty batch is a heartbeat. Raises FellBehind for who is too slow.
        """
        topic = self._topics.setdefault(task, _Topic(self._buffer))
        topic.followers += 1
        self._wanted.set()
        try:
            await self._begin(task, topic)
            if after > (topic.last or 0):
                # who followed another log, such as one from before a restore, misses nothing from now on
                after = min(after, (await self._events.latest((task,))).get(task, 0))
            live = False
            while not self.closed:
                if after < topic.begin:
                    if live:
                        raise FellBehind
                    batch: Sequence[Told] = [Told(event) for event in await self._events.read(task, after, _PAGE)]
                else:
                    batch, live = topic.after(after), True
                if not batch:
                    await topic.wait()
                    batch = topic.after(after) if after >= topic.begin else ()
                    if after < topic.begin:
                        continue
                if batch:
                    after = batch[-1].event.seq
                yield batch
        finally:
            topic.followers -= 1
            if topic.followers == 0 and self._topics.get(task) is topic:
                del self._topics[task]

    # ── the one reader ─────────────────────────────────────────────────────────────────────────
    def heard(self, event: Event) -> None:
        """Is told each event that this process stored, on the event loop."""
        topic = self._topics.get(event.task)
        if topic is None or self.closed:
            return
        if topic.add(event):
            topic.wake()
        else:
            self._fill_soon(event.task, topic)

    def _fill_soon(self, task: TaskId, topic: _Topic) -> None:
        job = asyncio.create_task(self._fill(task, topic))
        self._filling.add(job)
        job.add_done_callback(self._filling.discard)

    async def _begin(self, task: TaskId, topic: _Topic) -> None:
        """The buffer holds what comes after the present; what was before is in the store."""
        async with topic.filling:
            if topic.last is None:
                topic.last = (await self._events.latest((task,))).get(task, 0)

    async def _fill(self, task: TaskId, topic: _Topic) -> None:
        """Reads from the store what is missing in the buffer."""
        await self._begin(task, topic)
        async with topic.filling:
            assert topic.last is not None
            for event in await self._events.read(task, topic.last):
                topic.add(event)
        topic.wake()

    async def _look(self) -> None:
        """Finds what other processes stored: one small question for all followed tasks."""
        while True:
            if not self._topics:
                self._wanted.clear()
                await self._wanted.wait()
            await self._stirred()
            try:
                latest = await self._events.latest(tuple(self._topics))
                for task, seq in latest.items():
                    topic = self._topics.get(task)
                    if topic is not None and topic.last is not None and seq > topic.last:
                        await self._fill(task, topic)
            except Exception as error:  # noqa: BLE001 - a store in trouble must not leave followers without a reader
                _log.warning("the events of other processes could not be read", error=str(error))

    async def _stirred(self) -> None:
        """Waits until something may have been stored since the last time."""
        doubtful = time.monotonic() + _DOUBT
        while (now := self._stamp()) is not None:
            if now != self._seen or time.monotonic() > doubtful:
                self._seen = now
                return
            await asyncio.sleep(_GLANCE)
        await asyncio.sleep(self._poll)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            for topic in self._topics.values():
                topic.wake()


async def events(feed: Feed, task: TaskId, after: int = 0) -> AsyncGenerator[Event, None]:
    """Single events, for who may be slow: falling behind, it reads from the store again."""
    while not feed.closed:
        with suppress(FellBehind):
            async with aclosing(feed.follow(task, after)) as batches:
                async for batch in batches:
                    for told in batch:
                        after = told.event.seq
                        yield told.event
