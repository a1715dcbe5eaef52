"""The lines before environments, and what people froze, in the database."""

from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema_deploys import deploy_freezes, deploy_line, health_watches
from honk.domain.codec import dump, load
from honk.domain.deploy_health import HealthWatch
from honk.domain.deploy_line import HELD, Freeze, Place, Stand
from honk.domain.landing import Landing
from honk.domain.person import PersonId
from honk.domain.task import TaskId


def _place(row: sa.Row[Any]) -> Place:
    return Place(
        task=TaskId(row.task),
        repository=row.repository,
        environment=row.environment,
        branch=row.branch,
        merged_at=row.merged_at,
        stand=Stand(row.stand),
        landing=load(Landing, row.landing),
        held=row.held,
    )


def _freeze(row: sa.Row[Any]) -> Freeze:
    return Freeze(
        repository=row.repository,
        environment=row.environment,
        by=PersonId(row.person),
        why=row.why,
        at=row.at,
        until=row.until,
    )


class SqlDeploys:
    """Implements honk.ports.Deploys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(self, place: Place) -> Place:
        def work(connection: sa.Connection) -> Place:
            _lock(connection, place.repository, place.environment)
            there = _find(connection, place.task)
            if there is not None and there.stand is Stand.GOING:
                return there
            made = place if there is None else replace(place, merged_at=there.merged_at, held=there.held)
            connection.execute(deploy_line.delete().where(deploy_line.c.task == place.task))
            connection.execute(deploy_line.insert().values(_row(made)))
            return made

        return await self._database.write(work)

    async def take(self, task: TaskId, *, first: bool = False) -> Place | None:
        def work(connection: sa.Connection) -> Place | None:
            own = _find(connection, task)
            if own is None or own.stand is Stand.GOING:
                return None
            _lock(connection, own.repository, own.environment)
            others = [one for one in _line(connection, own) if one.task != task]
            going = next((one for one in others if one.stand is Stand.GOING), None)
            before = [one for one in others if _before(one, own)]
            if going is not None or (before and not first):
                return going or before[-1]
            mine = deploy_line.update().where(deploy_line.c.task == task)
            connection.execute(mine.values(stand=Stand.GOING))
            return None

        return await self._database.write(work)

    async def hold(self, task: TaskId, stand: Stand) -> Place | None:
        def work(connection: sa.Connection) -> Place | None:
            own = _find(connection, task)
            if own is None:
                return None
            held = own.held + (own.stand not in HELD)
            mine = deploy_line.update().where(deploy_line.c.task == task)
            connection.execute(mine.values(stand=stand, held=held))
            return replace(own, stand=stand, held=held)

        return await self._database.write(work)

    async def leave(self, task: TaskId, *, waiting: bool = False) -> bool:
        gone = deploy_line.delete().where(deploy_line.c.task == task)
        if not waiting:
            gone = gone.where(deploy_line.c.stand.not_in([str(one) for one in HELD]))
        return bool(await self._database.write(lambda connection: connection.execute(gone).rowcount))

    async def places(self) -> tuple[Place, ...]:
        query = sa.select(deploy_line)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(sorted(map(_place, rows), key=_order))

    async def freeze(self, freeze: Freeze) -> None:
        row = {
            "repository": freeze.repository,
            "environment": freeze.environment,
            "person": freeze.by,
            "why": freeze.why,
            "at": freeze.at,
            "until": freeze.until,
        }

        def work(connection: sa.Connection) -> None:
            _lock(connection, freeze.repository, freeze.environment)
            connection.execute(deploy_freezes.delete().where(_is(freeze.repository, freeze.environment)))
            connection.execute(deploy_freezes.insert().values(row))

        await self._database.write(work)

    async def thaw(self, repository: str, environment: str) -> Freeze | None:
        def work(connection: sa.Connection) -> Freeze | None:
            row = connection.execute(sa.select(deploy_freezes).where(_is(repository, environment))).first()
            connection.execute(deploy_freezes.delete().where(_is(repository, environment)))
            return None if row is None else _freeze(row)

        return await self._database.write(work)

    async def freezes(self, repository: str) -> tuple[Freeze, ...]:
        query = sa.select(deploy_freezes).where(deploy_freezes.c.repository == repository)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(sorted(map(_freeze, rows), key=lambda one: one.environment))

    async def watch(self, watch: HealthWatch) -> None:
        row = asdict(watch)

        def work(connection: sa.Connection) -> None:
            connection.execute(health_watches.delete().where(health_watches.c.deployment == watch.deployment))
            connection.execute(health_watches.insert().values(row))

        await self._database.write(work)

    async def unwatch(self, deployment: str) -> None:
        gone = health_watches.delete().where(health_watches.c.deployment == deployment)
        await self._database.write(lambda connection: connection.execute(gone))

    async def watches(self) -> tuple[HealthWatch, ...]:
        query = sa.select(health_watches).order_by(health_watches.c.next, health_watches.c.deployment)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(HealthWatch(**one._mapping) for one in rows)


def _is(repository: str, environment: str) -> sa.ColumnElement[bool]:
    return sa.and_(deploy_freezes.c.repository == repository, deploy_freezes.c.environment == environment)


def _find(connection: sa.Connection, task: TaskId) -> Place | None:
    row = connection.execute(sa.select(deploy_line).where(deploy_line.c.task == task)).first()
    return None if row is None else _place(row)


def _line(connection: sa.Connection, own: Place) -> list[Place]:
    there = sa.select(deploy_line).where(
        deploy_line.c.repository == own.repository, deploy_line.c.environment == own.environment
    )
    return sorted(map(_place, connection.execute(there).all()), key=_order)


def _order(place: Place) -> tuple[float, str]:
    return place.merged_at.timestamp(), place.task


def _before(one: Place, own: Place) -> bool:
    along = one.stand is Stand.CLOSED and one.branch == own.branch
    return _order(one) < _order(own) and not along


def _row(place: Place) -> dict[str, object]:
    return {
        "task": place.task,
        "repository": place.repository,
        "environment": place.environment,
        "branch": place.branch,
        "merged_at": place.merged_at,
        "stand": place.stand,
        "landing": dump(Landing, place.landing),
        "held": place.held,
    }


def _lock(connection: sa.Connection, repository: str, environment: str) -> None:
    """Where many write at a time, one at a time for an environment; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        name = f"deploy {repository} {environment}"
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))
