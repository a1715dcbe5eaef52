"""An attempt: one time that the agent was sent to work."""

from dataclasses import dataclass

from honk.domain.limits import Spending
from honk.domain.repository import FileChange, Sha
from honk.domain.task import TaskId

#: kinds of limits that end an attempt early, whose work is kept and proposed as a draft
LIMITS = frozenset({"money", "calls", "time", "disk"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A tree that was handed back, committed in the mirror on top of `parent`."""

    #: what it is compared with: the base commit of the task
    base: Sha
    #: the previous turn's commit, or the base
    parent: Sha
    commit: Sha
    tree: Sha
    files: tuple[FileChange, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing differs from the base."""
        return not self.files


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    task: TaskId
    turn: int
    number: int
    #: None when nothing could be handed back
    change: Change | None
    #: the agent's own closing words; shown, never believed
    summary: str = ""
    agent: str = ""
    model: str = ""
    #: the agent's session, resumed by the next attempt or turn
    session: str = ""
    spending: Spending = Spending()
    #: why the agent ended early: "", one of LIMITS, "stopped", "model", "agent",
    #: "hand-back", "question"
    cut_short: str = ""
    reason: str = ""
