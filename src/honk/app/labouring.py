"""Workers elsewhere: their tokens, the jobs that they come for, and what becomes of those.

A worker asks, and is never called: its machine needs no open port. Whoever holds a job's lease may say what became of
it, and nobody else.
"""

import json
import secrets
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
import structlog
from anyio.to_thread import run_sync

from honk.app.packing import packed
from honk.app.turns import Turns
from honk.domain.access import Issued
from honk.domain.event import BuildFailed, StepProgressed
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.remote_job import JobKind, JobState, RemoteJob, RemoteWorker, Rights, together, why_waits
from honk.domain.text import one_line, shortened, visible
from honk.errors import HonkError, NotAllowed, NotNow, TooLarge, Unknown
from honk.steps.deploy import under_way
from honk.steps.prepare import chosen_base

_log = structlog.get_logger()
#: what a job may print, in characters, and how many of its lines become events
MOST_PRINTED, _LINES = 4 << 20, 200
#: for how long a worker of the same user counts as beside another one
_BESIDE = timedelta(days=7)


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """Who comes: the token's id, and what it is good for."""

    token: str
    rights: Rights


@dataclass(frozen=True, kw_only=True, slots=True)
class Here:
    """What a worker says of itself when it asks for work."""

    name: str
    labels: frozenset[str]
    kinds: frozenset[JobKind]
    #: its machine, and the user as which it runs
    host: str
    user: str


