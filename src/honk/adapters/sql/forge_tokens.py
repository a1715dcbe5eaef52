"""What people let Honk have at forges, sealed with a key that is not in the database."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema import forge_tokens
from honk.domain.grant import Grant
from honk.domain.person import PersonId
from honk.domain.text import Secret
from honk.ports import Clock


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A person's grant at one forge."""

    login: str
    grant: Grant


class SqlForgeTokens:
    """One grant for each person and forge. `key` is 32 bytes that lie elsewhere than the database.

    What another key sealed, or what somebody moved to another row, is as if it were not there.
    """

    def __init__(self, database: Database, clock: Clock, key: bytes) -> None:
        self._database = database
        self._clock = clock
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    async def read(self, forge: str, person: PersonId) -> Kept | None:
        query = sa.select(forge_tokens).where(_is(forge, person))
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else self._opened(row)

    async def write(self, forge: str, person: PersonId, kept: Kept) -> None:
        """In place of a former one. Nobody renews it any more."""
        row = {
            "forge": forge,
            "person": person,
            "login": kept.login,
            "sealed": self._sealed(forge, person, kept),
            "at": self._clock(),
            "holder": "",
        }

        def work(connection: sa.Connection) -> None:
            connection.execute(forge_tokens.delete().where(_is(forge, person)))
            connection.execute(forge_tokens.insert().values(row))

        await self._database.write(work)

    async def remove(self, forge: str, person: PersonId) -> bool:
        """False where there was none."""
        gone = forge_tokens.delete().where(_is(forge, person))
        return bool(await self._database.write(lambda connection: connection.execute(gone).rowcount))

    async def claim(self, forge: str, person: PersonId, holder: str, until: datetime) -> Kept | None:
        """The grant, for the one who renews it now: what renews it is good once. None while another one does."""
        now = self._clock()
        free = sa.or_(forge_tokens.c.holder.in_(("", holder)), forge_tokens.c.held_until < now)
        taking = forge_tokens.update().where(_is(forge, person), free).values(holder=holder, held_until=until)

        def work(connection: sa.Connection) -> sa.Row[Any] | None:
            if not connection.execute(taking).rowcount:
                return None
            return connection.execute(sa.select(forge_tokens).where(_is(forge, person))).first()

        row = await self._database.write(work)
        return None if row is None else self._opened(row)

    async def renewed(self, forge: str, person: PersonId, holder: str, kept: Kept) -> bool:
        """Keeps what the renewal gave, and lets go. False, and no effect, where it was removed or replaced."""
        mine = forge_tokens.update().where(_is(forge, person), forge_tokens.c.holder == holder)
        values = {"sealed": self._sealed(forge, person, kept), "holder": "", "held_until": None, "at": self._clock()}
        return bool(await self._database.write(lambda connection: connection.execute(mine.values(values)).rowcount))

    async def release(self, forge: str, person: PersonId, holder: str) -> None:
        """The renewal did not come to anything, and what was kept still counts."""
        mine = forge_tokens.update().where(_is(forge, person), forge_tokens.c.holder == holder)
        await self._database.write(lambda connection: connection.execute(mine.values(holder="", held_until=None)))

    def _sealed(self, forge: str, person: PersonId, kept: Kept) -> str:
        grant = kept.grant
        words = {
            "of": [forge, person, kept.login],
            "access": grant.access.reveal(),
            "refresh": grant.refresh.reveal(),
            "until": grant.until.isoformat() if grant.until else "",
            "refresh_until": grant.refresh_until.isoformat() if grant.refresh_until else "",
        }
        return self._fernet.encrypt(json.dumps(words).encode()).decode()

    def _opened(self, row: sa.Row[Any]) -> Kept | None:
        try:
            words = json.loads(self._fernet.decrypt(row.sealed.encode()))
        except (InvalidToken, ValueError):
            return None
        if words["of"] != [row.forge, row.person, row.login]:
            return None
        grant = Grant(
            access=Secret(words["access"]),
            refresh=Secret(words["refresh"]),
            until=_moment(words["until"]),
            refresh_until=_moment(words["refresh_until"]),
        )
        return Kept(login=row.login, grant=grant)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _is(forge: str, person: PersonId) -> sa.ColumnElement[bool]:
    return sa.and_(forge_tokens.c.forge == forge, forge_tokens.c.person == person)
