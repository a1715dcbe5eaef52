"""Which apps' servers run: started by a visit, one a task, so many in all; those that nobody uses are ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio
import structlog

from honk.domain.build import Build
from honk.domain.task import TaskId
from honk.errors import HonkError
from honk.ports import Ports
from honk.service.app_servers.run import AppEnded, Run, run
from honk.service.app_servers.standing import Standing, Stands

_log = structlog.get_logger()

#: connections to one server at a time
CONNECTIONS = 64
#: seconds without use after which a server makes room for another one
_SPARE = 30.0
#: the longest wait between two starts of a server that ends by itself, and how long it must have run to be well
_LONGEST_WAIT, _WELL = 60.0, 120.0
_LOOKS = 30.0


@dataclass
class _One:
    """A server that runs, is being started, or ended by itself."""

    build: str
    task: TaskId
    standing: Standing
    #: when it was used last, became ready, and ended by itself
    used: float
    since: float = 0.0
    ended: float = 0.0
    connections: int = 0
    work: "asyncio.Task[None] | None" = None


@dataclass
class Servers:
    """See the module. `most` of them at a time (0: none at all); `idle`: seconds without use."""

    ports: Ports
    most: int
    idle: float
    now: Callable[[], float] = time.monotonic
    runs: Run = run
    _known: dict[str, _One] = field(default_factory=dict)
    _lock: anyio.Lock = field(default_factory=anyio.Lock)
    _closed: bool = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ends what nobody uses while the context is open, and everything when it is left."""
        self._closed = False
        sweeping = asyncio.create_task(self._sweeping())
        try:
            yield
        finally:
            self._closed = True
            sweeping.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.gather(sweeping, return_exceptions=True)
                for one in tuple(self._known.values()):
                    await self._end(one)

    def standing(self, build: str) -> Standing:
        """How the server of that build stands. Starts nothing."""
        one = self._known.get(build)
        if one is None:
            return Standing()
        if one.standing.stands is Stands.FAILED:
            return replace(one.standing, again=max(0.0, self._again(one) - self.now()))
        return one.standing

    def connections(self, build: str) -> int:
        """How many are open to the server of that build."""
        one = self._known.get(build)
        return one.connections if one is not None else 0

    async def visit(self, build: Build) -> Standing:
        """Somebody looks at it: it is started where it does not run. Another one of the same task is ended."""
        if build.server is None or self._closed:
            return Standing(said="no server is run for this build")
        if self.most == 0:
            return Standing(stands=Stands.FAILED, said="apps' own servers are switched off here", again=3600)
        async with self._lock:
            one = self._known.get(build.id)
            if one is not None:
                one.used = self.now()
                if one.standing.stands is not Stands.FAILED or self.now() < self._again(one):
                    return self.standing(build.id)
            for other in [other for other in self._known.values() if other.task == build.task and other is not one]:
                await self._end(other)
            if not await self._makes_room():
                return Standing(stands=Stands.FULL, said=f"all {self.most} places for apps' servers are in use")
            self._begin(build, one)
            return self.standing(build.id)

    @asynccontextmanager
    async def connection(self, build: str) -> AsyncIterator[Callable[[], None] | None]:
        """One connection to a server that is ready: what to call when something comes or goes.

        None where there are too many.
        """
        one = self._known.get(build)
        if one is None or one.connections >= CONNECTIONS:
            yield None
            return

        def used() -> None:
            one.used = self.now()

        one.connections += 1
        used()
        try:
            yield used
        finally:
            one.connections -= 1

    async def sweep(self) -> None:
        """Ends those that nobody used for long."""
        async with self._lock:
            for one in tuple(self._known.values()):
                if self.now() - one.used > self.idle:
                    await self._end(one)

    def _begin(self, build: Build, before: _One | None) -> None:
        failures = before.standing.failures if before is not None else 0
        why = before.standing.said if before is not None else ""
        log = before.standing.log if before is not None else ()
        begun = Standing(
            stands=Stands.STARTING, said="it is about to be started", failures=failures, before=why, log=log
        )
        one = _One(build=build.id, task=build.task, standing=begun, used=self.now())
        self._known[build.id] = one
        one.work = asyncio.create_task(self._run(one, build), name=f"server of build {build.id}")
        one.work.add_done_callback(partial(self._broke_off, one))

    async def _run(self, one: _One, build: Build) -> None:
        def tell(said: str) -> None:
            one.standing = replace(one.standing, said=said)

        def ready(socket: Path) -> None:
            one.since = self.now()
            one.standing = replace(one.standing, stands=Stands.READY, said="it runs", socket=socket)

        try:
            await self.runs(build, ports=self.ports, tell=tell, ready=ready)
            said, log = "the app's server ended", tuple[str, ...]()
        except AppEnded as ended:
            said, log = ended.message, ended.log
        except (HonkError, OSError, KeyError) as error:
            said, log = f"the app's server could not be started: {error}", ()
        one.ended = self.now()
        well = one.since and one.ended - one.since > _WELL
        failures = 1 if well else one.standing.failures + 1
        one.standing = Standing(stands=Stands.FAILED, said=said, log=log, failures=failures)
        _log.info("an app's server ended", build=build.id, task=build.task, why=said)

    def _broke_off(self, one: _One, work: "asyncio.Task[None]") -> None:
        """What nobody foresaw must not look like a start that never ends."""
        if not work.cancelled() and (error := work.exception()) is not None:
            one.ended = self.now()
            failures = one.standing.failures + 1
            said = "Honk could not run it: that is a defect, of which its log says more"
            one.standing = Standing(stands=Stands.FAILED, said=said, failures=failures)
            _log.error("an app's server broke off", build=one.build, exc_info=error)

    def _again(self, one: _One) -> float:
        """When it may be started again: at once the first time, then ever later."""
        wait = 0.0 if one.standing.failures < 2 else min(2.0**one.standing.failures, _LONGEST_WAIT)
        return one.ended + wait

    async def _makes_room(self) -> bool:
        """Whether there is a place; where there is none, the one that was used longest ago goes."""
        live = [one for one in self._known.values() if one.work is not None and not one.work.done()]
        if len(live) < self.most:
            return True
        oldest = min(live, key=lambda one: one.used)
        if self.now() - oldest.used < min(_SPARE, self.idle):
            return False
        await self._end(oldest)
        return True

    async def _end(self, one: _One) -> None:
        if self._known.get(one.build) is one:
            del self._known[one.build]
        if one.work is not None:
            one.work.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.gather(one.work, return_exceptions=True)

    async def _sweeping(self) -> None:
        while True:
            await anyio.sleep(min(self.idle / 4, _LOOKS))
            await self.sweep()
