"""Lists of builds and deployments over all tasks, in the database."""

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.events import event_of
from honk.adapters.sql.schema import builds, deployments, events, tasks
from honk.adapters.sql.tasks import task_of
from honk.domain.build import Build
from honk.domain.codec import load
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.event import BuildReady, DeploymentStarted, DeploymentWaits, TaskMoved
from honk.domain.overview import Built, Channel, Place, Told
from honk.domain.person import PersonId
from honk.domain.task import State, TaskId

#: environments that are shown
_PLACES = 200
#: builds that are looked at in one question, where only some of them fit
_CHUNK = 60
_WAS_LIVE = frozenset({DeploymentState.LIVE, DeploymentState.UNDONE})


class SqlDelivered:
    """The part of honk.ports.Overview that is about builds and deployments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def builds(
        self, *, repository: str = "", channel: Channel | None = None, limit: int = 30, before: str = ""
    ) -> tuple[Built, ...]:
        def work(connection: sa.Connection) -> tuple[Built, ...]:
            found: list[Built] = []
            last = connection.execute(sa.select(builds.c.number).where(builds.c.id == before)).scalar()
            while len(found) < limit:
                rows = connection.execute(_chunk(repository, channel, last, _CHUNK if channel else limit)).all()
                found += [one for one in _built(connection, rows) if channel in (None, one.channel)]
                if len(rows) < (_CHUNK if channel else limit):
                    break
                last = rows[-1].number
            return tuple(found[:limit])

        return await self._database.read(work)

    async def places(self, *, repository: str = "", history: int = 20) -> tuple[Place, ...]:
        place = sa.select(deployments.c.repository, deployments.c.environment).distinct()
        place = place.order_by(deployments.c.repository, deployments.c.environment).limit(_PLACES)
        if repository:
            place = place.where(deployments.c.repository == repository)
        return await self._database.read(
            lambda connection: tuple(
                _place(connection, row.repository, row.environment, history) for row in connection.execute(place).all()
            )
        )

    async def told(self, of: Collection[TaskId], deployments: Collection[str]) -> Mapping[str, Told]:
        types = (DeploymentStarted.type, DeploymentWaits.type, TaskMoved.type)
        query = sa.select(events).where(events.c.task.in_(sorted(of)), events.c.type.in_(types))
        query = query.order_by(events.c.task, events.c.seq)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        found: dict[str, Told] = {}
        by: dict[TaskId, PersonId] = {}
        for event in map(event_of, rows):
            match event.data:
                case TaskMoved(state=State.MERGING | State.DEPLOYING) if event.actor is not None:
                    by[event.task] = event.actor
                case DeploymentStarted(deployment=id, undo=undo) if id in deployments:
                    found[id] = Told(by=by.get(event.task), undo=undo)
                case DeploymentWaits(deployment=id, reason=reason) if id in found:
                    found[id] = Told(by=found[id].by, undo=found[id].undo, waits=reason)
        return found


def _chunk(repository: str, channel: Channel | None, last: int | None, limit: int) -> sa.Select[Any]:
    query = (
        sa.select(builds.c.number, builds.c.build, tasks)
        .join(tasks, tasks.c.id == builds.c.task)
        .order_by(builds.c.number.desc())
        .limit(limit)
    )
    if repository:
        query = query.where(tasks.c.repository_key == repository)
    if channel is Channel.MAIN:
        query = query.where(sa.exists().where(deployments.c.task == builds.c.task))
    return query if last is None else query.where(builds.c.number < last)


def _built(connection: sa.Connection, rows: Collection[sa.Row[Any]]) -> list[Built]:
    """With the environments into which each was deployed."""
    made = [(load(Build, row.build), task_of(row)) for row in rows]
    of = {task.id for _, task in made}
    told = sa.select(events).where(events.c.task.in_(sorted(of)), events.c.type == BuildReady.type)
    ready = {
        event.data.build: event.at
        for event in map(event_of, connection.execute(told.order_by(events.c.seq)))
        if isinstance(event.data, BuildReady)
    }
    kept = sa.select(deployments.c.deployment).where(deployments.c.task.in_(sorted(of)))
    went = [load(Deployment, text) for text in connection.execute(kept).scalars()] if of else []
    return [
        Built(
            build=build,
            task=task,
            at=ready.get(build.id),
            deployed=tuple(
                sorted(
                    {
                        one.environment
                        for one in went
                        if (one.task, one.digest) == (task.id, build.digest) and one.state in _WAS_LIVE
                    }
                )
            ),
        )
        for build, task in made
    ]


def _place(connection: sa.Connection, repository: str, environment: str, history: int) -> Place:
    here = sa.and_(deployments.c.repository == repository, deployments.c.environment == environment)
    query = sa.select(deployments.c.deployment).where(here)
    query = query.order_by(deployments.c.at.desc(), deployments.c.number.desc()).limit(history)
    known = tuple(load(Deployment, text) for text in connection.execute(query).scalars())
    live = next((one for one in known if one.state is DeploymentState.LIVE), None)
    before = None
    if live is not None and live.previous and live.previous not in {one.id for one in known}:
        older = sa.select(deployments.c.deployment).where(deployments.c.id == live.previous)
        text = connection.execute(older).scalar()
        before = None if text is None else load(Deployment, text)
    of = {one.task for one in (*known, *(() if before is None else (before,)))}
    rows = connection.execute(sa.select(tasks).where(tasks.c.id.in_(sorted(of)))).all()
    return Place(
        repository=repository, environment=environment, history=known, before=before, tasks=tuple(map(task_of, rows))
    )
