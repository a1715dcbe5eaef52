"""The append-only event log in the database."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import APPENDED, Database
from honk.adapters.sql.schema import events, tasks
from honk.domain.codec import dump_event, load_event
from honk.domain.event import Event, EventData
from honk.domain.person import PersonId
from honk.domain.task import TaskId
from honk.errors import Defect
from honk.ports import Clock

#: Made once: building them takes longer than running them. The first locks the task's row, as `lock_task` does.
_RAISED = (
    tasks.update().where(tasks.c.id == sa.bindparam("of")).values(events=tasks.c.events + 1).returning(tasks.c.events)
)
_INSERTED = events.insert()


def lock_task(connection: sa.Connection, task: TaskId) -> sa.Row[Any]:
    """The task's row, locked until the transaction ends. Raises Defect for an unknown task."""
    row = connection.execute(sa.select(tasks).where(tasks.c.id == task).with_for_update()).first()
    if row is None:
        raise unknown(task)
    return row


def unknown(task: TaskId) -> Defect:
    """For an id that only Honk itself can have got wrong."""
    return Defect(f"there is no task {task}")


def append(connection: sa.Connection, event: Event, key: str = "") -> Event:
    """Writes the event as the task's next one in the caller's transaction, or returns the one that has the key.

    Its `id` and `seq` are given here, whatever they were.
    """
    task = event.task
    if key:
        lock_task(connection, task)
        before = connection.execute(sa.select(events).where(events.c.task == task, events.c.key == key)).first()
        if before is not None:
            return event_of(before)
    seq: int | None = connection.execute(_RAISED, {"of": task}).scalar()
    if seq is None:
        raise unknown(task)
    row = {
        "task": task,
        "seq": seq,
        "turn": event.turn,
        "at": event.at,
        "actor": event.actor,
        "type": event.type,
        "version": event.data.version,
        "data": dump_event(event.data),
        "key": key or None,
    }
    connection.execute(_INSERTED, row)
    stored = replace(event, id=_id(task, seq), seq=seq)
    connection.info.setdefault(APPENDED, []).append(stored)
    return stored


def _id(task: str, seq: int) -> str:
    return f"{task}.{seq}"


def event_of(row: sa.Row[Any]) -> Event:
    """The event of a row of `events`."""
    return Event(
        id=_id(row.task, row.seq),
        task=TaskId(row.task),
        turn=row.turn,
        seq=row.seq,
        at=row.at,
        actor=None if row.actor is None else PersonId(row.actor),
        data=load_event(row.type, row.version, row.data),
    )


class SqlEvents:
    """Implements honk.ports.Events. An event's id is `<task id>.<seq>`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(
        self, task: TaskId, turn: int, data: EventData, *, actor: PersonId | None = None, key: str = ""
    ) -> Event:
        draft = Event(id="", task=task, turn=turn, seq=0, at=self._clock(), actor=actor, data=data)
        return await self._database.write(lambda connection: append(connection, draft, key))

    async def read(self, task: TaskId, after: int = 0, limit: int = 10_000) -> tuple[Event, ...]:
        query = sa.select(events).where(events.c.task == task, events.c.seq > after).order_by(events.c.seq).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(event_of(row) for row in rows)

    async def latest(self, of: Collection[TaskId]) -> Mapping[TaskId, int]:
        query = sa.select(tasks.c.id, tasks.c.events).where(tasks.c.id.in_(of))
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {TaskId(row.id): row.events for row in rows}
