"""Who a chat's user is, and what people prefer, in the database."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema import link_offers, links, preferences
from honk.domain.person import Identity, IdentityKind, PersonId
from honk.domain.thread import Link
from honk.ports import Clock

#: wrong codes after which an offer is void
_TRIES = 5


class SqlPreferences:
    """Implements honk.ports.Preferences."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, subject: str) -> Mapping[str, str]:
        return await self._database.read(lambda connection: _read(connection, subject))

    async def write(self, subject: str, values: Mapping[str, str]) -> Mapping[str, str]:
        def work(connection: sa.Connection) -> Mapping[str, str]:
            of = preferences.c.subject == subject
            connection.execute(preferences.delete().where(of, preferences.c.name.in_(list(values))))
            rows = [{"subject": subject, "name": name, "value": value} for name, value in values.items() if value]
            if rows:
                connection.execute(preferences.insert(), rows)
            return _read(connection, subject)

        return await self._database.write(work)


def _read(connection: sa.Connection, subject: str) -> Mapping[str, str]:
    rows = connection.execute(sa.select(preferences).where(preferences.c.subject == subject)).all()
    return {row.name: row.value for row in rows}


def _is(table: sa.Table, identity: Identity) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.kind == identity.kind, table.c.value == identity.value)


def _digest(identity: Identity, code: str) -> str:
    """Guessing is bounded by the number of tries, not by how long this takes."""
    return hashlib.sha256(f"{identity}\0{code}".encode()).hexdigest()


class SqlLinks:
    """Implements honk.ports.Links."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def offer(self, identity: Identity, person: PersonId, code: str, until: datetime) -> None:
        row = {"kind": identity.kind, "value": identity.value, "person": person, "until": until}

        def work(connection: sa.Connection) -> None:
            connection.execute(link_offers.delete().where(_is(link_offers, identity)))
            connection.execute(link_offers.insert().values(**row, digest=_digest(identity, code)))

        await self._database.write(work)

    async def accept(self, identity: Identity, code: str) -> Link | None:
        now = self._clock()
        offer = sa.select(link_offers).where(_is(link_offers, identity)).with_for_update()

        def work(connection: sa.Connection) -> Link | None:
            found = connection.execute(offer).first()
            if found is None:
                return None
            right = hmac.compare_digest(found.digest, _digest(identity, code)) and now < found.until
            if not right and found.tries + 1 < _TRIES:
                connection.execute(link_offers.update().where(_is(link_offers, identity)).values(tries=found.tries + 1))
                return None
            connection.execute(link_offers.delete().where(_is(link_offers, identity)))
            if not right:
                return None
            connection.execute(links.delete().where(_is(links, identity)))
            row = {"kind": identity.kind, "value": identity.value, "person": found.person, "at": now}
            connection.execute(links.insert().values(row))
            return Link(identity=identity, person=PersonId(found.person), at=now)

        return await self._database.write(work)

    async def of(self, identity: Identity) -> Link | None:
        query = sa.select(links).where(_is(links, identity))
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else Link(identity=identity, person=PersonId(row.person), at=row.at)

    async def all(self) -> tuple[Link, ...]:
        query = sa.select(links).order_by(links.c.at, links.c.kind, links.c.value)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(
            Link(
                identity=Identity(kind=IdentityKind(row.kind), value=row.value), person=PersonId(row.person), at=row.at
            )
            for row in rows
        )

    async def remove(self, identity: Identity) -> bool:
        gone = links.delete().where(_is(links, identity))
        return bool(await self._database.write(lambda connection: connection.execute(gone).rowcount))
