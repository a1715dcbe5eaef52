"""Browsers that show notices, in the database, sealed with a key that is not in it."""

import base64
import json
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from honk.adapters.sql.database import Database
from honk.adapters.sql.people import everyone_who_is
from honk.adapters.sql.schema_notices import devices
from honk.domain.notice import Device
from honk.domain.person import PersonId

#: devices of one person
_MOST = 10


class SqlDevices:
    """Implements honk.ports.Devices. `key` is 32 bytes that lie elsewhere than the database.

    What another key sealed, or what somebody moved to another row, is as if it were not there.
    """

    def __init__(self, database: Database, key: bytes) -> None:
        self._database = database
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    async def add(self, device: Device) -> None:
        row = {
            "id": device.id,
            "person": device.person,
            "label": device.label,
            "sealed": self._sealed(device),
            "token": device.visit,
            "at": device.at,
            "until": device.until,
        }

        def work(connection: sa.Connection) -> None:
            connection.execute(devices.delete().where(devices.c.id == device.id))
            connection.execute(devices.insert().values(row))
            mine = devices.c.person == device.person
            latest = sa.select(devices.c.id).where(mine).order_by(devices.c.at.desc(), devices.c.id)
            old = connection.execute(latest.offset(_MOST)).scalars().all()
            connection.execute(devices.delete().where(devices.c.id.in_(old)))

        await self._database.write(work)

    async def of(self, person: PersonId) -> tuple[Device, ...]:
        def work(connection: sa.Connection) -> list[sa.Row[Any]]:
            mine = devices.c.person.in_(everyone_who_is(connection, person))
            query = sa.select(devices).where(mine).order_by(devices.c.at.desc(), devices.c.id)
            return list(connection.execute(query).all())

        rows = await self._database.read(work)
        return tuple(found for row in rows if (found := self._opened(row)) is not None)

    async def get(self, id: str) -> Device | None:
        query = sa.select(devices).where(devices.c.id == id)
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else self._opened(row)

    async def remove(self, id: str, person: PersonId | None = None) -> bool:
        def work(connection: sa.Connection) -> bool:
            gone = devices.delete().where(devices.c.id == id)
            if person is not None:
                gone = gone.where(devices.c.person.in_(everyone_who_is(connection, person)))
            return bool(connection.execute(gone).rowcount)

        return await self._database.write(work)

    def _sealed(self, device: Device) -> str:
        words = [device.id, device.person, device.endpoint, device.p256dh, device.auth]
        return self._fernet.encrypt(json.dumps(words).encode()).decode()

    def _opened(self, row: sa.Row[Any]) -> Device | None:
        try:
            id, person, endpoint, p256dh, auth = json.loads(self._fernet.decrypt(row.sealed.encode()))
        except (InvalidToken, ValueError):
            return None
        if [id, person] != [row.id, row.person]:
            return None
        return Device(
            id=row.id,
            person=PersonId(row.person),
            label=row.label,
            endpoint=endpoint,
            p256dh=p256dh,
            auth=auth,
            visit=row.token,
            at=row.at,
            until=row.until,
        )
