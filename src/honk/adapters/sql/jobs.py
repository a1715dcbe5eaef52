"""Jobs for labelled workers in the database."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema_jobs import remote_jobs, remote_workers
from honk.domain.codec import dump, load
from honk.domain.remote_job import OPEN, JobKind, JobState, RemoteJob, RemoteWorker, Rights
from honk.domain.task import TaskId
from honk.errors import Unknown
from honk.ports import Clock


class SqlJobs:
    """Implements honk.ports.Jobs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, job: RemoteJob) -> RemoteJob:
        def work(connection: sa.Connection) -> RemoteJob:
            if (there := _find(connection, job.id)) is not None:
                return there
            connection.execute(remote_jobs.insert().values(id=job.id, task=job.task, at=job.at, **_row(job)))
            return job

        return await self._database.write(work)

    async def get(self, id: str) -> RemoteJob:
        found = await self._database.read(lambda connection: _find(connection, id))
        return found or _unknown(id)

    async def list(self, *, task: TaskId | None = None, limit: int = 1000) -> tuple[RemoteJob, ...]:
        query = sa.select(remote_jobs.c.job).order_by(remote_jobs.c.at.desc(), remote_jobs.c.id).limit(limit)
        if task is not None:
            query = query.where(remote_jobs.c.task == task)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(load(RemoteJob, row.job) for row in rows)

    async def open(self) -> tuple[RemoteJob, ...]:
        return await self._database.write(lambda connection: _settled(connection, self._clock))

    async def claim(self, rights: Rights, worker: str, lease: str) -> RemoteJob | None:
        def work(connection: sa.Connection) -> RemoteJob | None:
            for job in _settled(connection, self._clock):
                if job.state is JobState.WAITING and job.fits(rights):
                    taken = job.taken(worker, lease, self._clock())
                    _save(connection, taken)
                    return taken
            return None

        return await self._database.write(work)

    async def change(self, id: str, work: Callable[[RemoteJob], RemoteJob]) -> RemoteJob:
        def changed(connection: sa.Connection) -> RemoteJob:
            made = work(_find(connection, id, lock=True) or _unknown(id))
            _save(connection, made)
            return made

        return await self._database.write(changed)

    async def seen(self, worker: RemoteWorker) -> None:
        own = sa.and_(remote_workers.c.token == worker.token, remote_workers.c.name == worker.name)
        row = {
            "token": worker.token,
            "name": worker.name,
            "labels": " ".join(sorted(worker.labels)),
            "kinds": " ".join(sorted(worker.kinds)),
            "host": worker.host,
            "account": worker.user,
            "seen": worker.seen,
        }

        def work(connection: sa.Connection) -> None:
            if not connection.execute(remote_workers.update().where(own).values(row)).rowcount:
                connection.execute(remote_workers.insert().values(row))

        await self._database.write(work)

    async def workers(self) -> tuple[RemoteWorker, ...]:
        query = sa.select(remote_workers).order_by(remote_workers.c.seen.desc(), remote_workers.c.name)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(_worker(row) for row in rows)


def _settled(connection: sa.Connection, clock: Clock) -> tuple[RemoteJob, ...]:
    """Open jobs, oldest first; leases that have run out have ended. Where many write at a time, one at a time."""
    query = sa.select(remote_jobs.c.job).where(remote_jobs.c.state.in_([str(one) for one in OPEN]))
    rows = connection.execute(query.order_by(remote_jobs.c.at, remote_jobs.c.id).with_for_update()).all()
    now, found = clock(), []
    for there in (load(RemoteJob, row.job) for row in rows):
        job = there.overdue(now)
        # that one was given up is kept by who tells of it
        if job is not there and job.state is not JobState.FAILED:
            _save(connection, job)
        found.append(job)
    return tuple(found)


def _find(connection: sa.Connection, id: str, *, lock: bool = False) -> RemoteJob | None:
    query = sa.select(remote_jobs.c.job).where(remote_jobs.c.id == id)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else load(RemoteJob, row.job)


def _save(connection: sa.Connection, job: RemoteJob) -> None:
    connection.execute(remote_jobs.update().where(remote_jobs.c.id == job.id).values(_row(job)))


def _row(job: RemoteJob) -> dict[str, str]:
    return {"state": str(job.state), "job": dump(RemoteJob, job)}


def _worker(row: sa.Row[Any]) -> RemoteWorker:
    return RemoteWorker(
        token=row.token,
        name=row.name,
        labels=frozenset(row.labels.split()),
        kinds=frozenset(JobKind(one) for one in row.kinds.split()),
        host=row.host,
        user=row.account,
        seen=row.seen,
    )


def _unknown(id: str) -> RemoteJob:
    raise Unknown(f"there is no job {id[:80]!r}", "honk workers list")
