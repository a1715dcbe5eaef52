"""What every event has."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

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
