"""Threads of chats in the database: who is told of which task, and how far."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema import sayings, tasks, threads
from honk.domain.task import TaskId
from honk.domain.thread import Place, Saying, Thread
from honk.errors import Defect
from honk.ports import Clock

#: places that are named at a time: those that were told are not behind any more
_BEHIND = 1000
#: of a channel, the tasks that are looked at
_LATEST = 100


def _thread(row: sa.Row[Any]) -> Thread:
    return Thread(
        task=TaskId(row.task),
        place=Place(door=row.door, team=row.team, channel=row.channel, root=row.root),
        asked_by=row.asked_by,
        message=row.message,
        card=row.card,
        shown=row.shown,
        told=row.told,
        listens=row.listens,
        muted=row.muted,
        broken=row.broken,
    )


def _there(task: TaskId, door: str) -> sa.ColumnElement[bool]:
    return sa.and_(threads.c.task == task, threads.c.door == door)


def _find(connection: sa.Connection, task: TaskId, door: str) -> Thread | None:
    row = connection.execute(sa.select(threads).where(_there(task, door))).first()
    return None if row is None else _thread(row)


def _named(task: TaskId, door: str, key: str) -> sa.ColumnElement[bool]:
    return sa.and_(sayings.c.task == task, sayings.c.door == door, sayings.c.key == key)


class SqlThreads:
    """Implements honk.ports.Threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, thread: Thread) -> Thread:
        def work(connection: sa.Connection) -> Thread:
            if (there := _find(connection, thread.task, thread.place.door)) is not None:
                return there
            place = thread.place
            connection.execute(
                threads.insert().values(
                    task=thread.task,
                    door=place.door,
                    team=place.team,
                    channel=place.channel,
                    root=place.root,
                    asked_by=thread.asked_by,
                    message=thread.message,
                    card=thread.card,
                    shown=thread.shown,
                    told=thread.told,
                    listens=thread.listens,
                    muted=thread.muted,
                    broken=thread.broken,
                )
            )
            return thread

        return await self._database.write(work)

    async def of(self, task: TaskId, door: str) -> Thread | None:
        return await self._database.read(lambda connection: _find(connection, task, door))

    async def at(self, place: Place) -> Thread | None:
        there = (
            threads.c.door == place.door,
            threads.c.team == place.team,
            threads.c.channel == place.channel,
            threads.c.root == place.root,
        )
        query = sa.select(threads).where(*there).order_by(threads.c.number.desc()).limit(1)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else _thread(row)

    async def in_channel(self, door: str, team: str, channel: str) -> tuple[Thread, ...]:
        there = (threads.c.door == door, threads.c.team == team, threads.c.channel == channel)
        query = sa.select(threads).where(*there).order_by(threads.c.number.desc()).limit(_LATEST)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(_thread(row) for row in rows)

    async def behind(self, door: str) -> tuple[TaskId, ...]:
        query = (
            sa.select(threads.c.task)
            .join(tasks, tasks.c.id == threads.c.task)
            .where(threads.c.door == door, threads.c.broken == "", tasks.c.events > threads.c.told)
            .order_by(threads.c.number)
            .limit(_BEHIND)
        )
        found = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(TaskId(id) for id in found)

    async def claim(self, task: TaskId, door: str, holder: str, until: datetime) -> Thread | None:
        now = self._clock()
        free = sa.or_(threads.c.holder.in_(("", holder)), threads.c.held_until < now)
        taking = threads.update().where(_there(task, door), free).values(holder=holder, held_until=until)

        def work(connection: sa.Connection) -> Thread | None:
            return _find(connection, task, door) if connection.execute(taking).rowcount else None

        return await self._database.write(work)

    async def release(self, task: TaskId, door: str, holder: str) -> None:
        mine = threads.update().where(_there(task, door), threads.c.holder == holder)
        await self._database.write(lambda connection: connection.execute(mine.values(holder="", held_until=None)))

    async def told(self, task: TaskId, door: str, seq: int, shown: str) -> None:
        # Whoever lost the thread meanwhile, and is late, must not take back what was told.
        change = threads.update().where(_there(task, door), threads.c.told <= seq).values(told=seq, shown=shown)
        await self._database.write(lambda connection: connection.execute(change))

    async def change(
        self,
        task: TaskId,
        door: str,
        *,
        card: str | None = None,
        listens: bool | None = None,
        muted: bool | None = None,
        broken: str | None = None,
    ) -> Thread:
        wanted = {"card": card, "listens": listens, "muted": muted, "broken": broken}
        values = {name: value for name, value in wanted.items() if value is not None}

        def work(connection: sa.Connection) -> Thread:
            if values:
                connection.execute(threads.update().where(_there(task, door)).values(**values))
            if (found := _find(connection, task, door)) is None:
                raise Defect(f"task {task} has no thread at {door}")
            return found

        return await self._database.write(work)

    async def mend(self, door: str, channel: str) -> None:
        change = threads.update().where(threads.c.door == door, threads.c.channel == channel).values(broken="")
        await self._database.write(lambda connection: connection.execute(change))

    async def saying(self, task: TaskId, door: str, key: str) -> Saying:
        named = _named(task, door, key)

        def work(connection: sa.Connection) -> Saying:
            row = connection.execute(sa.select(sayings).where(named)).first()
            if row is not None:
                return Saying(message=row.message, begun_before=True)
            connection.execute(sayings.insert().values(task=task, door=door, key=key, message=""))
            return Saying(message="", begun_before=False)

        return await self._database.write(work)

    async def said(self, task: TaskId, door: str, key: str, message: str, *, card: str | None = None) -> Thread:
        change = sayings.update().where(_named(task, door, key)).values(message=message)
        shows = threads.update().where(_there(task, door)).values(card=message, shown=card)

        def work(connection: sa.Connection) -> Thread:
            connection.execute(change)
            if card is not None:
                connection.execute(shows)
            if (found := _find(connection, task, door)) is None:
                raise Defect(f"task {task} has no thread at {door}")
            return found

        return await self._database.write(work)

    async def sayings(self, task: TaskId, door: str) -> Mapping[str, str]:
        query = sa.select(sayings).where(sayings.c.task == task, sayings.c.door == door, sayings.c.message != "")
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.key: row.message for row in rows}
