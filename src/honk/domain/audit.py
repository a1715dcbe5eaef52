"""The audit log: who asked to do what, and what the policy said."""

from dataclasses import dataclass
from datetime import datetime

from honk.domain.address import canonical
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act, Decision
from honk.domain.repository import Repository
from honk.domain.task import Task, TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Which part of the log."""

    since: datetime | None = None
    #: only those before the entry with this number: the last one of the page before
    before: int | None = None
    limit: int = 100


#: the newest entries
NEWEST = Window()


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

    @staticmethod
    def of(
        person: Person, act: Act, repository: Repository | None, task: Task | None, decision: Decision, at: datetime
    ) -> "Entry":
        """What is to be kept of a question to the policy."""
        return Entry(
            at=at,
            person=person.id,
            act=act,
            repository="" if repository is None else canonical(repository.url) or repository.url,
            task=None if task is None else task.id,
            allowed=decision.allowed,
            reason=decision.reason,
            policy=decision.version,
        )
