"""Builds in channels and builds' numbers, in the database."""

from datetime import datetime

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema_channels import build_numbers, channel_offers
from honk.domain.channel import Offer
from honk.domain.codec import dump, load
from honk.domain.repository import Sha
from honk.domain.stamp import GREATEST, Stamp
from honk.domain.task import TaskId
from honk.errors import Usage


class SqlOffers:
    """Implements honk.ports.Offers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def stamp(self, app: str, task: TaskId, commit: Sha, wanted: Stamp) -> Stamp:
        def work(connection: sa.Connection) -> Stamp:
            _lock(connection, f"number {app}")
            if known := _stamp(connection, task, commit):
                return known
            greatest = sa.select(sa.func.max(build_numbers.c.number)).where(build_numbers.c.app == app)
            made = wanted.numbered(max((connection.execute(greatest).scalar() or 0) + 1, wanted.number))
            if made.number > GREATEST:
                raise Usage(f"there is no build number after {GREATEST}", "set first_number in [build] lower")
            row = {"task": task, "commit": commit, "app": app, "number": made.number, "stamp": dump(Stamp, made)}
            connection.execute(build_numbers.insert().values(row))
            return made

        return await self._database.write(work)

    async def stamped(self, task: TaskId, commit: Sha) -> Stamp | None:
        return await self._database.read(lambda connection: _stamp(connection, task, commit))

    async def begin(self, offer: Offer) -> Offer:
        def work(connection: sa.Connection) -> Offer:
            _lock(connection, f"offer {offer.build} {offer.channel}")
            there = connection.execute(_one(offer.build, offer.channel)).scalar()
            if there is not None:
                return load(Offer, there)
            connection.execute(channel_offers.insert().values(_row(offer)))
            return offer

        return await self._database.write(work)

    async def save(self, offer: Offer) -> None:
        is_it = sa.and_(channel_offers.c.build == offer.build, channel_offers.c.channel == offer.channel)
        change = channel_offers.update().where(is_it).values(_row(offer))
        await self._database.write(lambda connection: connection.execute(change))

    async def find(self, build: str, channel: str) -> Offer | None:
        text = await self._database.read(lambda connection: connection.execute(_one(build, channel)).scalar())
        return None if text is None else load(Offer, text)

    async def offers(self, build: str) -> tuple[Offer, ...]:
        query = sa.select(channel_offers.c.offer).where(channel_offers.c.build == build)
        return await self._all(query.order_by(channel_offers.c.channel))

    async def due(self, now: datetime) -> tuple[Offer, ...]:
        query = sa.select(channel_offers.c.offer).where(channel_offers.c.due <= now)
        return await self._all(query.order_by(channel_offers.c.due, channel_offers.c.build, channel_offers.c.channel))

    async def _all(self, query: sa.Select[str]) -> tuple[Offer, ...]:
        texts = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(load(Offer, text) for text in texts)


def _one(build: str, channel: str) -> sa.Select[str]:
    return sa.select(channel_offers.c.offer).where(channel_offers.c.build == build, channel_offers.c.channel == channel)


def _row(offer: Offer) -> dict[str, object]:
    return {
        "build": offer.build,
        "channel": offer.channel,
        "task": offer.task,
        "offer": dump(Offer, offer),
        "due": offer.due,
    }


def _stamp(connection: sa.Connection, task: TaskId, commit: Sha) -> Stamp | None:
    query = sa.select(build_numbers.c.stamp).where(build_numbers.c.task == task, build_numbers.c.commit == commit)
    text = connection.execute(query).scalar()
    return None if text is None else load(Stamp, text)


def _lock(connection: sa.Connection, name: str) -> None:
    """Where many write at a time, one at a time; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))
