"""What a labelled worker does on a machine of its own, such as a Mac: compile, sign or deploy.

A job is leased to one worker at a time, under a lease that nobody else knows. Compiling and signing may be done again;
a deployment never is: one that was cut off is in doubt until the worker, or a person, knows what became of it.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from honk.domain.repository import Base, Repository, Sha
from honk.domain.task import TaskId
from honk.errors import NotNow, Usage

#: for how long a worker that says nothing keeps its job
LEASE = timedelta(seconds=60)
#: how often a job may be cut off before it is given up
TRIES = 3
#: characters of what a job says that are kept
OUTPUT = 64 << 10
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_MANY = 20


class JobKind(StrEnum):
    BUILD = "build"
    SIGN = "sign"
    DEPLOY = "deploy"


class JobState(StrEnum):
    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    #: a deployment was cut off, and nobody knows whether it is live
    DOUBT = "doubt"
    #: nobody needs it any more
    GONE = "gone"


#: What a worker or a person may still change.
OPEN = frozenset({JobState.WAITING, JobState.LEASED, JobState.DOUBT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """What the token of a worker is good for: jobs of these kinds, of which it has every label."""

    labels: frozenset[str]
    kinds: frozenset[JobKind]


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteWorker:
    """A worker as it was when it was last heard of."""

    #: the id of its access token
    token: str
    #: what it calls itself
    name: str
    labels: frozenset[str]
    kinds: frozenset[JobKind]
    #: machine and user as which it runs, as it says itself
    host: str
    user: str
    seen: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteJob:
    """One piece of work for a labelled worker."""

    id: str
    kind: JobKind
    task: TaskId
    #: the turn of which it is told
    turn: int
    repository: Repository
    base: Base
    commit: Sha
    #: what a worker must have
    labels: tuple[str, ...]
    at: datetime
    #: line for `sh -c`; "" for signing, which runs nothing of the repository
    command: str = ""
    #: file or folder that the command makes
    output: str = ""
    #: of a build: web, android or ios
    form: str = ""
    #: in seconds
    timeout: float = 900.0
    #: the artifact that is signed or deployed
    digest: str = ""
    #: labels of who signs what this job makes; none: it needs no signature
    sign: tuple[str, ...] = ()
    environment: str = ""
    #: what a command that compiles finds besides the commit: the stamp of the build
    variables: tuple[tuple[str, str], ...] = ()
    #: of a deployment: a command that ends with 0 where it is live and with 1 where it is not
    query: str = ""
    state: JobState = JobState.WAITING
    #: known to the worker that has it, and to nobody else; "" while nobody has it
    lease: str = ""
    #: the worker that has it, or had it last
    worker: str = ""
    until: datetime | None = None
    tries: int = 0
    #: its command may have begun; until then nothing has happened, whoever had it
    begun: bool = False
    #: how it ended, in a sentence
    reason: str = ""
    #: the end of what it printed; how much it printed, in characters, and in how many pieces
    said: str = ""
    printed_in_all: int = 0
    told: int = 0

    @property
    def compiles(self) -> bool:
        """Whether it runs what an agent wrote."""
        return self.kind is JobKind.BUILD

    def fits(self, rights: Rights) -> bool:
        """Whether a worker with these may have it."""
        return self.kind in rights.kinds and set(self.labels) <= rights.labels

    def taken(self, worker: str, lease: str, now: datetime) -> "RemoteJob":
        """The same, leased to that worker."""
        tries = self.tries + 1
        return replace(self, state=JobState.LEASED, worker=worker, lease=lease, until=now + LEASE, tries=tries)

    def held(self, lease: str) -> "RemoteJob":
        """The job, for who holds that lease. Raises NotNow for anybody else: it is over, or somebody else has it."""
        if not lease or lease != self.lease or self.state not in {JobState.LEASED, JobState.DOUBT}:
            raise NotNow(f"this worker does not have job {self.id} (any more): it is {self.state}")
        return self

    def beaten(self, lease: str, now: datetime) -> "RemoteJob":
        """The worker that holds it lives."""
        return replace(self.held(lease), state=JobState.LEASED, until=now + LEASE)

    def begins(self, lease: str) -> "RemoteJob":
        """Its command begins."""
        return replace(self.held(lease), begun=True)

    def printed(self, lease: str, text: str, now: datetime) -> "RemoteJob":
        """It printed something, and so its worker lives."""
        said, all_in_all = (self.said + text)[-OUTPUT:], self.printed_in_all + len(text)
        return replace(self.beaten(lease, now), said=said, printed_in_all=all_in_all, told=self.told + 1)

    def ended(self, lease: str, state: JobState, reason: str) -> "RemoteJob":
        """It is over for the worker that holds it; said again by the same one: no effect."""
        if self.state is state and lease and lease == self.lease:
            return self
        return replace(self.held(lease), state=state, reason=reason)

    def overdue(self, now: datetime) -> "RemoteJob":
        """As it is once its worker was silent for too long: another one may have it, but for a deployment."""
        if self.state is not JobState.LEASED or self.until is None or now < self.until:
            return self
        silent = f"{self.worker} was not heard of since {self.until - LEASE:%Y-%m-%d %H:%M} UTC"
        if self.kind is JobKind.DEPLOY and self.begun:
            return replace(self, state=JobState.DOUBT, reason=silent)
        if self.tries >= TRIES:
            return replace(self, state=JobState.FAILED, reason=f"it was cut off {self.tries} times; {silent}")
        return replace(self, state=JobState.WAITING, lease="", until=None, reason=silent)

    def given_up(self, reason: str) -> "RemoteJob":
        """Nobody needs it any more; over already: no effect."""
        return self if self.state not in OPEN else replace(self, state=JobState.GONE, lease="", reason=reason)

    def settled(self, *, live: bool, by: str) -> "RemoteJob":
        """A person knows what became of a deployment. Raises NotNow where nobody asks."""
        if self.kind is not JobKind.DEPLOY or self.state not in {JobState.DOUBT, JobState.WAITING}:
            raise NotNow(f"job {self.id} is {self.state}, and nobody asks about it", "honk workers list")
        state = JobState.DONE if live else JobState.FAILED
        return replace(self, state=state, lease="", reason=f"{by} looked: it is {'' if live else 'not '}live")


def labels_of(named: "tuple[str, ...] | list[str]") -> frozenset[str]:
    """The labels that somebody names, with commas or one by one. Raises Usage."""
    found = frozenset(one.strip() for part in named for one in part.split(",") if one.strip())
    if not found or len(found) > _MANY or any(_LABEL.fullmatch(one) is None for one in found):
        raise Usage(f"labels are 1 to {_MANY} words of letters, digits, '.', '_' and '-'", "such as macos,xcode")
    return found


def together(kinds: frozenset[JobKind]) -> frozenset[JobKind]:
    """The kinds, if one worker may have all of them. Raises Usage: what an agent wrote never runs beside keys."""
    if not kinds:
        raise Usage("a worker needs a kind of job", f"one or more of: {', '.join(JobKind)}")
    if JobKind.BUILD in kinds and len(kinds) > 1:
        raise Usage(
            "a worker that compiles what an agent wrote has no keys: it neither signs nor deploys",
            "run another worker, with a token of its own and as another user of the machine",
        )
    return kinds


def why_waits(job: RemoteJob, workers: tuple[RemoteWorker, ...]) -> str:
    """In a sentence. It changes only when a worker comes."""
    names = ", ".join(job.labels)
    able = [one for one in workers if job.fits(Rights(labels=one.labels, kinds=one.kinds))]
    last = max((one.seen for one in able), default=None)
    seen = "none has been here" if last is None else f"last seen {last:%Y-%m-%d %H:%M} UTC"
    return f"waits for a worker with {names} that may {job.kind}; {seen}"
