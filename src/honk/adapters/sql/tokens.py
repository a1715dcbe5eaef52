"""Access tokens in the database, by their digest."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.people import WhoIsWho, read_person
from honk.adapters.sql.schema import tokens
from honk.adapters.sql.schema_jobs import worker_tokens
from honk.domain.access import RANDOM_BYTES, Issued, Scope, Token, made_of, well_formed
from honk.domain.person import PersonId
from honk.domain.remote_job import JobKind, Rights
from honk.domain.task import TaskId
from honk.errors import Unknown, Usage
from honk.ports import Access, Clock

_NAME_LIMIT = 100


def _token(row: sa.Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        person=PersonId(row.person),
        scopes=frozenset(Scope(one) for one in row.scopes.split()),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        task=None if row.task is None else TaskId(row.task),
        rights=None if row.kinds is None else _rights(row),
    )


def _rights(row: sa.Row[Any]) -> Rights:
    return Rights(labels=frozenset(row.labels.split()), kinds=frozenset(JobKind(one) for one in row.kinds.split()))


def _known() -> sa.Select[Any]:
    own = worker_tokens.c.token == tokens.c.id
    return sa.select(tokens, worker_tokens.c.labels, worker_tokens.c.kinds).outerjoin_from(tokens, worker_tokens, own)


def _digest(token: str) -> str:
    """Unsalted and fast, which is enough for 256 random bits; looked up, so that no comparison takes a telling time."""
    return hashlib.sha256(token.encode()).hexdigest()


def _named(name: str) -> None:
    """Raises Usage for a name that nobody would know the token by."""
    if not name.strip():
        raise Usage("a token needs a name", "call it after what uses it, such as --name laptop")
    if not name.isprintable() or len(name) > _NAME_LIMIT:
        raise Usage(f"a token's name is one line of at most {_NAME_LIMIT} characters", "give a shorter one")


class SqlTokens:
    """Implements honk.ports.Tokens."""

    def __init__(self, database: Database, clock: Clock, new_id: Callable[[], str], rules: WhoIsWho) -> None:
        self._rules = rules
        self._database = database
        self._clock = clock
        self._new_id = new_id

    async def issue(
        self,
        person: PersonId,
        name: str,
        scopes: frozenset[Scope],
        *,
        expires_at: datetime | None = None,
        task: TaskId | None = None,
        rights: Rights | None = None,
    ) -> Issued:
        now, rules = self._clock(), self._rules()
        _named(name)
        bound = task is not None or rights is not None
        if bound and (scopes or None not in {task, rights}):
            raise Usage("a token that is bound to a task, or is a worker's, has no scopes", "make two tokens")
        if not scopes and not bound:
            raise Usage("a token needs a scope", f"one or more of: {', '.join(Scope)}")
        if expires_at is not None and expires_at <= now:
            raise Usage("the token would have expired already", "give a time to come")
        secret = made_of(secrets.token_bytes(RANDOM_BYTES))
        token = Token(
            id=self._new_id()[:12],
            name=name.strip(),
            person=person,
            scopes=scopes,
            created_at=now,
            expires_at=expires_at,
            task=task,
            rights=rights,
        )

        def work(connection: sa.Connection) -> None:
            read_person(connection, person, rules)
            connection.execute(
                tokens.insert().values(
                    id=token.id,
                    digest=_digest(secret.reveal()),
                    person=person,
                    name=token.name,
                    scopes=" ".join(one for one in Scope if one in scopes),
                    created_at=now,
                    expires_at=expires_at,
                    task=task,
                )
            )
            if rights is not None:
                labels, kinds = (" ".join(sorted(one)) for one in (rights.labels, rights.kinds))
                connection.execute(worker_tokens.insert().values(token=token.id, labels=labels, kinds=kinds))

        await self._database.write(work)
        return Issued(token=token, secret=secret)

    async def find(self, token: str) -> Access | None:
        if not well_formed(token):
            return None
        now, digest, rules = self._clock(), _digest(token), self._rules()

        def work(connection: sa.Connection) -> Access | None:
            row = connection.execute(_known().where(tokens.c.digest == digest)).first()
            if row is None or not (found := _token(row)).open(now):
                return None
            person = read_person(connection, found.person, rules)
            return Access(person=person, scopes=found.scopes, token=found.id, task=found.task, rights=found.rights)

        return await self._database.read(work)

    async def revoke(self, id: str) -> Token:
        now = self._clock()

        def work(connection: sa.Connection) -> Token:
            still = tokens.c.revoked_at.is_(None)
            connection.execute(tokens.update().where(tokens.c.id == id, still).values(revoked_at=now))
            row = connection.execute(_known().where(tokens.c.id == id)).first()
            if row is None:
                raise Unknown(f"there is no token {id!r}", "`honk token list` shows them")
            return _token(row)

        return await self._database.write(work)

    async def list(self) -> tuple[Token, ...]:
        query = _known().order_by(tokens.c.created_at, tokens.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(_token(row) for row in rows)
