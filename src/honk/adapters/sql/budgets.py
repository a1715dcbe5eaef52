"""Reserved and spent money in the database.

A turn at work holds what it may cost at most; one that has ended, what it cost. Both are summed and reserved in
one transaction at a time, so that turns that begin at once cannot together reserve more than there is.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.events import append
from honk.adapters.sql.people import everyone_who_is
from honk.adapters.sql.postgresql import BUDGET_LOCK
from honk.adapters.sql.schema import events, people, reservations, spending
from honk.domain.budget import Budget, BudgetKind, Exhausted, Held, Reserved, Standing
from honk.domain.event import BudgetWarned, Event
from honk.domain.person import PersonId
from honk.domain.task import TaskId
from honk.ports import Clock

#: the part of a budget at which people are warned
WARNED_AT = 0.8
#: PostgreSQL's lock under which one transaction at a time reserves; any number that nobody else uses
_LOCK = BUDGET_LOCK

_Row = sa.Row[Any]
_OPEN = reservations.c.spent.is_(None)
#: what a turn has cost so far
COST = sa.func.coalesce(
    reservations.c.spent,
    sa.select(spending.c.usd).where(spending.c.task == reservations.c.task).scalar_subquery() - reservations.c.before,
    0.0,
)


class SqlBudgets:
    """Implements honk.ports.Budgets."""

    def __init__(self, database: Database, clock: Clock, budget: Callable[[], Budget]) -> None:
        self._database = database
        self._clock = clock
        self._budget = budget

    async def reserve(self, task: TaskId, turn: int, person: PersonId, limit_usd: float | None) -> Reserved | Exhausted:
        day, budget = _day(self._clock()), self._budget()

        def work(connection: sa.Connection) -> Reserved | Exhausted:
            _alone(connection)
            before = connection.execute(sa.select(reservations).where(reservations.c.task == task, _OPEN)).first()
            if before is not None and before.turn == turn:
                return _reserved(before)
            _close(connection, task)
            spent = _spent(connection, task)
            found = _tightest(connection, task, person, day, limit_usd, budget)
            if isinstance(found, Exhausted):
                return found
            usd, by = found
            connection.execute(
                reservations.insert().values(task=task, turn=turn, person=person, day=day, usd=usd, before=spent)
            )
            return Reserved(limit_usd=None if usd is None else spent + usd, usd=usd, lowered_by=by)

        return await self._database.write(work)

    async def settle(self, task: TaskId, turn: int) -> None:
        def work(connection: sa.Connection) -> None:
            _alone(connection)
            _close(connection, task, turn)

        await self._database.write(work)

    async def warn(self, task: TaskId, turn: int) -> None:
        now, budget = self._clock(), self._budget()
        found = await self._database.read(lambda connection: _due(connection, task, budget))
        if not found:
            return

        def work(connection: sa.Connection) -> None:
            _alone(connection)
            for key, warned in _due(connection, task, budget).items():
                append(connection, Event(id="", task=task, turn=turn, seq=0, at=now, actor=None, data=warned), key)

        await self._database.write(work)

    async def standing(self) -> tuple[Standing, ...]:
        day, budget = _day(self._clock()), self._budget()

        def work(connection: sa.Connection) -> tuple[Standing, ...]:
            owner = sa.func.coalesce(people.c.joined_to, people.c.id)
            of_today = sa.select(owner).join(reservations, reservations.c.person == people.c.id)
            ids = connection.execute(of_today.where(sa.or_(reservations.c.day == day, _OPEN)).distinct()).scalars()
            persons = [_of_person(connection, PersonId(id), day, budget) for id in sorted(ids)]
            return (_of_day(connection, day, budget), *persons)

        return await self._database.read(work)


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()


def _alone(connection: sa.Connection) -> None:
    """No other transaction reserves or ends a reservation until this one has ended; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _spent(connection: sa.Connection, task: TaskId) -> float:
    return float(connection.execute(sa.select(spending.c.usd).where(spending.c.task == task)).scalar() or 0.0)


def _close(connection: sa.Connection, task: TaskId, turn: int | None = None) -> None:
    """What the task's turn at work has reserved becomes what it cost; of that turn, or of any."""
    change = reservations.update().where(reservations.c.task == task, _OPEN).values(spent=COST)
    connection.execute(change if turn is None else change.where(reservations.c.turn == turn))


