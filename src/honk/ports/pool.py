"""What is made ready before anybody asks for it: checkouts of known repositories, and agents that wait in them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from honk.domain.limits import Spending
from honk.domain.repository import Base, Repository
from honk.domain.task import Task, TaskId
from honk.ports.agent import Job, Session, Tools
from honk.ports.sandbox import Exit, Mount, Pass, Sandbox
from honk.ports.store import Tell


class ParkedExit(Protocol):
    """An exit without a task: whoever wants to pass it waits."""

    #: path on the host
    socket: Path

    def give(self, permit: Pass, tell: Tell, spend: Callable[[Spending], Awaitable[None]]) -> Exit:
        """From now on it is the exit of that task; what waited in it goes on."""


class Parking(Protocol):
    """A broker that can open an exit before there is a task for it."""

    def park(self) -> AbstractAsyncContextManager[ParkedExit]: ...


class Waiting(Protocol):
    """An agent that was started and waits. It has seen its repository's base and nothing else."""

    #: whether it still runs
    alive: bool

    async def tell(self, words: str) -> None:
        """The words of a task before the task claims it; it may think as far as its exit, which lets nothing pass."""

    def sit(self, attempt: int, exit: Exit, tools: Tools, tell: Tell) -> Session:
        """Its session, for the one task that has claimed it. Words it was told before are not said again."""

    def break_off(self) -> None:
        """On leaving it is killed instead of being let end."""


@runtime_checkable
class Waits(Protocol):
    """An agent that can be started before there is a task for it."""

    def wait(self, job: Job, sandbox: Sandbox) -> AbstractAsyncContextManager[Waiting]:
        """Starts it; on leaving, everything it started is gone. Raises SandboxUnusable when it does not start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spare:
    """A checkout at the base's commit, with an empty home and no attachments beside it. Nobody has worked in it."""

    folder: Path
    repository: Repository
    base: Base

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def attachments(self) -> Path:
        return self.folder / "attachments"


class Spares(Protocol):
    """Makes spares, and gives them away."""

    async def make(self, repository: Repository, base: Base) -> Spare: ...

    def give(self, spare: Spare, task: TaskId) -> Spare | None:
        """Makes it the task's workspace, on the task's branch, with its home. None when the task has one.

        Returns where it is now.

        Whoever waits in it keeps it. Raises OSError when it is not as it was made.
        """

    async def remove(self, spare: Spare) -> None: ...

    async def sweep(self) -> None:
        """Removes what an earlier process left. The caller knows that nobody uses any."""


@runtime_checkable
class Movable(Protocol):
    """A sandbox whose folders may get other names while something runs in it."""

    def moved(self, workspace: Path, home: Path) -> None:
        """What is mounted from beside the old workspace lies beside the new one now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What an agent must have been started with to be of use to a task."""

    guidance: str
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str]
    model: str | None = None
    #: what it will be told first
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """A claimed agent."""

    #: the session's name, under which it can be resumed
    name: str
    session: Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Sitting:
    """What a claimed agent is bound to."""

    permit: Pass
    attempt: int
    tools: Tools
    tell: Tell
    spend: Callable[[Spending], Awaitable[None]]


class Pool(Protocol):
    """Spares: ready checkouts, and agents that wait in them. Without any, everything is made when it is asked for."""

    async def ahead(self, task: Task, words: str) -> None:
        """Lets an agent that waits begin to read. Nothing leaves its sandbox before the task claims it."""

    async def furnish(self, task: Task, base: Base) -> bool:
        """Gives the task a ready checkout as its workspace, at exactly that base, with the agent that waits in it.

        False when there is none, or the task has a workspace already.
        """

    def claim(self, task: Task, wanted: Wanted, sitting: Sitting) -> AbstractAsyncContextManager[Seat | None]:
        """The agent that came with the workspace, if it is what is wanted. On leaving it is gone."""


class NoPool:
    """Implements Pool: nothing is made ready."""

    async def ahead(self, task: Task, words: str) -> None:
        """Nobody listens."""

    async def furnish(self, task: Task, base: Base) -> bool:
        return False

    @asynccontextmanager
    async def claim(self, task: Task, wanted: Wanted, sitting: Sitting) -> AsyncIterator[Seat | None]:
        yield None
