"""The pool: a spare for each repository that is in use, and agents that wait in some of them.

What a spare holds is exactly one commit of one repository, and an agent that waits in it was told nothing. Both are
given away once and never come back, so nothing of one task reaches another. Everything is made in the background
while the machine has nothing better to do; whoever finds nothing ready makes it himself, as without a pool.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from honk.adapters.pool import machine
from honk.adapters.pool.parked import Parked, Parker
from honk.domain.event import EventData
from honk.domain.repository import Base, Repository
from honk.domain.task import Task, TaskId
from honk.errors import HonkError
from honk.ports import Repositories, Seat, Sitting, Spare, Spares, Wanted

_log = structlog.get_logger()


async def _silent(_: EventData) -> None:
    """Nobody follows what is made ready."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """How much is kept ready. Times in seconds."""

    #: agents that wait
    agents: int = 1
    #: repositories with a spare
    repositories: int = 4
    #: a spare is compared with its target so often
    look: float = 60.0
    #: an agent waits no longer
    age: float = 1800.0
    #: words told beforehand wait no longer for their task
    ahead: float = 30.0
    #: pause between two looks whether the machine is busy, and for how many of them it is respected
    calm: float = 0.25
    patience: int = 20


@dataclass(eq=False, slots=True)
class _Stock:
    spare: Spare
    parked: Parked | None = None


class WarmPool:
    """Implements honk.ports.Pool while `kept` is open."""

    def __init__(
        self,
        spares: Spares,
        parker: Parker,
        repositories: Repositories,
        *,
        size: Size,
        busy: Callable[[], bool] = machine.busy,
        available: Callable[[], int] = machine.available,
    ) -> None:
        self._spares = spares
        self._parker = parker
        self._repositories = repositories
        self._size = size
        self._busy = busy
        self._available = available
        #: in use, the latest last
        self._known: dict[str, Repository] = {}
        self._free: list[_Stock] = []
        self._given: dict[TaskId, _Stock] = {}
        self._wake = asyncio.Event()
        self._filled = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._open = False

    @asynccontextmanager
    async def kept(self, recent: Callable[[], Awaitable[list[Repository]]]) -> AsyncIterator[None]:
        """Keeps spares while the context is open. `recent` are the repositories of late, the latest last."""
        await self._spares.sweep()
        for repository in await recent():
            self._note(repository)
        self._open = True
        keeper = asyncio.create_task(self._keep(), name="spares")
        try:
            yield
        finally:
            self._open = False
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
            for stock in [*self._free, *self._given.values()]:
                self._drop(stock)
            self._free, self._given = [], {}
            await asyncio.gather(*self._closing, return_exceptions=True)
            await self._spares.sweep()

    @property
    def waiting(self) -> int:
        """Agents that wait."""
        return sum(1 for stock in self._free if stock.parked is not None)

    def look(self) -> None:
        """Has it compare what it holds with what is wanted, now."""
        self._wake.set()

    async def filled(self) -> None:
        """Returns when all is ready that can be."""
        while self._wake.is_set() or not self._filled.is_set():
            await self._filled.wait()
            await asyncio.sleep(0)

    # ── what a task asks ───────────────────────────────────────────────────────────────────────
    async def ahead(self, task: Task, words: str) -> None:
        stock = next((one for one in self._free if self._suits(one, task) and one.parked), None)
        if stock is None or stock.parked is None:
            return
        self._free.remove(stock)
        self._given[task.id] = stock
        asyncio.get_running_loop().call_later(self._size.ahead, self._forget, task.id, stock)
        try:
            await stock.parked.tell(words)
        except HonkError:
            self._forget(task.id, stock)

    async def furnish(self, task: Task, base: Base) -> bool:
        self._note(task.repository)
        self.look()
        stock = self._given.pop(task.id, None)
        if stock is not None and stock.spare.base != base:
            self._drop(stock)
            stock = None
        if stock is None:
            ready = [one for one in self._free if one.spare.repository == task.repository and one.spare.base == base]
            stock = next((one for one in ready if one.parked and self._suits(one, task)), None)
            stock = stock or next((one for one in ready if one.parked is None), None) or next(iter(ready), None)
            if stock is None:
                return False
            self._free.remove(stock)
        if stock.parked is not None and not self._suits(stock, task):
            await self._end(stock.parked)
            stock.parked = None
        return self._give(stock, task)

    @asynccontextmanager
    async def claim(self, task: Task, wanted: Wanted, sitting: Sitting) -> AsyncIterator[Seat | None]:
        stock = self._given.pop(task.id, None)
        parked = stock.parked if stock is not None else None
        if parked is None:
            yield None
            return
        if not parked.alive or not parked.matches(wanted):
            # Gone before anybody else begins to work on the same files.
            await self._end(parked)
            yield None
            return
        broken_off = True
        try:
            yield parked.sit(sitting)
            broken_off = False
        finally:
            await parked.end(broken_off=broken_off, tell=not broken_off)

    def _suits(self, stock: _Stock, task: Task) -> bool:
        """Whether the agent that waits there is the one that the task wants, as far as its options say."""
        options, spare, parked = task.options, stock.spare, stock.parked
        return (
            parked is not None
            and parked.alive
            and not options.plan  # it has tools that write
            and spare.repository == task.repository
            and options.base in (None, spare.base.branch)
            and options.agent == parked.agent_name
            and options.model == parked.started_with.model
        )

    def _give(self, stock: _Stock, task: Task) -> bool:
        try:
            given = self._spares.give(stock.spare, task.id)
        except OSError as error:
            _log.warning("a spare could not be given away", repository=task.repository.name, reason=str(error))
            given = None
        if given is not None and stock.parked is not None:
            stock.parked.moved(given)
            # Another entry, which the time limit of words told beforehand does not mean.
            self._given[task.id] = _Stock(stock.spare, stock.parked)
            stock.parked = None
        self._drop(_Stock(stock.spare, stock.parked))
        return given is not None

    # ── in the background ──────────────────────────────────────────────────────────────────────
    async def _keep(self) -> None:
        while True:
            self._wake.clear()
            self._filled.clear()
            try:
                await self._look()
                await self._fill()
            except (HonkError, OSError) as error:
                _log.info("spares could not be made", reason=str(error))
            if not self._wake.is_set():
                self._filled.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._size.look):
                    await self._wake.wait()

    async def _look(self) -> None:
        """Gives up what is old, dead, too much, or behind its target."""
        now = asyncio.get_running_loop().time()
        pressed = self._available() < machine.PRESSURE
        for stock in tuple(self._free):
            waiting = stock.parked
            if waiting is not None and (pressed or not waiting.alive or now - waiting.began > self._size.age):
                self._give_up(stock)
        for task, stock in tuple(self._given.items()):
            if stock.parked is not None and now - stock.parked.began > self._size.age:
                self._forget(task, stock)
        shares = self._shares()
        for stock in tuple(self._free):
            if stock.spare.repository.key not in shares:
                self._give_up(stock)
        for repository in self._wanted():
            await self._look_at(repository, shares[repository.key])

    async def _look_at(self, repository: Repository, agents: int) -> None:
        tip = await self._tip(repository)
        for stock in self._of(repository):
            if stock.spare.base != tip:
                self._give_up(stock)
        with_agents = [stock for stock in self._of(repository) if stock.parked is not None]
        for stock in with_agents[agents:]:
            self._give_up(stock)

    async def _fill(self) -> None:
        """One spare a repository, and agents, the repositories of late first."""
        shares = self._shares()
        for repository in self._wanted():
            agents = shares[repository.key]
            while len(mine := self._of(repository)) < max(agents, 1):
                tip = await self._tip(repository)
                if tip is None:
                    break
                await self._calm()
                self._free.append(_Stock(await self._spares.make(repository, tip)))
            without = [stock for stock in mine if stock.parked is None]
            for stock in without[: max(agents - (len(mine) - len(without)), 0)]:
                await self._park(stock)

    async def _park(self, stock: _Stock) -> None:
        await self._calm()
        if self._available() < machine.ROOM or stock not in self._free:
            return
        self._free.remove(stock)
        try:
            stock.parked = await self._parker.park(stock.spare)
        except BaseException:
            self._drop(stock)
            raise
        self._free.append(stock)

    async def _tip(self, repository: Repository) -> Base | None:
        try:
            await self._repositories.refresh(repository, _silent)
            return await self._repositories.base(repository, None)
        except HonkError as error:
            _log.info("a known repository cannot be looked at", repository=repository.name, reason=str(error))
            return None

    async def _calm(self) -> None:
        """Returns when the machine is not busy, twice in a row; after a long while all the same."""
        quiet = 0
        for _ in range(self._size.patience):
            quiet = 0 if self._busy() else quiet + 1
            if quiet == 2:
                return
            await asyncio.sleep(self._size.calm)

    # ── small parts ────────────────────────────────────────────────────────────────────────────
    def _note(self, repository: Repository) -> None:
        self._known.pop(repository.key, None)
        self._known[repository.key] = repository

    def _wanted(self) -> list[Repository]:
        return list(reversed(self._known.values()))[: self._size.repositories]

    def _shares(self) -> dict[str, int]:
        """How many agents wait for each repository: one each while they last, the repositories of late first."""
        wanted = self._wanted()
        return {one.key: len(range(number, self._size.agents, len(wanted))) for number, one in enumerate(wanted)}

    def _of(self, repository: Repository) -> list[_Stock]:
        return [stock for stock in self._free if stock.spare.repository == repository]

    def _give_up(self, stock: _Stock) -> None:
        if stock in self._free:
            self._free.remove(stock)
            self._drop(stock)

    def _forget(self, task: TaskId, stock: _Stock) -> None:
        if self._given.get(task) is stock:
            del self._given[task]
            self._drop(stock)

    def _drop(self, stock: _Stock) -> None:
        """Has it removed, in its own time."""
        closing = asyncio.get_running_loop().create_task(self._removed(stock))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _removed(self, stock: _Stock) -> None:
        if stock.parked is not None:
            await self._end(stock.parked)
        with suppress(OSError):
            await self._spares.remove(stock.spare)

    async def _end(self, parked: Parked) -> None:
        try:
            await parked.end(broken_off=True)
        except Exception:  # noqa: BLE001 - it is thrown away; whatever went wrong with it is no task's affair
            _log.info("an agent that waited did not end well", exc_info=True)
