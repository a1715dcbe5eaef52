"""Runs while a server serves: looks at what is new, and sends what comes of it."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import structlog

from honk.domain.event import Event
from honk.domain.task import TaskId
from honk.doors.notices.backstage import Backstage
from honk.doors.notices.sending import Sending
from honk.doors.notices.telling import Telling
from honk.errors import single
from honk.views.notices import TOLD

_log = structlog.get_logger()

#: seconds between two looks for what other processes stored, and for what is due again
_LOOK = 10.0
#: every how many looks the store is asked although it looks as before
_DOUBT = 6
#: seconds in which further events are waited for
_GATHER = 0.3


class NoticesDoor:
    """Open within `opened`."""

    def __init__(self, stage: Backstage) -> None:
        self._stage = stage
        self._telling = Telling(stage)
        self._sending = Sending(stage)
        self._fresh: set[TaskId] = set()
        self._news = anyio.Event()

    def _heard(self, event: Event) -> None:
        if isinstance(event.data, TOLD):
            self._fresh.add(event.task)
            self._news.set()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """People are told while the context is open. What is cut off by its end is told after the next start."""
        self._stage.listen(self._heard)
        with single():
            async with anyio.create_task_group() as group:
                group.start_soon(self._keep)
                yield
                group.cancel_scope.cancel()

    async def pass_once(self) -> None:
        """Everything that is new and due now."""
        await _until_done(self._telling.look)
        await _until_done(self._sending.send)

    async def _keep(self) -> None:
        seen: object | None = None
        for number in itertools.count():
            try:
                stamp = self._stage.stamp()
                # two commits may fall into one tick of a clock
                if stamp is None or stamp != seen or number % _DOUBT == 0:
                    await _until_done(self._telling.look)
                await _until_done(self._sending.send)
                seen = stamp
                await self._wait()
            except Exception as error:  # noqa: BLE001 - a store in trouble must not end the telling
                _log.warning("people could not be told", error=str(error))
                await self._stage.sleep(_LOOK)

    async def _wait(self) -> None:
        """For the next events, whose tasks are looked at alone; then it is time to look at all of them."""
        over = anyio.current_time() + _LOOK
        while (left := over - anyio.current_time()) > 0:
            with anyio.move_on_after(left):
                await self._news.wait()
            if not self._news.is_set():
                return
            await self._stage.sleep(_GATHER)
            fresh, self._fresh, self._news = frozenset(self._fresh), set(), anyio.Event()
            await self._telling.look(fresh)
            await _until_done(self._sending.send)


async def _until_done(act: Callable[[], Awaitable[bool]]) -> None:
    while await act():
        pass
