"""Who watches, and what a watcher is told."""

from dataclasses import dataclass
from typing import Protocol

from honk.domain.event import Event
from honk.domain.task import TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class Workflow:
    """A run of a workflow. The same one after a crash has the same facts, except for `began`."""

    #: "turn", "land" or "undo"
    kind: str
    task: TaskId
    #: what tells it from the task's other workflows
    key: str
    #: of a turn; 0 for the others
    turn: int
    #: nanoseconds since 1970
    began: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRun:
    """One try of a step that really ran; a step that is answered from the journal is none."""

    workflow: Workflow
    #: as in the flow, such as "code/2"
    name: str
    #: 1 for the first try
    tried: int
    #: nanoseconds since 1970
    began: int

    @property
    def kind(self) -> str:
        """The step without a number."""
        return self.name.partition("/")[0]


class Watcher(Protocol):
    """Is told on the event loop. Must not block, and must not raise."""

    def heard(self, event: Event) -> None:
        """An event of this process was stored."""

    def begun(self, workflow: Workflow) -> None:
        """A workflow begins, or goes on after a crash."""

    def ended(self, workflow: Workflow, error: BaseException | None) -> None:
        """It returned, or raised. A cut-off one raises CancelledError."""

    def step_begun(self, step: StepRun) -> None:
        """A step runs."""

    def step_ended(self, step: StepRun, seconds: float, error: BaseException | None) -> None:
        """It returned, or raised; `seconds` by a monotonic clock."""
