"""Lists over many tasks, in the database: tasks that fit a search."""

import json
import re
from datetime import date
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.costs import costs
from honk.adapters.sql.database import Database
from honk.adapters.sql.delivered import SqlDelivered
from honk.adapters.sql.people import everyone_who_is
from honk.adapters.sql.schema import events, identities, people, spending, tasks
from honk.adapters.sql.tasks import task_of
from honk.domain.overview import Cost, CostOf, Found
from honk.domain.person import Identity, PersonId
from honk.domain.search import Wanted
from honk.domain.task import TaskId

#: people that one name may mean
_PEOPLE = 100
_LAST = sa.and_(events.c.task == tasks.c.id, events.c.seq == tasks.c.events)
_HEARD = sa.func.coalesce(events.c.at, tasks.c.created_at)
_Is = sa.ColumnElement[bool]


class SqlOverview(SqlDelivered):
    """Implements honk.ports.Overview."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)

    async def search(self, wanted: Wanted, *, limit: int, before: TaskId | None = None) -> tuple[Found, ...]:
        asker, joined = people.alias("asker"), people.alias("joined")
        name = sa.func.coalesce(joined.c.name, asker.c.name).label("asked_by")
        usd = sa.func.coalesce(spending.c.usd, 0.0).label("usd")
        query = (
            sa.select(tasks, name, usd, _HEARD.label("heard"))
            .join(asker, asker.c.id == tasks.c.requested_by)
            .outerjoin(joined, joined.c.id == asker.c.joined_to)
            .outerjoin(spending, spending.c.task == tasks.c.id)
            .outerjoin(events, _LAST)
            .order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
            .limit(limit)
        )
        if before is not None:
            last = sa.select(tasks.c.created_at).where(tasks.c.id == before).scalar_subquery()
            same = sa.and_(tasks.c.created_at == last, tasks.c.id < before)
            query = query.where(sa.or_(tasks.c.created_at < last, same))
        rows = await self._database.read(
            lambda connection: connection.execute(query.where(_fits(connection, wanted))).all()
        )
        return tuple(Found(task=task_of(row), asked_by=row.asked_by, usd=row.usd, heard=row.heard) for row in rows)

    async def count(self, wanted: Wanted, *, most: int) -> int:
        def work(connection: sa.Connection) -> int:
            query = sa.select(tasks.c.id).where(_fits(connection, wanted)).limit(most)
            if wanted.since is not None or any(one.since is not None for one in wanted.either):
                query = query.outerjoin(events, _LAST)
            found = connection.execute(sa.select(sa.func.count()).select_from(query.subquery()))
            return int(found.scalar_one())

        return await self._database.read(work)

    async def people(self, text: str) -> frozenset[PersonId]:
        typed = text.encode("utf-8", "replace").decode().replace("\0", "?")
        exact = [people.c.key == typed, identities.c.value == typed]
        try:
            identity = Identity.parse(typed)
        except ValueError:
            pass
        else:
            exact.append(sa.and_(identities.c.kind == identity.kind, identities.c.value == identity.value))
        query = (
            sa.select(sa.func.coalesce(people.c.joined_to, people.c.id))
            .outerjoin(identities, identities.c.person == people.c.id)
            .where(sa.or_(*exact, _has(people.c.name, text)))
            .distinct()
            .limit(_PEOPLE)
        )
        found = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return frozenset(map(PersonId, found))

    async def costs(self, of: CostOf, *, since: date, limit: int = 50) -> tuple[Cost, ...]:
        return await self._database.read(lambda connection: costs(connection, of, since, limit))


def _fits(connection: sa.Connection, wanted: Wanted) -> _Is:
    """Everything that is set."""
    found: list[_Is] = [_says(word) for word in wanted.words]
    if wanted.states is not None:
        found.append(tasks.c.state.in_(sorted(wanted.states)))
    if wanted.repositories is not None:
        found.append(tasks.c.repository_key.in_(sorted(wanted.repositories)))
    if wanted.people is not None:
        everyone = {id for one in wanted.people for id in everyone_who_is(connection, one)}
        found.append(tasks.c.requested_by.in_(sorted(everyone)))
    if wanted.contacts is not None:
        everyone = {id for one in wanted.contacts for id in everyone_who_is(connection, one)}
        still = sa.and_(tasks.c.contact.is_(None), tasks.c.requested_by.in_(sorted(everyone)))
        found.append(sa.or_(tasks.c.contact.in_(sorted(everyone)), still))
    if wanted.since is not None:
        found.append(wanted.since <= _HEARD)
    if wanted.either:
        found.append(sa.or_(*(_fits(connection, one) for one in wanted.either)))
    return sa.and_(sa.true(), *found)


def _says(word: str) -> _Is:
    """Whether the instruction, the title or the id has the word."""
    # the title is the last of the options
    titled = (tasks.c.options.ilike(f'%"title":"%{_literal(one)}%', escape="/") for one in _spelled(word))
    return sa.or_(_has(tasks.c.instruction, word), *titled, tasks.c.id.startswith(_typed(word), autoescape=True))


def _has(column: sa.Column[Any], text: str) -> _Is:
    """Whether a column of JSON has the text in it, in any letter case."""
    plain = sa.type_coerce(column, sa.Text)
    return sa.or_(*(plain.ilike(f"%{_literal(one)}%", escape="/") for one in _spelled(text)))


def _spelled(text: str) -> list[str]:
    """As JSON has it: databases know the case of ASCII letters alone, and nothing else is written there."""
    ways = {text} if text.isascii() else {text, text.lower(), text.upper(), text.capitalize()}
    return sorted({json.dumps(one)[1:-1].lower() for one in ways})


def _literal(text: str) -> str:
    """Without what means something to LIKE."""
    return re.sub(r"([/%_])", r"/\1", text)


def _typed(text: str) -> str:
    """What databases take as text: NUL and lone surrogates are in no id or name."""
    return text.encode("ascii", "replace").decode().replace("\0", "?")
