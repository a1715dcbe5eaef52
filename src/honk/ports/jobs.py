"""Jobs for labelled workers, and the workers that come for them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from honk.domain.remote_job import RemoteJob, RemoteWorker, Rights
from honk.domain.task import TaskId


class Jobs(Protocol):
    """What waits for workers elsewhere. Every method is one transaction; a job is leased to one worker at a time."""

    async def add(self, job: RemoteJob) -> RemoteJob:
        """Keeps it; one with its id that is here already is returned as it is."""

    async def get(self, id: str) -> RemoteJob:
        """Raises Unknown."""

    async def list(self, *, task: TaskId | None = None, limit: int = 1000) -> tuple[RemoteJob, ...]:
        """Newest first; of that task."""

    async def open(self) -> tuple[RemoteJob, ...]:
        """Those that wait, are leased or in doubt, oldest first, as they are now: an old lease has ended."""

    async def claim(self, rights: Rights, worker: str, lease: str) -> RemoteJob | None:
        """The oldest job that fits, leased to that worker from now on; None where there is none."""

    async def change(self, id: str, work: Callable[[RemoteJob], RemoteJob]) -> RemoteJob:
        """What `work` makes of it as it is now; nothing is changed where that raises. Raises Unknown."""

    async def seen(self, worker: RemoteWorker) -> None:
        """It is here, with these labels and kinds, in place of what was known of it."""

    async def workers(self) -> tuple[RemoteWorker, ...]:
        """All that were ever here, the one that was seen last first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What a worker is given to run what an agent wrote."""

    #: a tar archive of the commit
    source: Path
    #: line for `sh -c`, run in the folder of the source
    command: str
    #: file or folder below it that the command makes
    output: str
    #: in seconds
    timeout: float
    #: where what it made goes: a file as it is, or a tar archive of a folder
    into: Path
    #: a folder of the worker's own, for what it makes on the way; whoever gave it removes what is left there
    room: Path
    environment: Mapping[str, str] = field(default_factory=dict)


Said = Callable[[str], Awaitable[None]]


class Workshop(Protocol):
    """Runs what an agent wrote, on a worker's machine: apart from the worker's own files, and thrown away after it."""

    name: str

    async def build(self, bench: Bench, said: Said) -> str:
        """Why it failed, in a sentence; "" where the output is at `into`. What it prints is `said` as it comes.

        Nothing of it is left, and no process of it runs any more, however this ends. Raises SandboxUnusable.
        """

    async def ready(self) -> None:
        """Raises SandboxUnusable, with the remedy, where nothing can be run apart here."""


class Signer(Protocol):
    """Signs with the operator's own keys. Nothing of a repository is read or run."""

    async def sign(self, unsigned: Path, form: str, into: Path) -> str:
        """Why it failed, in a sentence; "" where the signed artifact is at `into`."""


class Executor(Protocol):
    """Runs the commands of deployments, as the worker itself: its machine holds what they need."""

    async def begin(self, command: str, folder: Path, environment: Mapping[str, str], record: Path) -> None:
        """Begins it, in `folder`. It goes on when this process is killed; `record`, a folder, tells how it ended."""

    async def follow(self, record: Path, timeout: float, said: Said) -> int | None:
        """Its exit code, once it has ended; None where it was ended by the time limit, or nobody can know any more.

        What it prints is `said` as it comes.
        """

    async def ask(self, command: str, folder: Path, environment: Mapping[str, str], timeout: float, said: Said) -> int:
        """The exit code of a command that changes nothing; -1 where it did not end in time."""

    async def unpack(self, archive: Path, folder: Path) -> str:
        """The archive's files in that folder, which is made; why that failed, "" where it did not."""
