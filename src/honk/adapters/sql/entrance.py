"""Browsers that have signed in, and what they sign in with, in the database."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.people import WhoIsWho, everyone_who_is, read_person
from honk.adapters.sql.schema import tokens
from honk.adapters.sql.schema_entrance import passkeys, sign_in_once, visits
from honk.domain.access import Scope
from honk.domain.person import Person, PersonId
from honk.domain.visit import Passkey, Visit
from honk.ports import Clock


def _digest(*words: str) -> str:
    """Unsalted and fast, which is enough for 256 random bits."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()


def _scopes(row: sa.Row[Any]) -> frozenset[Scope]:
    return frozenset(Scope(one) for one in row.scopes.split())


def _spelt(scopes: frozenset[Scope]) -> str:
    return " ".join(one for one in Scope if one in scopes)


def _of(table: sa.Table, connection: sa.Connection, person: PersonId) -> sa.ColumnElement[bool]:
    """Also what belonged to whoever was joined to the person."""
    return table.c.person.in_(everyone_who_is(connection, person))


def _token_opens(connection: sa.Connection, id: str | None, now: datetime) -> bool:
    """What does not come of an access token does not end with one."""
    if id is None:
        return True
    row = connection.execute(sa.select(tokens).where(tokens.c.id == id)).first()
    return row is not None and row.revoked_at is None and (row.expires_at is None or now < row.expires_at)


class SqlVisits:
    """Implements honk.ports.Visits."""

    def __init__(self, database: Database, clock: Clock, rules: WhoIsWho) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    async def begin(self, visit: Visit, secret: str) -> None:
        row = {
            "id": visit.id,
            "digest": _digest(secret),
            "person": visit.person,
            "scopes": _spelt(visit.scopes),
            "way": visit.way,
            "token": visit.token or None,
            "device": visit.device,
            "began_at": visit.began_at,
            "seen_at": visit.seen_at,
            "until": visit.until,
        }
        over = visits.delete().where(visits.c.until <= self._clock())

        def work(connection: sa.Connection) -> None:
            connection.execute(over)
            connection.execute(visits.insert().values(row))

        await self._database.write(work)

    async def find(self, secret: str) -> tuple[Visit, Person] | None:
        now, rules = self._clock(), self._rules()
        query = sa.select(visits).where(visits.c.digest == _digest(secret), visits.c.until > now)

        def work(connection: sa.Connection) -> tuple[Visit, Person] | None:
            row = connection.execute(query).first()
            if row is None or not _token_opens(connection, row.token, now):
                return None
            return _visit(row), read_person(connection, PersonId(row.person), rules)

        return await self._database.read(work)

    async def seen(self, id: str) -> None:
        here = visits.update().where(visits.c.id == id).values(seen_at=self._clock())
        await self._database.write(lambda connection: connection.execute(here))

    async def of(self, person: PersonId) -> tuple[Visit, ...]:
        now = self._clock()

        def work(connection: sa.Connection) -> tuple[Visit, ...]:
            mine = sa.select(visits).where(_of(visits, connection, person), visits.c.until > now)
            rows = connection.execute(mine.order_by(visits.c.seen_at.desc(), visits.c.id)).all()
            return tuple(_visit(row) for row in rows if _token_opens(connection, row.token, now))

        return await self._database.read(work)

    async def end(self, person: PersonId, id: str) -> bool:
        return bool(await self._end(person, visits.c.id == id))

    async def end_all(self, person: PersonId, *, but: str = "") -> int:
        return await self._end(person, visits.c.id != but)

    async def _end(self, person: PersonId, which: sa.ColumnElement[bool]) -> int:
        def work(connection: sa.Connection) -> int:
            return connection.execute(visits.delete().where(_of(visits, connection, person), which)).rowcount

        return await self._database.write(work)


def _visit(row: sa.Row[Any]) -> Visit:
    return Visit(
        id=row.id,
        person=PersonId(row.person),
        scopes=_scopes(row),
        way=row.way,
        token=row.token or "",
        device=row.device,
        began_at=row.began_at,
        seen_at=row.seen_at,
        until=row.until,
    )


class SqlOnetime:
    """Implements honk.ports.Onetime."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, kind: str, secret: str, words: str, until: datetime) -> None:
        over = sign_in_once.delete().where(sign_in_once.c.until <= self._clock())
        row = {"digest": _digest(kind, secret), "words": words, "until": until}

        def work(connection: sa.Connection) -> None:
            connection.execute(over)
            connection.execute(sign_in_once.insert().values(row))

        await self._database.write(work)

    async def look(self, kind: str, secret: str) -> str | None:
        return await self._database.read(self._reading(kind, secret))

    async def take(self, kind: str, secret: str) -> str | None:
        read = self._reading(kind, secret)
        gone = sign_in_once.delete().where(sign_in_once.c.digest == _digest(kind, secret))

        def work(connection: sa.Connection) -> str | None:
            words = read(connection)
            # who deletes the row has it, however many have read it
            return words if connection.execute(gone).rowcount else None

        return await self._database.write(work)

    def _reading(self, kind: str, secret: str) -> Callable[[sa.Connection], str | None]:
        query = sa.select(sign_in_once.c.words).where(
            sign_in_once.c.digest == _digest(kind, secret), sign_in_once.c.until > self._clock()
        )
        return lambda connection: connection.execute(query).scalar()


class SqlPasskeys:
    """Implements honk.ports.Passkeys."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, passkey: Passkey) -> bool:
        row = {
            "id": passkey.id,
            "person": passkey.person,
            "name": passkey.name,
            "public_key": passkey.public_key,
            "count": passkey.count,
            "scopes": _spelt(passkey.scopes),
            "token": passkey.token or None,
            "made_at": passkey.made_at,
            "used_at": passkey.used_at,
        }

        def work(connection: sa.Connection) -> bool:
            if connection.execute(sa.select(passkeys.c.id).where(passkeys.c.id == passkey.id)).first() is not None:
                return False
            connection.execute(passkeys.insert().values(row))
            return True

        return await self._database.write(work)

    async def find(self, id: str) -> Passkey | None:
        now = self._clock()

        def work(connection: sa.Connection) -> Passkey | None:
            row = connection.execute(sa.select(passkeys).where(passkeys.c.id == id)).first()
            return None if row is None or not _token_opens(connection, row.token, now) else _passkey(row)

        return await self._database.read(work)

    async def of(self, person: PersonId) -> tuple[Passkey, ...]:
        def work(connection: sa.Connection) -> tuple[Passkey, ...]:
            mine = sa.select(passkeys).where(_of(passkeys, connection, person))
            rows = connection.execute(mine.order_by(passkeys.c.made_at, passkeys.c.id)).all()
            return tuple(map(_passkey, rows))

        return await self._database.read(work)

    async def used(self, id: str, count: int) -> None:
        now = passkeys.update().where(passkeys.c.id == id).values(count=count, used_at=self._clock())
        await self._database.write(lambda connection: connection.execute(now))

    async def remove(self, person: PersonId, id: str) -> bool:
        def work(connection: sa.Connection) -> int:
            mine = passkeys.delete().where(_of(passkeys, connection, person), passkeys.c.id == id)
            return connection.execute(mine).rowcount

        return bool(await self._database.write(work))


def _passkey(row: sa.Row[Any]) -> Passkey:
    return Passkey(
        id=row.id,
        person=PersonId(row.person),
        name=row.name,
        public_key=row.public_key,
        count=row._mapping["count"],
        scopes=_scopes(row),
        token=row.token or "",
        made_at=row.made_at,
        used_at=row.used_at,
    )