def _reserved(row: _Row) -> Reserved:
    return Reserved(limit_usd=None if row.usd is None else row.before + row.usd, usd=row.usd)


def _tightest(
    connection: sa.Connection,
    task: TaskId,
    person: PersonId,
    day: str,
    limit_usd: float | None,
    budget: Budget,
) -> tuple[float | None, BudgetKind | None] | Exhausted:
    """What the turn may cost, and by which budget that is less than its own limit allows."""
    spent = _spent(connection, task)
    usd = None if limit_usd is None else max(limit_usd - spent, 0.0)
    by: BudgetKind | None = None
    of_task = Standing(kind=BudgetKind.TASK, limit_usd=budget.task_usd, spent_usd=spent)
    for standing in (of_task, _of_person(connection, person, day, budget), _of_day(connection, day, budget)):
        left = standing.left_usd
        if left is None or (usd is not None and left >= usd):
            continue
        if left < budget.least_usd or left <= 0:
            return Exhausted(standing=standing)
        usd, by = left, standing.kind
    return usd, by


def _of_day(connection: sa.Connection, day: str, budget: Budget) -> Standing:
    return _standing(connection, BudgetKind.DAY, day, None, budget.day_usd)


def _of_person(connection: sa.Connection, person: PersonId, day: str, budget: Budget) -> Standing:
    return _standing(connection, BudgetKind.PERSON, day, person, budget.person_day_usd)


def _standing(
    connection: sa.Connection, kind: BudgetKind, day: str, person: PersonId | None, limit: float | None
) -> Standing:
    """Turns at work count wherever they began: one that began yesterday still spends."""
    whose: sa.ColumnElement[bool] = sa.true()
    if person is not None:
        whose = reservations.c.person.in_(everyone_who_is(connection, person))
    ended = sa.select(sa.func.sum(reservations.c.spent)).where(whose, reservations.c.day == day)
    working = sa.select(reservations, COST.label("cost")).where(whose, _OPEN).order_by(reservations.c.number)
    at_work = connection.execute(working).all()
    return Standing(
        kind=kind,
        person=person,
        limit_usd=limit,
        spent_usd=float(connection.execute(ended).scalar() or 0.0),
        held=tuple(
            Held(
                task=TaskId(row.task),
                turn=row.turn,
                person=PersonId(row.person),
                usd=max(row.usd or 0.0, row.cost),
                spent_usd=row.cost,
            )
            for row in at_work
        ),
    )


def _due(connection: sa.Connection, task: TaskId, budget: Budget) -> dict[str, BudgetWarned]:
    """Warnings that nobody was given yet, by the keys of their events."""
    row = connection.execute(sa.select(reservations).where(reservations.c.task == task, _OPEN)).first()
    if row is None:
        return {}
    used: list[tuple[str, BudgetKind, float | None, float]] = []
    limit = _reserved(row).limit_usd
    used.append((f"budget/task/{limit}", BudgetKind.TASK, limit, _spent(connection, task)))
    if budget.person_day_usd is not None:
        person = _of_person(connection, PersonId(row.person), row.day, budget)
        key = f"budget/person/{everyone_who_is(connection, PersonId(row.person))[0]}/{row.day}/{person.limit_usd}"
        used.append((key, BudgetKind.PERSON, person.limit_usd, person.used_usd))
    if budget.day_usd is not None:
        whole = _of_day(connection, row.day, budget)
        used.append((f"budget/day/{row.day}/{whole.limit_usd}", BudgetKind.DAY, whole.limit_usd, whole.used_usd))
    return {
        key: BudgetWarned(kind=kind, usd=round(usd, 6), limit_usd=limit)
        for key, kind, limit, usd in used
        if limit and usd >= WARNED_AT * limit and not _warned(connection, key, row)
    }


def _warned(connection: sa.Connection, key: str, row: _Row) -> bool:
    """Whether some task of that day has the warning already."""
    tasks = sa.select(reservations.c.task).where(sa.or_(reservations.c.day == row.day, _OPEN))
    found = sa.select(events.c.seq).where(events.c.key == key)
    of_task = key.startswith("budget/task/")
    where = events.c.task == row.task if of_task else events.c.task.in_(tasks)
    return connection.execute(found.where(where).limit(1)).first() is not None
