"""The task itself: its states, its waits, its money."""

from dataclasses import dataclass
from typing import ClassVar

from honk.domain.event.data import EventData
from honk.domain.limits import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskAccepted(EventData):
    """A person asked for something."""

    type: ClassVar[str] = "task.accepted"
    repository: str
    instruction: str
    agent: str
    model: str | None
    limits: Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskMoved(EventData):
    """The task is in another state; `reason` says why wherever somebody waits."""

    type: ClassVar[str] = "task.moved"
    state: str
    before: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskNoted(EventData):
    """A sentence that people should read, such as uncommitted changes that are not part of the task."""

    type: ClassVar[str] = "task.noted"
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskSettled(EventData):
    """A turn, a merge or a deployment ended; nobody works on the task now."""

    type: ClassVar[str] = "task.settled"
    state: str
    outcome: str
    reason: str = ""
    answer: str | None = None
    cost_usd: float = 0.0
    seconds: float = 0.0
    seconds_verifying: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StepProgressed(EventData):
    """Long work goes on, or waits: cloning, setting up, installing."""

    type: ClassVar[str] = "step.progressed"
    step: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseChosen(EventData):
    """The branch and commit on which the whole task is built."""

    type: ClassVar[str] = "base.chosen"
    branch: str
    commit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseMerged(EventData):
    """The base had moved, and was merged into the task's branch, which the turn's work is built on."""

    type: ClassVar[str] = "base.merged"
    branch: str
    #: of the base
    commit: str
    #: of the merge
    merged: str
    #: files that the agent has to settle
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkspaceReady(EventData):
    """The task has its own checkout."""

    type: ClassVar[str] = "workspace.ready"
    branch: str
    base: str
    commit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentReady(EventData):
    """The repository's dependencies are there (or are known not to be, with the reason)."""

    type: ClassVar[str] = "environment.ready"
    toolchain: str
    key: str
    cached: bool
    ok: bool
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRetried(EventData):
    """A person had the work done again from the step `point` on; what lies before it stands as it was."""

    type: ClassVar[str] = "task.retried"
    point: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskHandedOver(EventData):
    """From the next turn on another agent or model works on the task."""

    type: ClassVar[str] = "task.handed_over"
    agent: str
    model: str | None
    before_agent: str
    before_model: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactNamed(EventData):
    """From now on this person is asked and told about the task."""

    type: ClassVar[str] = "task.contact_named"
    person: str
    #: what the person was called then
    name: str
    #: who it was before
    before: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkPaused(EventData):
    """The work waits for this machine (disk, memory, database, clock) or a server's limit, and goes on by itself."""

    type: ClassVar[str] = "work.paused"
    #: "disk", "memory", "database", "clock" or "limit"
    cause: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkResumed(EventData):
    """The work goes on: after a pause, or after a process that died."""

    type: ClassVar[str] = "work.resumed"
    #: as in `work.paused`, or "restart"
    cause: str
    detail: str = ""
    #: what was gone and had to be put back: "workspace", "session"
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetWarned(EventData):
    """Most of a budget is used up."""

    type: ClassVar[str] = "budget.warned"
    #: "task", "person" or "day"
    kind: str
    usd: float
    limit_usd: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetRefused(EventData):
    """The turn was not begun: too little is left of a budget."""

    type: ClassVar[str] = "budget.refused"
    #: "task", "person" or "day"
    kind: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordsDeleted(EventData):
    """Transcripts or artifacts of the task were deleted, by age or by a person."""

    type: ClassVar[str] = "records.deleted"
    #: such as "transcript", "artifacts"
    what: tuple[str, ...]
    reason: str
