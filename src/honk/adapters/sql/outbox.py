"""What people were told of, and what is on its way to them, in the database."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema import tasks
from honk.adapters.sql.schema_notices import noticed, postings
from honk.domain.notice import Posting
from honk.domain.person import PersonId
from honk.domain.task import TaskId
from honk.ports import Clock


class SqlOutbox:
    """Implements honk.ports.Outbox."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def behind(self, limit: int = 200, *, of: Collection[TaskId] | None = None) -> Mapping[TaskId, int]:
        wanted = sa.true() if of is None else tasks.c.id.in_(sorted(of))
        told = sa.func.coalesce(noticed.c.told, 0)
        query = (
            sa.select(tasks.c.id, told.label("told"))
            .outerjoin(noticed, noticed.c.task == tasks.c.id)
            .where(tasks.c.events > told, wanted)
            .order_by(tasks.c.created_at, tasks.c.id)
            .limit(limit)
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {TaskId(row.id): row.told for row in rows}

    async def look(self, task: TaskId, *, before: int, told: int, postings: tuple[Posting, ...]) -> bool:
        now = self._clock()
        mine = noticed.update().where(noticed.c.task == task, noticed.c.told == before).values(told=told)

        def work(connection: sa.Connection) -> bool:
            known = connection.execute(sa.select(noticed.c.told).where(noticed.c.task == task)).first()
            if known is None:
                connection.execute(noticed.insert().values(task=task, told=0))
            if not connection.execute(mine).rowcount:
                return False
            for posting in postings:
                _put(connection, posting, now)
            return True

        return await self._database.write(work)

    async def put(self, posting: Posting) -> None:
        now = self._clock()
        await self._database.write(lambda connection: _put(connection, posting, now))

    async def take(self, holder: str, until: datetime, limit: int) -> tuple[Posting, ...]:
        now = self._clock()
        free = sa.or_(postings.c.held_until.is_(None), postings.c.held_until < now)
        query = sa.select(postings).where(postings.c.due <= now, free).order_by(postings.c.due, postings.c.task)
        locking = query.limit(limit).with_for_update(skip_locked=True)

        def work(connection: sa.Connection) -> tuple[Posting, ...]:
            found = tuple(_posting(row) for row in connection.execute(locking).all())
            for one in found:
                taking = postings.update().where(_is(one))
                connection.execute(taking.values(holder=holder, held_until=until, tries=postings.c.tries + 1))
            return found

        if not await self._database.read(lambda connection: connection.execute(query.limit(1)).first()):
            return ()
        return await self._database.write(work)

    async def done(self, posting: Posting) -> None:
        gone = postings.delete().where(_is(posting))
        await self._database.write(lambda connection: connection.execute(gone))

    async def put_off(self, posting: Posting, until: datetime) -> None:
        change = postings.update().where(_is(posting)).values(due=until, holder="", held_until=None)
        await self._database.write(lambda connection: connection.execute(change))


def _posting(row: sa.Row[Any]) -> Posting:
    return Posting(task=TaskId(row.task), seq=row.seq, person=PersonId(row.person), target=row.target, tries=row.tries)


def _is(posting: Posting) -> sa.ColumnElement[bool]:
    return sa.and_(
        postings.c.task == posting.task,
        postings.c.seq == posting.seq,
        postings.c.person == posting.person,
        postings.c.target == posting.target,
    )


def _put(connection: sa.Connection, posting: Posting, now: datetime) -> None:
    if connection.execute(sa.select(postings.c.seq).where(_is(posting))).first() is None:
        row = {"task": posting.task, "seq": posting.seq, "person": posting.person, "target": posting.target}
        connection.execute(postings.insert().values(**row, due=now))
