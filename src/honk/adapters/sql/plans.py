"""Plans that wait, in the database: each is approved or cancelled while it is the latest word, and once.

Whether it still waits is looked up in the transaction that acts on it, so of two people who press at the same
moment one is first, and the other is told.
"""

from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.events import append, lock_task
from honk.adapters.sql.mailbox import SqlMailbox
from honk.adapters.sql.schema import mailbox, tasks, turns
from honk.domain.codec import dump
from honk.domain.event import Event, TaskMoved
from honk.domain.message import Handling, Message
from honk.domain.person import PersonId
from honk.domain.task import State, TaskId
from honk.domain.turn import turn_name

Row = sa.Row[Any]


class SqlPlans(SqlMailbox):
    """Implements honk.ports.store.Plans."""

    async def approve_plan(self, task: TaskId, message: Message) -> bool:
        known = sa.select(mailbox.c.number).where(mailbox.c.task == task, mailbox.c.message_id == message.id)
        row = {"task": task, "message_id": message.id, "message": dump(Message, message), "handling": Handling.QUEUED}

        def work(connection: sa.Connection) -> bool:
            locked = lock_task(connection, task)
            if connection.execute(known).first() is not None:
                return True
            if not _waits(connection, locked, message.approves):
                return False
            connection.execute(mailbox.insert().values(row))
            return True

        return await self._database.write(work)

    async def cancel_plan(self, task: TaskId, plan: str, reason: str, *, by: PersonId) -> bool:
        now = self._clock()

        def work(connection: sa.Connection) -> bool:
            locked = lock_task(connection, task)
            if not _waits(connection, locked, plan):
                return False
            stopped = tasks.update().where(tasks.c.id == task)
            connection.execute(stopped.values(state=State.STOPPED, reason=reason))
            moved = TaskMoved(state=State.STOPPED, before=locked.state, reason=reason)
            append(connection, Event(id="", task=task, turn=locked.turn, seq=0, at=now, actor=by, data=moved))
            return True

        return await self._database.write(work)


def _waits(connection: sa.Connection, task: Row, plan: str) -> bool:
    last = connection.execute(sa.select(turns).where(turns.c.task == task.id, turns.c.number == task.turn)).one()
    spoken = sa.select(mailbox.c.number).where(mailbox.c.task == task.id, mailbox.c.taken.is_(sa.false()))
    latest = task.state == State.WAITING and last.outcome is not None and turn_name(last.number, last.again) == plan
    return latest and connection.execute(spoken).first() is None
