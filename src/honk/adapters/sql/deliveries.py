"""What chats delivered, in the database: kept first, acknowledged then, worked on once."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema import deliveries
from honk.domain.thread import Delivery
from honk.ports import Clock


def _delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(id=row.id, door=row.door, kind=row.kind, lane=row.lane, body=row.body, at=row.at, tries=row.tries)


class SqlDeliveries:
    """Implements honk.ports.Deliveries."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, delivery: Delivery) -> bool:
        known = sa.select(deliveries.c.number).where(deliveries.c.id == delivery.id)
        row = {
            "id": delivery.id,
            "door": delivery.door,
            "kind": delivery.kind,
            "lane": delivery.lane,
            "body": delivery.body,
            "at": delivery.at,
        }

        def work(connection: sa.Connection) -> bool:
            if connection.execute(known).first() is not None:
                return False
            connection.execute(deliveries.insert().values(row))
            return True

        return await self._database.write(work)

    async def take(
        self, door: str, holder: str, until: datetime, limit: int, kinds: Collection[str] = ()
    ) -> tuple[Delivery, ...]:
        now = self._clock()
        earlier = deliveries.alias()
        before = sa.exists().where(
            earlier.c.open.is_(sa.true()),
            earlier.c.door == deliveries.c.door,
            earlier.c.lane == deliveries.c.lane,
            earlier.c.number < deliveries.c.number,
        )
        free = sa.or_(deliveries.c.held_until.is_(None), deliveries.c.held_until < now)
        wanted = deliveries.c.kind.in_(sorted(kinds)) if kinds else sa.true()
        query = (
            sa.select(deliveries)
            .where(deliveries.c.open.is_(sa.true()), deliveries.c.door == door, wanted, free, ~before)
            .order_by(deliveries.c.number)
            .limit(limit)
        )
        locking = query.with_for_update(skip_locked=True)

        def work(connection: sa.Connection) -> tuple[Delivery, ...]:
            rows = connection.execute(locking).all()
            numbers = [row.number for row in rows]
            mine = deliveries.update().where(deliveries.c.number.in_(numbers))
            connection.execute(mine.values(held_until=until, tries=deliveries.c.tries + 1))
            return tuple(_delivery(row) for row in rows)

        if not await self._database.read(lambda connection: connection.execute(query.limit(1)).first()):
            return ()
        return await self._database.write(work)

    async def done(self, id: str, *, keeps: bool = False) -> None:
        change = deliveries.update().where(deliveries.c.id == id).values(open=False, held_until=None)
        if not keeps:
            change = change.values(body="")
        await self._database.write(lambda connection: connection.execute(change))

    async def put_off(self, id: str, until: datetime) -> None:
        change = deliveries.update().where(deliveries.c.id == id).values(held_until=until)
        await self._database.write(lambda connection: connection.execute(change))

    async def get(self, id: str) -> Delivery | None:
        query = sa.select(deliveries).where(deliveries.c.id == id)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else _delivery(row)

    async def in_lane(self, lane: str, kind: str) -> tuple[Delivery, ...]:
        query = sa.select(deliveries).where(deliveries.c.lane == lane, deliveries.c.kind == kind)
        query = query.order_by(deliveries.c.number)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(_delivery(row) for row in rows)

    async def forget(self, before: datetime) -> int:
        old = deliveries.delete().where(deliveries.c.open.is_(sa.false()), deliveries.c.at < before)
        return int(await self._database.write(lambda connection: connection.execute(old).rowcount))
