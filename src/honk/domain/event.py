"""Events: what happened to a task, in order. Cards, pages and the command line are views of them.

Every type is a class here with the fields of its `data`; docs/reference/events.md shows their
JSON schemas. Fields may be added with a default; nothing else changes without a new `version`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from honk.domain.limits import Limits
from honk.domain.person import PersonId
from honk.domain.task import TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class EventData:
    """Base of every event's data."""

    type: ClassVar[str]
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    id: str
    task: TaskId
    turn: int
    #: 1, 2, 3 … without a gap within the task
    seq: int
    at: datetime
    #: the person who acted, or None for Honk itself
    actor: PersonId | None
    data: EventData

    @property
    def type(self) -> str:
        return self.data.type


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
class MessageReceived(EventData):
    """A reply arrived. `handling` is "turn" (begins one) or "queued"."""

    type: ClassVar[str] = "message.received"
    message: str
    text: str
    handling: str


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
class AgentStarted(EventData):
    """The agent runs in its sandbox."""

    type: ClassVar[str] = "agent.started"
    agent: str
    release: str
    model: str
    session: str
    resumed: bool
    attempt: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentWrote(EventData):
    """Text by the agent. A `partial` piece is repeated, whole, in a later event that is not partial."""

    type: ClassVar[str] = "agent.wrote"
    text: str
    partial: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentCalledTool(EventData):
    """The agent uses a tool; `summary` fits on one line."""

    type: ClassVar[str] = "agent.called_tool"
    call: str
    tool: str
    summary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentToolAnswered(EventData):
    """The tool's answer, shortened."""

    type: ClassVar[str] = "agent.tool_answered"
    call: str
    ok: bool
    output: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentWaits(EventData):
    """The agent cannot go on now: the model is overloaded, unreachable, or refuses."""

    type: ClassVar[str] = "agent.waits"
    reason: str
    #: seconds until it tries again, where known
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentFinished(EventData):
    """The agent ended its work on this attempt. `cut_short` is "" or why it ended early."""

    type: ClassVar[str] = "agent.finished"
    attempt: int
    summary: str
    cut_short: str
    reason: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCalled(EventData):
    """One answered call of the model, as metered by the broker. `usd` and `total_usd` are estimates."""

    type: ClassVar[str] = "model.called"
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    usd: float
    total_usd: float
    total_calls: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFailed(EventData):
    """The model's server answered with an error, broke off, or could not be reached."""

    type: ClassVar[str] = "model.failed"
    status: int | None
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkDenied(EventData):
    """Something in the sandbox wanted out to where it may not go."""

    type: ClassVar[str] = "network.denied"
    target: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitHit(EventData):
    """A limit of money, calls or time ended the work; what was done is kept."""

    type: ClassVar[str] = "limit.hit"
    kind: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeTaken(EventData):
    """The agent's tree was handed back and committed in the mirror."""

    type: ClassVar[str] = "change.taken"
    attempt: int
    commit: str
    tree: str
    files: tuple[str, ...]
    insertions: int
    deletions: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeRefused(EventData):
    """What the agent made may not be taken over, and why."""

    type: ClassVar[str] = "change.refused"
    attempt: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifierStarted(EventData):
    """A verifier runs. `on` is "change", "base" or "agent" (asked for by the agent)."""

    type: ClassVar[str] = "verifier.started"
    verifier: str
    command: str
    on: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifierFinished(EventData):
    """A verifier answered."""

    type: ClassVar[str] = "verifier.finished"
    verifier: str
    answer: str
    summary: str
    seconds: float
    on: str
    cached: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictGiven(EventData):
    """The gate's verdict on an attempt."""

    type: ClassVar[str] = "verdict.given"
    attempt: int
    answer: str
    commit: str
    tree: str
    findings: tuple[str, ...]
    not_proven: tuple[str, ...]
    #: names of the tests that are red without the change and green with it
    proof: tuple[str, ...]
    seconds: float
    #: those of the findings that refuse the change
    refusing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestOpened(EventData):
    """The pull request exists."""

    type: ClassVar[str] = "pull_request.opened"
    number: int
    branch: str
    base: str
    head: str
    title: str
    draft: bool
    url: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestUpdated(EventData):
    """A later turn moved the pull request to a new head, or changed its state."""

    type: ClassVar[str] = "pull_request.updated"
    number: int
    head: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildReady(EventData):
    """The new version of the app is there to be tried."""

    type: ClassVar[str] = "build.ready"
    build: str
    kind: str
    commit: str
    digest: str
    size: int
    preview_url: str | None
    #: how to see it when there is no link
    hint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildFailed(EventData):
    """The build command did not give an artifact."""

    type: ClassVar[str] = "build.failed"
    reason: str
    output: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeDone(EventData):
    """The verified commit is part of the base branch."""

    type: ClassVar[str] = "merge.done"
    commit: str
    head: str
    base: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeRefused(EventData):
    """Nothing was merged, and why."""

    type: ClassVar[str] = "merge.refused"
    reason: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentStarted(EventData):
    """A version is on its way into an environment. `undo` says what undoing will do."""

    type: ClassVar[str] = "deployment.started"
    deployment: str
    environment: str
    commit: str
    undo: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentFinished(EventData):
    """The deployment is live, failed, or was undone."""

    type: ClassVar[str] = "deployment.finished"
    deployment: str
    environment: str
    state: str
    url: str | None = None
    output: str = ""


#: Every event type by its name. A new class above belongs in here; a test compares.
EVENT_TYPES: dict[str, type[EventData]] = {cls.type: cls for cls in EventData.__subclasses__()}
