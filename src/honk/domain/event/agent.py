"""The agent at work, and what it handed back."""

from dataclasses import dataclass
from typing import ClassVar

from honk.domain.event.data import EventData


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
    """The agent ended its work on this attempt. `cut_short` is "" or why it ended early.

    Of its `seconds`, `seconds_verifying` were Honk's: its files were verified as it ended.
    """

    type: ClassVar[str] = "agent.finished"
    attempt: int
    summary: str
    cut_short: str
    reason: str
    seconds: float
    seconds_verifying: float = 0.0


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
    #: from the request to the end of the answer
    seconds: float = 0.0


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
class SnapshotTaken(EventData):
    """Work in progress lies in the mirror, so that it outlives its sandbox and workspace."""

    type: ClassVar[str] = "snapshot.taken"
    commit: str
    files: int
    #: the tool call after which it was made, or "" where there was none
    call: str = ""
