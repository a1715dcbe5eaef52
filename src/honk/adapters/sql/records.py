"""What the steps made, in the database."""

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.events import lock_task
from honk.adapters.sql.schema import (
    builds,
    comments,
    deployments,
    findings_cache,
    mailbox,
    pull_request_numbers,
    pull_requests,
    spending,
    turns,
    verdicts,
)
from honk.adapters.sql.schema_jobs import remote_jobs
from honk.domain.build import Build
from honk.domain.codec import dump, load
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.limits import Spending
from honk.domain.pull_request import Comment, PullRequest
from honk.domain.repository import Sha
from honk.domain.task import TaskId
from honk.domain.verdict import Verdict
from honk.ports import Clock

#: how an artifact is named in a record
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
#: the version that is live, and the one that an undo makes live again
_KEPT_VERSIONS = 2
_COUNTS = frozenset({DeploymentState.LIVE, DeploymentState.STARTED})
#: how long a cached finding counts
CACHED_FOR = timedelta(days=7)


def _put(connection: sa.Connection, table: sa.Table, keys: dict[str, object], values: dict[str, object]) -> None:
    """Changes the row with these keys, or inserts it."""
    change = table.update().where(*(table.c[name] == value for name, value in keys.items())).values(**values)
    if not connection.execute(change).rowcount:
        connection.execute(table.insert().values(**keys, **values))


def _next_number(connection: sa.Connection, repository: str) -> int:
    counter = pull_request_numbers
    raised = counter.update().where(counter.c.repository == repository).values(latest=counter.c.latest + 1)
    number = connection.execute(raised.returning(counter.c.latest)).scalar()
    if number is not None:
        return int(number)
    connection.execute(counter.insert().values(repository=repository, latest=1))
    return 1


_BUILDS = sa.select(builds.c.build, builds.c.revoked, builds.c.fetched)


