"""The audit log in the database, whose triggers refuse to change it."""

from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.people import everyone_who_is
from honk.adapters.sql.schema import audit
from honk.domain.audit import NEWEST, Entry, Window
from honk.domain.person import PersonId
from honk.domain.policy import Act
from honk.domain.task import TaskId


def _entry(row: sa.Row[Any]) -> Entry:
    return Entry(
        number=row.number,
        at=row.at,
        person=PersonId(row.person),
        act=Act(row.act),
        repository=row.repository,
        task=None if row.task is None else TaskId(row.task),
        allowed=row.allowed,
        reason=row.reason,
        policy=row.policy,
    )


class SqlAudit:
    """Implements honk.ports.Audit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, entry: Entry) -> None:
        values = {
            "at": entry.at,
            "person": entry.person,
            "act": entry.act,
            "repository": entry.repository,
            "task": entry.task,
            "allowed": entry.allowed,
            "reason": entry.reason,
            "policy": entry.policy,
        }
        await self._database.write(lambda connection: connection.execute(audit.insert().values(**values)))

    async def read(
        self,
        *,
        task: TaskId | None = None,
        person: PersonId | None = None,
        act: Act | None = None,
        repository: str = "",
        window: Window = NEWEST,
    ) -> tuple[Entry, ...]:
        query = sa.select(audit).order_by(audit.c.number.desc()).limit(window.limit)
        if task is not None:
            query = query.where(audit.c.task == task)
        if act is not None:
            query = query.where(audit.c.act == act)
        if repository:
            query = query.where(audit.c.repository.icontains(repository.replace("\0", "?"), autoescape=True))
        if window.since is not None:
            query = query.where(audit.c.at >= window.since)
        if window.before is not None:
            query = query.where(audit.c.number < window.before)

        def work(connection: sa.Connection) -> list[sa.Row[Any]]:
            asked = query
            if person is not None:
                asked = asked.where(audit.c.person.in_(everyone_who_is(connection, person)))
            return list(connection.execute(asked).all())

        return tuple(_entry(row) for row in await self._database.read(work))
