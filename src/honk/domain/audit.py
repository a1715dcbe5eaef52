"""The audit log: who asked to do what, and what the policy said."""

from dataclasses import dataclass
from datetime import datetime

from honk.domain.person import PersonId
from honk.domain.policy import Act
from honk.domain.task import TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One act that was asked for, at the moment at which it was."""

    at: datetime
    person: PersonId
    act: Act
    #: "" for an act on Honk itself
    repository: str
    task: TaskId | None
    allowed: bool
    #: the rule that decided, in a sentence
    reason: str
    #: which version of the policy decided
    policy: str
    #: 1, 2, 3 … in the order of the log; 0 before it is stored
    number: int = 0