class SqlRecords:
    """Implements honk.ports.Records. A record of a task that is not stored raises Defect."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def save_verdict(self, task: TaskId, turn: int, attempt: int, verdict: Verdict) -> None:
        def work(connection: sa.Connection) -> None:
            lock_task(connection, task)
            keys: dict[str, object] = {"task": task, "turn": turn, "attempt": attempt}
            _put(connection, verdicts, keys, {"verdict": dump(Verdict, verdict)})

        await self._database.write(work)

    async def verdict(self, task: TaskId, commit: Sha | None = None) -> Verdict | None:
        query = (
            sa.select(verdicts.c.verdict)
            .where(verdicts.c.task == task)
            .order_by(verdicts.c.turn.desc(), verdicts.c.attempt.desc())
        )
        rows = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        given = (load(Verdict, text) for text in rows)
        return next((one for one in given if commit in (None, one.commit)), None)

    async def cached(self, key: str) -> str | None:
        return await self._one(
            sa.select(findings_cache.c.value).where(
                findings_cache.c.key == key, findings_cache.c.at > self._clock() - CACHED_FOR
            )
        )

    async def cache(self, key: str, value: str) -> None:
        now = self._clock()

        def work(connection: sa.Connection) -> None:
            connection.execute(findings_cache.delete().where(findings_cache.c.at <= now - CACHED_FOR))
            _put(connection, findings_cache, {"key": key}, {"value": value, "at": now})

        await self._database.write(work)

    async def spent(self, task: TaskId) -> Spending:
        query = sa.select(spending).where(spending.c.task == task)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return Spending() if row is None else Spending(**{name: row[name] for name in asdict(Spending())})

    async def add_spending(self, task: TaskId, more: Spending) -> None:
        def work(connection: sa.Connection) -> None:
            lock_task(connection, task)
            values = asdict(more)
            sums = {name: spending.c[name] + value for name, value in values.items()}
            if not connection.execute(spending.update().where(spending.c.task == task).values(**sums)).rowcount:
                connection.execute(spending.insert().values(task=task, **values))

        await self._database.write(work)

    async def save_pull_request(self, repository: str, pull_request: PullRequest) -> PullRequest:
        def work(connection: sa.Connection) -> PullRequest:
            lock_task(connection, pull_request.task)
            stored = pull_request
            if not stored.number:
                known = sa.select(pull_requests.c.number).where(pull_requests.c.task == pull_request.task)
                number = connection.execute(known).scalar() or _next_number(connection, repository)
                stored = replace(pull_request, number=number)
            values: dict[str, object] = {
                "repository": repository,
                "number": stored.number,
                "pull_request": dump(PullRequest, stored),
            }
            _put(connection, pull_requests, {"task": stored.task}, values)
            return stored

        return await self._database.write(work)

    async def pull_request(self, task: TaskId) -> PullRequest | None:
        text = await self._one(sa.select(pull_requests.c.pull_request).where(pull_requests.c.task == task))
        return None if text is None else load(PullRequest, text)

    async def save_comment(self, comment: Comment) -> None:
        def work(connection: sa.Connection) -> None:
            lock_task(connection, comment.task)
            same = sa.select(comments.c.number).where(comments.c.task == comment.task, comments.c.key == comment.key)
            if connection.execute(same).first() is None:
                values = {"task": comment.task, "key": comment.key, "comment": dump(Comment, comment)}
                connection.execute(comments.insert().values(**values))

        await self._database.write(work)

    async def comments(self, task: TaskId) -> tuple[Comment, ...]:
        query = sa.select(comments.c.comment).where(comments.c.task == task).order_by(comments.c.number)
        rows = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(load(Comment, text) for text in rows)

    async def save_build(self, build: Build) -> None:
        def work(connection: sa.Connection) -> None:
            lock_task(connection, build.task)
            _put(connection, builds, {"id": build.id}, {"task": build.task, "build": dump(Build, build)})

        await self._database.write(work)

    async def build(self, task: TaskId) -> Build | None:
        query = _BUILDS.where(builds.c.task == task)
        return await self._build(query.order_by(builds.c.older, builds.c.number.desc()).limit(1))

    async def builds(self, task: TaskId) -> tuple[Build, ...]:
        query = _BUILDS.where(builds.c.task == task).order_by(builds.c.number)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(_counted(*row) for row in rows)

    async def set_older(self, id: str, older: bool) -> None:
        change = builds.update().where(builds.c.id == id).values(older=older)
        await self._database.write(lambda connection: connection.execute(change))

    async def find_build(self, id: str) -> Build | None:
        return await self._build(_BUILDS.where(builds.c.id == id))

    async def _build(self, query: sa.Select[str, int, int]) -> Build | None:
        row = await self._database.read(lambda connection: connection.execute(query).first())
        return None if row is None else _counted(*row)

    async def end_links(self, build: str) -> None:
        await self._add_one(build, builds.c.revoked)

    async def count_fetched(self, build: str) -> None:
        await self._add_one(build, builds.c.fetched)

    async def _add_one(self, build: str, column: sa.Column[int]) -> None:
        more = builds.update().where(builds.c.id == build).values({column: column + 1})
        await self._database.write(lambda connection: connection.execute(more))

    async def save_deployment(self, deployment: Deployment) -> None:
        values: dict[str, object] = {
            "task": deployment.task,
            "repository": deployment.repository,
            "environment": deployment.environment,
            "at": deployment.at,
            "deployment": dump(Deployment, deployment),
        }

        def work(connection: sa.Connection) -> None:
            lock_task(connection, deployment.task)
            _put(connection, deployments, {"id": deployment.id}, values)

        await self._database.write(work)

    async def deployments(self, repository: str, environment: str) -> tuple[Deployment, ...]:
        query = (
            sa.select(deployments.c.deployment)
            .where(deployments.c.repository == repository, deployments.c.environment == environment)
            .order_by(deployments.c.at.desc(), deployments.c.number.desc())
        )
        rows = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return tuple(load(Deployment, text) for text in rows)

    async def named(self) -> Mapping[str, frozenset[TaskId]]:
        def work(connection: sa.Connection) -> Mapping[str, frozenset[TaskId]]:
            found: dict[str, set[TaskId]] = {}
            for column in (verdicts.c.verdict, builds.c.build, turns.c.message, mailbox.c.message, remote_jobs.c.job):
                query = sa.select(column.table.c.task, column).execution_options(yield_per=200)
                for task, text in connection.execute(query):
                    for digest in _DIGEST.findall(text):
                        found.setdefault(digest, set()).add(TaskId(task))
            return {digest: frozenset(tasks) for digest, tasks in found.items()}

        return await self._database.read(work)

    async def in_use(self) -> frozenset[str]:
        query = sa.select(deployments.c.deployment).order_by(deployments.c.at.desc(), deployments.c.number.desc())
        rows = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        live: dict[tuple[str, str], list[str]] = {}
        for one in (load(Deployment, text) for text in rows):
            digests = live.setdefault((one.repository, one.environment), [])
            if one.state in _COUNTS and len(digests) < _KEPT_VERSIONS and one.digest not in digests:
                digests.append(one.digest)
        return frozenset(digest for digests in live.values() for digest in digests)

    async def _one(self, query: sa.Select[str]) -> str | None:
        return await self._database.read(lambda connection: connection.execute(query).scalar())


def _counted(build: str, revoked: int, fetched: int) -> Build:
    return replace(load(Build, build), revoked=revoked, fetched=fetched)
