"""The walls, and the one way out of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from honk.domain.limits import Limits, Spending
from honk.domain.task import TaskId
from honk.ports.store import Tell

#: Where an agent finds the files that came with messages, read-only.
ATTACHMENTS = "/attachments"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    source: Path
    #: absolute path inside
    target: str
    writable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """Resource limits of everything inside one sandbox. What is not enforceable here, `probe` says."""

    memory: int = 4 << 30
    processes: int = 512
    file_size: int = 2 << 30
    temporary: int = 2 << 30
    #: of workspace and home together, in a box that `grows`
    disk: int = 20 << 30
    #: what stays free on the disk, whatever happens inside
    least_free: int = 1 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """What a sandbox shows. Inside, the workspace is always `/workspace` and the home `/home/honk`."""

    workspace: Path
    #: a folder that keeps the home between sandboxes; None gives an empty one each time
    home: Path | None = None
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    #: the broker's socket, the only way out; None means no way out
    exit: Path | None = None
    #: whether proxy variables and a local relay lead HTTP(S) clients to the exit
    proxy: bool = False
    #: the relay alone, at 127.0.0.1:3128, for a client that is told of it
    relay: bool = False
    #: None: those of the sandboxes
    bounds: Bounds | None = None
    read_only_workspace: bool = False
    #: whether `bounds.disk` is watched: what runs inside writes as much as it likes
    grows: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    #: None when it was ended by the time limit
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    #: whether output was cut at the limit
    cut: bool = False
    #: which of the bounds ended it, in words; "" when none did
    ended: str = ""


class Process(Protocol):
    """A long-lived process in the sandbox."""

    async def send(self, data: bytes) -> None:
        """Writes to its standard input. Raises BrokenPipeError when it has ended."""

    async def close_input(self) -> None: ...

    def lines(self) -> AsyncIterator[bytes]:
        """Its standard output by lines (of at most 64 MiB), until it ends."""

    async def errors(self) -> bytes:
        """The last 64 KiB of its standard error so far."""

    async def wait(self) -> int:
        """Its exit code.

        Raises SandboxDied, OutOfMemory, DiskFull, or LimitReached of kind "disk" when that ended it.
        """

    async def kill(self) -> None:
        """Ends it and everything it started; returns when they are gone."""


class Sandbox(Protocol):
    """One box. Every command sees the same files; nothing of it outlives the context."""

    async def run(
        self,
        argv: tuple[str, ...],
        *,
        seconds: float,
        stdin: bytes = b"",
        output_limit: int = 16 << 20,
        environment: Mapping[str, str] | None = None,
        stdout_to: Path | None = None,
    ) -> Ran:
        """Runs to the end; stdout goes to a file on the host when `stdout_to` is given. Never raises for exit codes.

        Raises SandboxDied when the sandbox itself was killed, and DiskFull when the machine's disk was nearly full.
        Of a command that exceeded a bound, `ended` and stderr say so.
        """

    async def start(self, argv: tuple[str, ...], *, environment: Mapping[str, str] | None = None) -> Process: ...

    def inbound(self, name: str) -> Path:
        """Host path of the unix socket that a process inside opens at `/run/honk/in/<name>`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wall:
    """One promise of the sandbox, tried on this machine."""

    name: str
    holds: bool
    detail: str = ""
    #: whether the sandbox is unusable without it
    required: bool = True


class Sandboxes(Protocol):
    """Makes sandboxes, and knows what their user can reach."""

    name: str

    async def probe(self) -> tuple[Wall, ...]:
        """Tries every wall with a real sandbox."""

    def open(self, box: Box) -> AbstractAsyncContextManager[Sandbox]:
        """Raises SandboxUnusable with the remedy when the walls cannot be built."""

    def own(self, path: Path) -> None:
        """Gives a host folder, made by Honk and not yet seen by any sandbox, to the sandbox's user."""

    def runtime(self, program: str) -> Path:
        """Where the sandbox's user can execute "python" or "claude": its own place, or a copy made once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """What may leave the sandbox of one task."""

    task: TaskId
    #: whether the model may be called
    model: bool = False
    #: host names (with an optional ":port") that CONNECT may reach
    hosts: tuple[str, ...] = ()
    limits: Limits = Limits(usd=None, calls=None, seconds=None)
    #: what the task has spent before
    spent: Spending = Spending()


class Exit(Protocol):
    """The broker's open exit of one task."""

    #: path on the host; the socket is the identity
    socket: Path

    def spent(self) -> Spending:
        """All spending of the task, with what was spent before."""

    def ended_by(self) -> tuple[str, str] | None:
        """("money" | "calls" | "model", sentence) once no further model call will be let through."""


class Broker(Protocol):
    """The sandbox's only way out, on the host: adds keys, meters, refuses."""

    def open(
        self, permit: Pass, tell: Tell, spend: Callable[[Spending], Awaitable[None]]
    ) -> AbstractAsyncContextManager[Exit]: ...
