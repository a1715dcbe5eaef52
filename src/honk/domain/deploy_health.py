"""The health of a version that went live, looked at for a while."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from honk.domain.task import TaskId

#: between two looks
EVERY = timedelta(minutes=1)
#: looks in a row that fail before a version counts as unhealthy: one alone may be a hiccup
FAILURES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthWatch:
    """A version whose health is looked at."""

    #: id of the deployment
    deployment: str
    task: TaskId
    environment: str
    began: datetime
    until: datetime
    #: when it is looked at next
    next: datetime
    looks: int = 0
    #: looks in a row that failed, and when the first of them was
    failures: int = 0
    since: datetime | None = None

    def looked(self, well: bool, at: datetime) -> "HealthWatch":
        """After one more look."""
        return replace(
            self,
            next=at + EVERY,
            looks=self.looks + 1,
            failures=0 if well else self.failures + 1,
            since=None if well else self.since or at,
        )

    def due(self, now: datetime) -> bool:
        """Whether it is to be looked at; a clock that was put back does not make it wait for longer than usual."""
        return not now < self.next <= now + EVERY

    @property
    def unhealthy(self) -> bool:
        return self.failures >= FAILURES

    def healthy(self, now: datetime) -> bool:
        """Whether its time is over, and the last look was good."""
        return now >= self.until and not self.failures
