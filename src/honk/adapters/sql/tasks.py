"""Tasks, turns, people and the mailbox in the database."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.events import append, lock_task
from honk.adapters.sql.people import WhoIsWho, everyone_who_is, find_person, read_person, seek_person
from honk.adapters.sql.plans import SqlPlans
from honk.adapters.sql.schema import events, mailbox, tasks, turns
from honk.domain.codec import dump, load
from honk.domain.event import ContactNamed, Event, TaskMoved
from honk.domain.message import Message, MessageId
from honk.domain.person import Identity, Person, PersonId
from honk.domain.repository import Repository, Used
from honk.domain.task import BUSY, LANDING, Options, State, Task, TaskId
from honk.domain.turn import Outcome, Turn
from honk.errors import Defect, Unknown, Usage
from honk.ports import Clock

Row = sa.Row[Any]


def task_of(row: Row) -> Task:
    """The task of a row of `tasks`."""
    return Task(
        id=TaskId(row.id),
        repository=load(Repository, row.repository),
        instruction=row.instruction,
        requested_by=PersonId(row.requested_by),
        state=State(row.state),
        reason=row.reason,
        options=load(Options, row.options),
        created_at=row.created_at,
        turn=row.turn,
        contact=PersonId(row.contact) if row.contact else None,
    )


def _turn(row: Row) -> Turn:
    return Turn(
        task=TaskId(row.task),
        number=row.number,
        message=load(Message, row.message),
        outcome=None if row.outcome is None else Outcome(row.outcome),
        again=row.again,
        point=row.point,
    )


def _turn_of(connection: sa.Connection, message: MessageId) -> Turn | None:
    row = connection.execute(sa.select(turns).where(turns.c.message_id == message)).first()
    return None if row is None else _turn(row)


def _insert_turn(connection: sa.Connection, turn: Turn) -> None:
    connection.execute(
        turns.insert().values(
            task=turn.task,
            number=turn.number,
            message_id=turn.message.id,
            message=dump(Message, turn.message),
            outcome=turn.outcome,
        )
    )


class SqlTasks(SqlPlans):
    """Implements honk.ports.Tasks. Unknown ids raise Defect, except where a person typed them."""

    def __init__(self, database: Database, clock: Clock, new_id: Callable[[], str], rules: WhoIsWho) -> None:
        super().__init__(database, clock)
        self._new_id = new_id
        self._rules = rules

    async def person(self, identity: Identity, name: str) -> Person:
        made = PersonId(self._new_id())
        rules = self._rules()
        return await self._database.write(lambda connection: find_person(connection, identity, name, rules, made))

    async def person_of(self, identity: Identity) -> Person | None:
        rules = self._rules()
        return await self._database.read(lambda connection: seek_person(connection, identity, rules))

    async def get_person(self, id: PersonId) -> Person:
        rules = self._rules()
        return await self._database.read(lambda connection: read_person(connection, id, rules))

    async def add(self, task: Task, turn: Turn) -> Task:
        def work(connection: sa.Connection) -> Task:
            before = _turn_of(connection, turn.message.id)
            if before is not None:
                return task_of(lock_task(connection, before.task))
            stored = replace(task, turn=turn.number)
            connection.execute(
                tasks.insert().values(
                    id=stored.id,
                    created_at=stored.created_at,
                    requested_by=stored.requested_by,
                    repository_key=stored.repository.key,
                    repository=dump(Repository, stored.repository),
                    instruction=stored.instruction,
                    options=dump(Options, stored.options),
                    state=stored.state,
                    reason=stored.reason,
                    turn=stored.turn,
                )
            )
            _insert_turn(connection, turn)
            return stored

        return await self._database.write(work)

    async def get(self, prefix: str) -> Task:
        query = sa.select(tasks).where(tasks.c.id.startswith(prefix, autoescape=True)).order_by(tasks.c.id).limit(20)
        whole = sa.select(tasks).where(tasks.c.id == prefix)
        # the whole id is found by the index, however many tasks there are
        rows = await self._database.read(
            lambda connection: connection.execute(whole).all() or connection.execute(query).all()
        )
        # LIKE ignores case in some databases
        found = [row for row in rows if row.id.startswith(prefix)]
        exact = [row for row in found if row.id == prefix]
        if not found:
            raise Unknown(f"no task begins with {prefix!r}", "`honk tasks` lists them.")
        if len(found) > 1 and not exact:
            raise Usage(
                f"several tasks begin with {prefix!r}: {', '.join(row.id for row in found)}", "Type more of it."
            )
        return task_of((exact or found)[0])

    async def list(
        self,
        *,
        states: frozenset[State] | None = None,
        limit: int = 100,
        repository: str = "",
        before: TaskId | None = None,
        by: PersonId | None = None,
    ) -> tuple[Task, ...]:
        query = sa.select(tasks).order_by(tasks.c.created_at.desc(), tasks.c.id.desc()).limit(limit)
        if states is not None:
            query = query.where(tasks.c.state.in_(sorted(states)))
        if repository:
            # a key is the name and ten digits of the address (git.address)
            named = sa.and_(
                tasks.c.repository_key.startswith(f"{repository}-", autoescape=True),
                sa.func.length(tasks.c.repository_key) == len(repository) + 11,
            )
            query = query.where(sa.or_(tasks.c.repository_key == repository, named))
        if before is not None:
            last = sa.select(tasks.c.created_at).where(tasks.c.id == before).scalar_subquery()
            same = sa.and_(tasks.c.created_at == last, tasks.c.id < before)
            query = query.where(sa.or_(tasks.c.created_at < last, same))

        def work(connection: sa.Connection) -> Sequence[Row]:
            if by is None:
                return connection.execute(query).all()
            return connection.execute(query.where(tasks.c.requested_by.in_(everyone_who_is(connection, by)))).all()

        return tuple(task_of(row) for row in await self._database.read(work))

    async def repositories(self, limit: int = 100) -> tuple[Used, ...]:
        # from key to key by the index: a question about distinct keys would look at every task
        key = tasks.c.repository_key
        keys = sa.select(sa.func.min(key).label("key")).cte("keys", recursive=True)
        following = sa.select(sa.func.min(key)).where(key > keys.c.key).scalar_subquery()
        keys = keys.union_all(sa.select(following).where(keys.c.key.is_not(None)))
        at = sa.select(sa.func.max(tasks.c.created_at)).where(key == keys.c.key).scalar_subquery()
        last = sa.select(keys.c.key, at.label("at")).where(keys.c.key.is_not(None)).subquery()
        newest = sa.select(last.c.key, last.c.at).order_by(last.c.at.desc(), last.c.key).limit(limit).subquery()
        one = sa.select(sa.func.min(tasks.c.repository)).where(key == newest.c.key, tasks.c.created_at == newest.c.at)
        query = sa.select(newest.c.at, one.scalar_subquery().label("repository"))
        query = query.order_by(newest.c.at.desc(), newest.c.key)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(Used(repository=load(Repository, row.repository), at=row.at) for row in rows)

    async def unsettled(self) -> tuple[TaskId, ...]:
        # two questions, each with an index, cost the same however many tasks rest
        busy = sa.select(tasks.c.created_at, tasks.c.id).where(tasks.c.state.in_(sorted(BUSY)))
        waits = (
            sa.select(tasks.c.created_at, tasks.c.id)
            .join(mailbox, mailbox.c.task == tasks.c.id)
            .where(mailbox.c.taken.is_(sa.false()), tasks.c.state.not_in(sorted(LANDING)))
        )
        found = await self._database.read(
            lambda connection: {*connection.execute(busy).all(), *connection.execute(waits).all()}
        )
        return tuple(TaskId(row.id) for row in sorted(found))

    async def busy(self, by: PersonId, also: frozenset[TaskId]) -> tuple[Task, ...]:
        wanted = sa.or_(tasks.c.state.in_(sorted(BUSY)), tasks.c.id.in_(sorted(also)))
        query = sa.select(tasks).where(tasks.c.requested_by == by, wanted)
        query = query.order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
        return tuple(
            task_of(row) for row in await self._database.read(lambda connection: connection.execute(query).all())
        )

    async def resting(self, before: datetime) -> tuple[Task, ...]:
        last = sa.and_(events.c.task == tasks.c.id, events.c.seq == tasks.c.events)
        heard = sa.func.coalesce(events.c.at, tasks.c.created_at)
        query = sa.select(tasks).outerjoin(events, last).where(tasks.c.state.not_in(sorted(BUSY)), heard < before)
        return tuple(
            task_of(row) for row in await self._database.read(lambda connection: connection.execute(query).all())
        )

    async def move(self, id: TaskId, to: State, reason: str = "", *, actor: PersonId | None = None) -> Task:
        now = self._clock()

        def work(connection: sa.Connection) -> Task:
            before = task_of(lock_task(connection, id))
            if (before.state, before.reason) == (to, reason):
                return before
            after = before.to(to, reason)
            connection.execute(tasks.update().where(tasks.c.id == id).values(state=after.state, reason=after.reason))
            moved = TaskMoved(state=after.state, before=before.state, reason=reason)
            append(connection, Event(id="", task=id, turn=after.turn, seq=0, at=now, actor=actor, data=moved))
            return after

        return await self._database.write(work)

    async def begin_turn(self, task: TaskId) -> Turn | None:
        def work(connection: sa.Connection) -> Turn | None:
            row = lock_task(connection, task)
            latest = sa.select(turns).where(turns.c.task == task, turns.c.number == row.turn)
            last = connection.execute(latest).first()
            if last is not None and last.outcome is None:
                return _turn(last)
            queued = sa.select(mailbox).where(mailbox.c.task == task, mailbox.c.taken.is_(sa.false()))
            oldest = connection.execute(queued.order_by(mailbox.c.number).limit(1)).first()
            if oldest is None or State(row.state) in LANDING:
                return None
            turn = Turn(task=task, number=row.turn + 1, message=load(Message, oldest.message))
            connection.execute(
                mailbox.update().where(mailbox.c.number == oldest.number).values(taken=True, handed_to=None)
            )
            _insert_turn(connection, turn)
            connection.execute(tasks.update().where(tasks.c.id == task).values(turn=turn.number, stop_asked_by=None))
            return turn

        return await self._database.write(work)

    async def turn(self, task: TaskId, number: int) -> Turn:
        query = sa.select(turns).where(turns.c.task == task, turns.c.number == number)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        if row is None:
            raise Defect(f"task {task} has no turn {number}")
        return _turn(row)

    async def end_turn(self, task: TaskId, number: int, outcome: Outcome) -> None:
        change = turns.update().where(turns.c.task == task, turns.c.number == number).values(outcome=outcome)
        if not await self._database.write(lambda connection: connection.execute(change).rowcount):
            raise Defect(f"task {task} has no turn {number}")

    async def reopen_turn(self, task: TaskId, number: int, point: str) -> Turn | None:
        def work(connection: sa.Connection) -> Turn | None:
            row = lock_task(connection, task)
            found = sa.select(turns).where(turns.c.task == task, turns.c.number == number)
            last = connection.execute(found).first()
            if last is None or row.turn != number or last.outcome is None or State(row.state) in LANDING:
                return None
            again = turns.update().where(turns.c.task == task, turns.c.number == number)
            connection.execute(again.values(outcome=None, again=last.again + 1, point=point))
            connection.execute(tasks.update().where(tasks.c.id == task).values(stop_asked_by=None))
            return replace(_turn(last), outcome=None, again=last.again + 1, point=point)

        return await self._database.write(work)

    async def set_options(self, task: TaskId, options: Options) -> Task:
        def work(connection: sa.Connection) -> Task:
            before = task_of(lock_task(connection, task))
            connection.execute(tasks.update().where(tasks.c.id == task).values(options=dump(Options, options)))
            return replace(before, options=options)

        return await self._database.write(work)

    async def name_contact(self, task: TaskId, to: Person, *, by: PersonId) -> Task:
        now = self._clock()

        def work(connection: sa.Connection) -> Task:
            before = task_of(lock_task(connection, task))
            if before.told == to.id:
                return before
            connection.execute(tasks.update().where(tasks.c.id == task).values(contact=to.id))
            named = ContactNamed(person=to.id, name=to.name, before=before.told)
            append(connection, Event(id="", task=task, turn=before.turn, seq=0, at=now, actor=by, data=named))
            return replace(before, contact=to.id)

        return await self._database.write(work)

    async def ask_stop(self, task: TaskId, by: PersonId) -> None:
        def work(connection: sa.Connection) -> None:
            lock_task(connection, task)
            latest = sa.select(sa.func.coalesce(sa.func.max(mailbox.c.number), 0)).where(mailbox.c.task == task)
            asked = tasks.update().where(tasks.c.id == task)
            connection.execute(asked.values(stop_asked_by=by, stop_after=connection.execute(latest).scalar_one()))

        await self._database.write(work)
        self._lookout.ring(task)

    async def stop_asked(self, task: TaskId) -> PersonId | None:
        query = sa.select(tasks.c.stop_asked_by).where(tasks.c.id == task)
        by = await self._database.read(lambda connection: connection.execute(query).scalar())
        return None if by is None else PersonId(by)

    async def clear_stop(self, task: TaskId) -> None:
        def work(connection: sa.Connection) -> None:
            lock_task(connection, task)
            connection.execute(tasks.update().where(tasks.c.id == task).values(stop_asked_by=None))

        await self._database.write(work)

    async def stops(self) -> tuple[TaskId, ...]:
        query = sa.select(tasks.c.id).where(tasks.c.stop_asked_by.is_not(None))
        found = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(TaskId(id) for id in found)

    async def spoken_since_stop(self, task: TaskId) -> bool:
        query = sa.select(mailbox.c.number).where(
            mailbox.c.task == task,
            mailbox.c.taken.is_(sa.false()),
            mailbox.c.number > sa.select(tasks.c.stop_after).where(tasks.c.id == task).scalar_subquery(),
        )
        return await self._database.read(lambda connection: connection.execute(query).first()) is not None
