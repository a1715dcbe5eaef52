"""trouble of this machine → a pause with its reason: no room, no memory, no database; or a server's limit.

A step that runs into it is left, the task says why it waits, and the step runs again when it is over.
What the store could not take while it was in trouble is told afterwards.
"""

import errno
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, cast

import anyio
import structlog

from honk.domain.event import WorkPaused, WorkResumed
from honk.domain.task import State, Task, TaskId
from honk.errors import Busy, DiskFull, MachineInTrouble, OutOfMemory, Stopped, Usage, single
from honk.ports import Machine, Once, Ports

T = TypeVar("T")
P = TypeVar("P")
_log = structlog.get_logger()
#: what the operating system says when there is no room
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
#: seconds between two looks whether a person wants the paused work stopped
_LOOK_EVERY = 0.5
#: from these the task goes to `queued` while it is paused; from others it stays where it is
_QUEUED_FROM = frozenset({State.ACCEPTED, State.PREPARING, State.CODING, State.VERIFYING})
#: how often a step that needs more memory than a sandbox has is tried before a person is asked
_MEMORY_TRIES = 3
#: seconds between two looks at the clock
_LONGEST_SLEEP = 60.0


def pausable(once: Once, task: Task, *, ports: Ports) -> Once:
    """Every step waits while the machine is in trouble, and runs again when trouble cut it off."""

    async def run(name: str, returns: type[T], step: Callable[[], Awaitable[T]]) -> T:
        return await once(name, returns, partial(_through_trouble, task.id, step, ports))

    return run


async def _through_trouble(task: TaskId, step: Callable[[], Awaitable[T]], ports: Ports) -> T:
    tries = 0
    while True:
        trouble = ports.machine.trouble()
        if trouble is None:
            try:
                return await _unless_trouble(step, ports.machine)
            except Busy as busy:
                await _pause(task, "limit", busy.message, partial(_until, busy.until, ports), ports)
                continue
            except (MachineInTrouble, OSError, MemoryError) as exc:
                trouble = _trouble_of(exc)
                if trouble is None or (isinstance(trouble, OutOfMemory) and tries + 1 >= _MEMORY_TRIES):
                    raise
        better = partial(ports.machine.until_better, trouble, tries)
        await _pause(task, trouble.cause, trouble.message, better, ports)
        tries += 1


async def _unless_trouble(step: Callable[[], Awaitable[T]], machine: Machine) -> T:
    """The step's result. Raises the trouble that came while it ran; the step is cut off then."""
    results: list[T] = []
    found: list[MachineInTrouble] = []
    with single():
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                found.append(await machine.until_trouble())
                group.cancel_scope.cancel()

            group.start_soon(watch)
            results.append(await step())
            group.cancel_scope.cancel()
    if not results:
        raise found[0]
    return results[0]


def _trouble_of(error: BaseException) -> MachineInTrouble | None:
    if isinstance(error, MachineInTrouble):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemory(0, "Honk itself got no more memory")
    no_room = isinstance(error, OSError) and error.errno in _NO_ROOM
    return DiskFull(f"no room to write: {error}", "free some disk") if no_room else None


async def _until(moment: datetime, ports: Ports) -> None:
    """Looks at the clock now and then, which may be set meanwhile."""
    while (left := (moment - ports.clock()).total_seconds()) > 0:  # noqa: ASYNC110 - time is all that it waits for
        await anyio.sleep(min(left, _LONGEST_SLEEP))


async def _pause(task: TaskId, cause: str, message: str, better: Callable[[], Awaitable[None]], ports: Ports) -> None:
    """Says why the task waits, waits, and says that it goes on. Raises Stopped when a person wants that."""
    now = await ports.tasks.get(task)
    reason = f"paused: {message}"
    queued = now.state in _QUEUED_FROM
    await ports.tasks.move(task, State.QUEUED if queued else now.state, reason)
    await ports.events.record(task, now.turn, WorkPaused(cause=cause, reason=message))
    _log.warning("work is paused", task=task, cause=cause, reason=message)
    with single():
        async with anyio.create_task_group() as group:
            group.start_soon(_stopped, task, ports)
            await better()
            group.cancel_scope.cancel()
    if now.state not in {State.ACCEPTED, State.QUEUED}:  # from there the step moves it
        await ports.tasks.move(task, now.state, now.reason)
    await ports.events.record(task, now.turn, WorkResumed(cause=cause))
    _log.warning("work goes on", task=task, cause=cause)


async def _stopped(task: TaskId, ports: Ports) -> None:
    while await ports.tasks.stop_asked(task) is None:  # noqa: ASYNC110 - the asker may be another process
        await anyio.sleep(_LOOK_EVERY)
    raise Stopped("stopped by a person")


# ── what is outside of any step ────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class _Patient:
    """A port whose calls wait while its database is in trouble; each call is one transaction, so again is safe."""

    port: Any
    ports: Ports
    #: whether its methods begin with the task
    tells: bool

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.port, name)
        return partial(self._call, method) if inspect.iscoroutinefunction(method) else method

    async def _call(self, method: Callable[..., Awaitable[object]], *args: object, **kwargs: object) -> object:
        waited: list[MachineInTrouble] = []
        began = anyio.current_time()
        while True:
            try:
                result = await method(*args, **kwargs)
            except MachineInTrouble as trouble:
                if not waited:
                    _log.error("the store is in trouble; work waits", cause=trouble.cause, reason=trouble.message)
                waited.append(trouble)
                await self.ports.machine.until_better(trouble, len(waited) - 1)
            else:
                break
        if waited:
            await self._tell(args[0] if args else None, waited[0], anyio.current_time() - began)
        return result

    async def _tell(self, task: object, trouble: MachineInTrouble, seconds: float) -> None:
        """The events that could not be written while it lasted. Without a task at hand the log must do."""
        _log.warning("the store answers again", cause=trouble.cause, seconds=round(seconds))
        if not self.tells or not isinstance(task, str) or not task:
            return
        with suppress(Usage):  # a beginning that fits no task, or several
            now = await self.ports.tasks.get(task)
            await self.ports.events.record(now.id, now.turn, WorkPaused(cause=trouble.cause, reason=trouble.message))
            detail = f"after {seconds:.0f} s"
            await self.ports.events.record(now.id, now.turn, WorkResumed(cause=trouble.cause, detail=detail))


def patient(ports: Ports) -> Ports:
    """The same ports, whose store waits for its database instead of failing: for whoever has time, a worker."""
    return replace(
        ports,
        tasks=waiting(ports.tasks, ports, tells=True),
        events=waiting(ports.events, ports, tells=True),
        records=waiting(ports.records, ports),
    )


def waiting(port: P, ports: Ports, *, tells: bool = False) -> P:
    """The same port, whose calls wait while its database is in trouble."""
    return cast("P", _Patient(port, ports, tells))
