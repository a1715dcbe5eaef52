"""Messages between a door and the agent, in the database.

A row waits (`handed_to` is null), is on its way to the agent of a turn (`handed_to`), or is `taken`: by the
turn that it began, or, where `handed_to` stands, by the agent of that turn.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.events import append, lock_task
from honk.adapters.sql.lookout import Lookout
from honk.adapters.sql.schema import mailbox, tasks, turns
from honk.domain.codec import dump, load
from honk.domain.event import Event, EventData, MessageDelivered, MessageEdited, MessageWithdrawn
from honk.domain.message import Handling, Message, MessageId, Waiting
from honk.domain.person import PersonId
from honk.domain.task import TaskId
from honk.errors import Defect, NotNow, Unknown
from honk.ports import Clock

Row = sa.Row[Any]
_WITHDRAWN = "withdrawn"


class SqlMailbox:
    """Implements honk.ports.Mailbox."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        #: rung by whoever changes something here
        self._lookout = Lookout(self._to_see)

    async def queue_message(self, task: TaskId, message: Message, handling: Handling = Handling.QUEUED) -> None:
        def work(connection: sa.Connection) -> None:
            lock_task(connection, task)
            begun = connection.execute(sa.select(turns.c.task).where(turns.c.message_id == message.id)).scalar()
            if begun is not None and begun != task:
                raise Defect(f"message {message.id} belongs to task {begun}, not to {task}")
            if _row(connection, task, message.id) is None and begun is None:
                row = {"task": task, "message_id": message.id, "message": dump(Message, message), "handling": handling}
                connection.execute(mailbox.insert().values(row))

        await self._database.write(work)
        self._lookout.ring(task)

    async def waiting(self, task: TaskId) -> tuple[Waiting, ...]:
        query = sa.select(mailbox).where(*_untaken(task)).order_by(mailbox.c.number)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(
            Waiting(message=_message(row), handling=Handling(row.handling), handed=row.handed_to is not None)
            for row in rows
        )

    async def edit_message(self, task: TaskId, id: MessageId, text: str, *, by: PersonId) -> None:
        def work(connection: sa.Connection) -> None:
            turn = lock_task(connection, task).turn
            row = _still_waiting(connection, task, id)
            edited = dump(Message, replace(_message(row), text=text, approves=""))
            connection.execute(mailbox.update().where(mailbox.c.number == row.number).values(message=edited))
            self._append(connection, task, turn, MessageEdited(message=id, text=text), by=by)

        await self._database.write(work)

    async def withdraw_message(self, task: TaskId, id: MessageId, *, by: PersonId) -> None:
        def work(connection: sa.Connection) -> None:
            turn = lock_task(connection, task).turn
            row = _still_waiting(connection, task, id)
            gone = mailbox.update().where(mailbox.c.number == row.number)
            connection.execute(gone.values(taken=True, handling=_WITHDRAWN))
            self._append(connection, task, turn, MessageWithdrawn(message=id), by=by)

        await self._database.write(work)

    async def hand_messages(self, task: TaskId, turn: int) -> tuple[Message, ...]:
        wanted = (
            *_untaken(task),
            *_for_agent(),
        )
        query = sa.select(mailbox).where(*wanted).order_by(mailbox.c.number)

        def work(connection: sa.Connection) -> list[Row]:
            lock_task(connection, task)
            rows = list(connection.execute(query).all())
            numbers = [row.number for row in rows]
            connection.execute(mailbox.update().where(mailbox.c.number.in_(numbers)).values(handed_to=turn))
            return rows

        if not await self._database.read(lambda connection: connection.execute(query.limit(1)).first()):
            return ()
        return tuple(_message(row) for row in await self._database.write(work))

    async def take_back(self, task: TaskId, id: MessageId) -> None:
        change = mailbox.update().where(*_untaken(task), mailbox.c.message_id == id).values(handed_to=None)
        await self._database.write(lambda connection: connection.execute(change))

    async def deliver(self, task: TaskId, turn: int, id: MessageId) -> None:
        def work(connection: sa.Connection) -> None:
            lock_task(connection, task)
            row = _row(connection, task, id)
            if row is None or row.taken:
                return
            delivered = mailbox.update().where(mailbox.c.number == row.number)
            connection.execute(delivered.values(taken=True, handed_to=turn))
            told = MessageDelivered(message=id, how=row.handling)
            self._append(connection, task, turn, told, by=_message(row).by, key=f"delivered/{id}")

        await self._database.write(work)

    async def said(self, task: TaskId, turn: int) -> tuple[Message, ...]:
        began = sa.select(turns).where(turns.c.task == task, turns.c.number <= turn).order_by(turns.c.number)
        heard = sa.select(mailbox).where(
            mailbox.c.task == task,
            mailbox.c.taken.is_(sa.true()),
            mailbox.c.handling != _WITHDRAWN,
            mailbox.c.handed_to <= turn,
        )

        def work(connection: sa.Connection) -> tuple[Message, ...]:
            rows = [(row.number, 0, row) for row in connection.execute(began).all()]
            rows += [(row.handed_to, row.number, row) for row in connection.execute(heard).all()]
            return tuple(_message(row) for _, _, row in sorted(rows, key=lambda one: one[:2]))

        return await self._database.read(work)

    async def news(self, task: TaskId, seconds: float) -> None:
        await self._lookout.wait(task, seconds)

    async def _to_see(self, of: Collection[TaskId]) -> Collection[TaskId]:
        """Those of the tasks that are to stop, or for whose agent a message waits."""
        stopping = sa.select(tasks.c.id).where(tasks.c.id.in_(of), tasks.c.stop_asked_by.is_not(None))
        spoken = sa.select(mailbox.c.task).where(mailbox.c.task.in_(of), mailbox.c.taken.is_(sa.false()), *_for_agent())
        query = sa.union(stopping, spoken)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [TaskId(row[0]) for row in rows]

    def _append(
        self, connection: sa.Connection, task: TaskId, turn: int, data: EventData, *, by: PersonId, key: str = ""
    ) -> None:
        append(connection, Event(id="", task=task, turn=turn, seq=0, at=self._clock(), actor=by, data=data), key)


def _untaken(task: TaskId) -> tuple[sa.ColumnElement[bool], ...]:
    return mailbox.c.task == task, mailbox.c.taken.is_(sa.false())


def _for_agent() -> tuple[sa.ColumnElement[bool], ...]:
    return mailbox.c.handed_to.is_(None), mailbox.c.handling.in_((Handling.STEER, Handling.INTERRUPT))


def _row(connection: sa.Connection, task: TaskId, id: MessageId) -> Row | None:
    return connection.execute(sa.select(mailbox).where(mailbox.c.task == task, mailbox.c.message_id == id)).first()


def _still_waiting(connection: sa.Connection, task: TaskId, id: MessageId) -> Row:
    row = _row(connection, task, id)
    if row is None:
        raise Unknown(f"task {task} has no waiting message {id}", f"honk messages {task}")
    if row.handling == _WITHDRAWN:
        raise NotNow(f"message {id} was withdrawn")
    if row.taken or row.handed_to is not None:
        raise NotNow(f"message {id} does not wait any more: the agent has it, or is being told", "send another one")
    return row


def _message(row: Row) -> Message:
    return load(Message, row.message)
