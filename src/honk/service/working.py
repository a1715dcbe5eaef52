"""Workers elsewhere and their jobs: what a door may ask of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from honk.domain.remote_job import JobKind, JobState, RemoteJob
from honk.service.governing import TokenMade


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerTokenWanted:
    """A token for a worker, and nothing else."""

    name: str
    labels: tuple[str, ...]
    #: "build" alone; or "sign", "deploy" or both
    kinds: tuple[JobKind, ...]
    #: after which it opens nothing; null: it does not expire
    days: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkWanted:
    """A worker asks for a job, and says what it is."""

    name: str
    labels: tuple[str, ...]
    kinds: tuple[JobKind, ...]
    #: its machine, and the user as which it runs
    host: str
    user: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobGiven:
    """A job for the worker that asked; null while there is none."""

    job: RemoteJob | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Printed:
    """What a job printed since it was said last."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEnded:
    """How a job ended: "failed"; of a deployment also "done", or "doubt" where the worker cannot know."""

    state: JobState
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobSettled:
    """What a person found of a deployment that was cut off."""

    live: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerShown:
    """A worker as it was when it was last heard of."""

    name: str
    labels: tuple[str, ...]
    kinds: tuple[JobKind, ...]
    host: str
    user: str
    seen: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class JobShown:
    """A job that is not over."""

    id: str
    kind: JobKind
    task: str
    commit: str
    labels: tuple[str, ...]
    state: JobState
    at: datetime
    #: the worker that has it, or had it last
    worker: str = ""
    #: what it waits for
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkersShown:
    """All workers that were ever here, the one that was seen last first, and the jobs that are not over."""

    workers: tuple[WorkerShown, ...]
    jobs: tuple[JobShown, ...]


class Working(Protocol):
    """Raises NotAllowed, NotNow, Unknown, Usage."""

    async def create_worker_token(self, wanted: WorkerTokenWanted) -> TokenMade:
        """For who may administer Honk."""

    async def workers(self) -> WorkersShown:
        """Who is there, and what waits for whom."""

    async def settle_job(self, job: str, settled: JobSettled) -> JobShown:
        """For who may deploy: a deployment that was cut off is live, or is not."""
