"""Money for all tasks together: what may be spent, what is reserved, and what is left."""

from dataclasses import dataclass
from enum import StrEnum

from honk.domain.person import PersonId
from honk.domain.task import TaskId


class BudgetKind(StrEnum):
    #: one task, over all its turns
    TASK = "task"
    #: the turns that one person began on one day
    PERSON = "person"
    #: all turns that began on one day
    DAY = "day"


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What may be spent, in estimated dollars. None: no such budget. Days are those of UTC."""

    task_usd: float | None = None
    person_day_usd: float | None = None
    day_usd: float | None = None
    #: with less than this left, a turn is refused; with more, it gets what is left
    least_usd: float = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Money reserved by a turn at work."""

    task: TaskId
    turn: int
    person: PersonId
    #: what it may cost at most, or has cost where nothing bounds it
    usd: float
    #: what it has cost so far
    spent_usd: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a budget stands."""

    kind: BudgetKind
    #: the person, for a person's budget
    person: PersonId | None = None
    #: None: nothing bounds it
    limit_usd: float | None
    #: by turns that have ended
    spent_usd: float
    #: by turns at work, each with the most that it may cost
    held: tuple[Held, ...] = ()

    @property
    def used_usd(self) -> float:
        """What was really spent, by turns at work too."""
        return self.spent_usd + sum(one.spent_usd for one in self.held)

    @property
    def held_usd(self) -> float:
        """What turns at work may cost at most."""
        return sum(one.usd for one in self.held)

    @property
    def left_usd(self) -> float | None:
        """What a further turn may reserve; None: as much as it likes."""
        return None if self.limit_usd is None else max(self.limit_usd - self.spent_usd - self.held_usd, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reserved:
    """What a turn may cost. None: nothing bounds it."""

    usd: float | None
    #: the same with what the task had spent before: the task's limit in this turn
    limit_usd: float | None
    #: the budget that made it less than the turn asked for
    lowered_by: BudgetKind | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhausted:
    """Nothing was reserved: too little is left of this budget."""

    standing: Standing
