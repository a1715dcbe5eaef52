"""What turns have cost, added up in the database."""

from datetime import date

import sqlalchemy as sa

from honk.adapters.sql.budgets import COST
from honk.adapters.sql.schema import people, reservations, tasks
from honk.domain.overview import Cost, CostOf


def costs(connection: sa.Connection, of: CostOf, since: date, limit: int) -> tuple[Cost, ...]:
    """See honk.ports.Overview."""
    turn = sa.select(reservations.c.task, reservations.c.day, reservations.c.person, COST.label("usd"))
    each = turn.where(reservations.c.day >= since.isoformat()).subquery()
    named = {
        CostOf.DAY: each.c.day,
        CostOf.PERSON: sa.func.coalesce(people.c.joined_to, people.c.id),
        CostOf.REPOSITORY: tasks.c.repository_key,
        CostOf.TASK: each.c.task,
    }[of]
    usd = sa.func.sum(each.c.usd)
    query = sa.select(
        named.label("of"),
        usd.label("usd"),
        sa.func.count().label("turns"),
        sa.func.count(sa.distinct(each.c.task)).label("tasks"),
    ).select_from(each)
    if of is CostOf.PERSON:
        query = query.join(people, people.c.id == each.c.person)
    if of is CostOf.REPOSITORY:
        query = query.join(tasks, tasks.c.id == each.c.task)
    order = (named.desc(),) if of is CostOf.DAY else (usd.desc(), named)
    rows = connection.execute(query.group_by(named).order_by(*order).limit(limit)).all()
    return tuple(Cost(of=row.of, usd=float(row.usd), turns=row.turns, tasks=row.tasks) for row in rows)