class Labouring(Turns):
    """Jobs for labelled workers."""

    async def issue_worker_token(self, by: Person, name: str, rights: Rights, until: datetime | None) -> Issued:
        """A token that takes such jobs, and opens nothing else; for who may administer Honk. Raises Usage."""
        together(rights.kinds)
        await self.allow_on(by, Act.ADMINISTER, None)
        return await self.ports.tokens.issue(by.id, name, frozenset(), expires_at=until, rights=rights)

    async def claim(self, own: Own, here: Here) -> RemoteJob | None:
        """A job for that worker, which is at work on it from now on; None while there is none.

        Raises NotAllowed for labels or kinds that its token is not for, and where a worker that compiles what an agent
        wrote would run as the same user as one that has keys.
        """
        if not (here.labels <= own.rights.labels and here.kinds <= own.rights.kinds):
            good = f"{', '.join(sorted(own.rights.kinds))} with {', '.join(sorted(own.rights.labels))}"
            raise NotAllowed(f"this access token is for {good}", "honk workers token makes one for others")
        together(here.kinds)
        now = self.ports.clock()
        await self._apart(own, here, now)
        worker = RemoteWorker(
            token=own.token,
            name=here.name,
            labels=here.labels,
            kinds=here.kinds,
            host=here.host,
            user=here.user,
            seen=now,
        )
        await self.ports.jobs.seen(worker)
        rights = Rights(labels=here.labels, kinds=here.kinds)
        job = await self.ports.jobs.claim(rights, here.name, secrets.token_hex(16))
        if job is not None:
            await self._tell(job, f"worker {here.name} has it", key=f"taken/{job.id}/{job.tries}")
            await self._deployment_seen(job)
        return job

    async def job_of(self, own: Own, id: str, lease: str) -> RemoteJob:
        """The job, for the worker that has it. Raises Unknown for one that its token is not for, and NotNow."""
        return self._own(own, await self.ports.jobs.get(id)).held(lease)

    async def beat(self, own: Own, id: str, lease: str) -> RemoteJob:
        """The worker that has it lives, and keeps it. Raises Unknown, NotNow."""
        now = self.ports.clock()
        job = await self.ports.jobs.change(id, lambda job: self._own(own, job).beaten(lease, now))
        for one in await self.ports.jobs.workers():
            if (one.token, one.name) == (own.token, job.worker):
                await self.ports.jobs.seen(replace(one, seen=now))
        return job

    async def begin_job(self, own: Own, id: str, lease: str) -> None:
        """From now on it is not repeated by anybody who does not know what became of it. Raises Unknown, NotNow."""
        await self.ports.jobs.change(id, lambda job: self._own(own, job).begins(lease))

    async def printed(self, own: Own, id: str, lease: str, text: str) -> None:
        """What the job prints, kept and told, as far as that is bounded. Raises Unknown, NotNow, TooLarge."""
        clean, now = visible(text), self.ports.clock()
        job = await self.ports.jobs.change(id, lambda job: _within(self._own(own, job).printed(lease, clean, now)))
        lines = [one for one in clean.splitlines() if one.strip()]
        if lines and job.told <= _LINES:
            last = shortened(one_line(lines[-1]), 300)
            await self._tell(job, last, key=f"printed/{job.id}/{job.tries}/{job.told}")

    async def end(self, own: Own, id: str, lease: str, state: JobState, reason: str) -> RemoteJob:
        """How it ended; what it made, if anything, came by an upload before that. Said twice: no effect.

        Raises Unknown, NotNow; a deployment alone can be done or in doubt.
        """
        reason = shortened(one_line(visible(reason)), 500)

        def ended(job: RemoteJob) -> RemoteJob:
            known = self._own(own, job)
            if state is not JobState.FAILED and known.kind is not JobKind.DEPLOY:
                raise NotNow(f"job {job.id} is done when what it made has been uploaded")
            return known.ended(lease, state, reason)

        job = await self.ports.jobs.change(id, ended)
        await self._over(job)
        return job

    async def settle_job(self, by: Person, id: str, *, live: bool) -> RemoteJob:
        """A person has looked what became of a deployment that was cut off. Raises NotAllowed, NotNow, Unknown."""
        job = await self.ports.jobs.get(id)
        await self.allow(by, Act.DEPLOY, await self.ports.tasks.get(job.task))
        settled = await self.ports.jobs.change(
            id, lambda one: one.overdue(self.ports.clock()).settled(live=live, by=by.name)
        )
        await self._over(settled)
        return settled

    async def open_jobs(self) -> tuple[tuple[RemoteJob, str], ...]:
        """What is not over, oldest first, each with what it waits for."""
        workers = await self.ports.jobs.workers()
        found = []
        for job in await self.ports.jobs.open():
            found.append((job, why_waits(job, workers) if job.state is JobState.WAITING else job.reason))
        return tuple(found)

    async def look_at_jobs(self) -> None:
        """Tells of those that were given up, and of deployments whose worker was not heard of for too long."""
        for job in await self.ports.jobs.open():
            if job.state in {JobState.DOUBT, JobState.FAILED}:
                await self._over(job)
            if job.state is JobState.FAILED:
                await self.ports.jobs.change(job.id, lambda one: one.overdue(self.ports.clock()))

    async def source_of(self, own: Own, id: str, lease: str) -> Path:
        """The commit as a tar archive of Honk's own making, which the caller removes. Raises Unknown, NotNow.

        Nothing of it is given to who signs.
        """
        job = await self.job_of(own, id, lease)
        if job.kind is JobKind.SIGN:
            raise Unknown("who signs is given nothing of the repository")
        root = self.ports.home / "checkouts"
        root.mkdir(parents=True, exist_ok=True)
        room = Path(await run_sync(partial(tempfile.mkdtemp, dir=root, prefix="source-")))
        archive = room.with_suffix(".tar")
        try:
            self.ports.sandboxes.own(room)
            await self.ports.repositories.checkout(job.repository, job.base, job.commit, room / "tree")
            await run_sync(packed, room / "tree", archive)
        except BaseException:
            archive.unlink(missing_ok=True)
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self.ports.repositories.clear(room)
        return archive

    async def artifact_of(self, own: Own, id: str, lease: str) -> Path:
        """What is to be signed or deployed. Raises Unknown, NotNow."""
        job = await self.job_of(own, id, lease)
        if job.compiles or not job.digest:
            raise Unknown(f"there is no artifact for job {job.id}")
        return self.ports.artifacts.path(job.digest)

    def _own(self, own: Own, job: RemoteJob) -> RemoteJob:
        if not job.fits(own.rights):
            raise Unknown(f"there is no job {job.id!r} for this worker")
        return job

    async def _apart(self, own: Own, here: Here, now: datetime) -> None:
        for one in await self.ports.jobs.workers():
            beside = (one.host, one.user) == (here.host, here.user) and now - one.seen < _BESIDE
            if beside and (one.token, one.name) != (own.token, here.name):
                mixed = JobKind.BUILD in here.kinds | one.kinds and here.kinds | one.kinds != {JobKind.BUILD}
                if mixed:
                    raise NotAllowed(
                        f"worker {one.name} ({', '.join(sorted(one.kinds))}) runs as {here.user} on {here.host} too: "
                        "what an agent wrote never runs beside keys",
                        "run one of them as another user of the machine",
                    )

    async def _over(self, job: RemoteJob) -> None:
        if job.kind is JobKind.DEPLOY:
            await self._deployment_seen(job)
            if job.state in {JobState.DONE, JobState.FAILED}:
                act = f"shipped-{job.id}"
                payload = json.dumps({"task": job.task, "act": act})
                await self.journal.start("shipped", f"shipped/{job.task}/{act}", payload)
        elif job.state is JobState.FAILED:
            failed = BuildFailed(reason=job.reason, output=job.said[-4000:])
            await self.ports.events.record(job.task, job.turn, failed, key=f"job/{job.id}")

    async def _deployment_seen(self, job: RemoteJob) -> None:
        """People are told what a deployment waits for, and that it goes on."""
        if job.kind is not JobKind.DEPLOY:
            return
        try:
            task = await self.ports.tasks.get(job.task)
            base = await chosen_base(task, ports=self.ports)
            await under_way(task, base.commit, ports=self.ports)
        except HonkError as error:
            _log.warning("a deployment cannot be looked at", task=job.task, reason=str(error))

    async def _tell(self, job: RemoteJob, detail: str, *, key: str) -> None:
        step = "deploy" if job.kind is JobKind.DEPLOY else "build"
        await self.ports.events.record(job.task, job.turn, StepProgressed(step=step, detail=detail), key=key)


def _within(job: RemoteJob) -> RemoteJob:
    if job.printed_in_all > MOST_PRINTED:
        raise TooLarge(f"job {job.id} printed more than {MOST_PRINTED >> 20} MiB", "nothing more of it is kept")
    return job
