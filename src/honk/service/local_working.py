"""Workers elsewhere and their jobs, of a Honk in this process."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from honk.app.labouring import Here, Own
from honk.app.uploading import Coming
from honk.domain.access import Scope
from honk.domain.remote_job import JobKind, JobState, RemoteJob, Rights, labels_of
from honk.errors import NotAllowed, Usage
from honk.service.governing import TokenMade
from honk.service.local_uploads import LocalUploads
from honk.service.uploads import UploadShown
from honk.service.working import (
    JobEnded,
    JobGiven,
    JobSettled,
    JobShown,
    Printed,
    WorkerShown,
    WorkersShown,
    WorkerTokenWanted,
    WorkWanted,
)

#: days for which a worker's token may be good
_DAYS_LIMIT = 3650
_NAME_LIMIT = 100


@dataclass(frozen=True, kw_only=True)
class LocalWorking(LocalUploads):
    """Implements honk.service.working.Working on an opened Honk; and what a worker asks, with a token of its own."""

    async def create_worker_token(self, wanted: WorkerTokenWanted) -> TokenMade:
        decides = {JobKind.SIGN, JobKind.DEPLOY} & set(wanted.kinds)
        # a worker reads the source, and says what became of a deployment
        for needed in (Scope.ADMINISTER, Scope.READ, *((Scope.DEPLOY,) if decides else ())):
            if needed not in self.scopes:
                raise NotAllowed(f"this access token is not for {needed.value!r}")
        until = None
        if wanted.days is not None:
            if not 0 < wanted.days <= _DAYS_LIMIT:
                raise Usage(f"a token cannot expire after {wanted.days:g} days", f"give at most {_DAYS_LIMIT}")
            until = self.app.ports.clock() + timedelta(days=wanted.days)
        rights = Rights(labels=labels_of(wanted.labels), kinds=frozenset(wanted.kinds))
        issued = await self.app.issue_worker_token(self.person, wanted.name, rights, until)
        return TokenMade(token=await self._shown(issued.token), secret=issued.secret.reveal())

    async def workers(self) -> WorkersShown:
        found = await self.app.ports.jobs.workers()
        return WorkersShown(
            workers=tuple(
                WorkerShown(
                    name=one.name,
                    labels=tuple(sorted(one.labels)),
                    kinds=tuple(sorted(one.kinds)),
                    host=one.host,
                    user=one.user,
                    seen=one.seen,
                )
                for one in found
            ),
            jobs=tuple(_job(job, reason) for job, reason in await self.app.open_jobs()),
        )

    async def settle_job(self, job: str, settled: JobSettled) -> JobShown:
        if Scope.DEPLOY not in self.scopes:
            raise NotAllowed(f"this access token is not for {Scope.DEPLOY.value!r}")
        made = await self.app.settle_job(self.person, job, live=settled.live)
        return _job(made, made.reason)

    # ── what a worker asks ─────────────────────────────────────────────────────────────────────
    async def claim(self, wanted: WorkWanted) -> JobGiven:
        for one in (wanted.name, wanted.host, wanted.user):
            if not one.strip() or len(one) > _NAME_LIMIT or not one.isprintable():
                raise Usage(f"name, host and user are words of at most {_NAME_LIMIT} characters")
        here = Here(
            name=wanted.name.strip(),
            labels=labels_of(wanted.labels),
            kinds=frozenset(wanted.kinds),
            host=wanted.host,
            user=wanted.user,
        )
        return JobGiven(job=await self.app.claim(self._worker(), here))

    async def beat(self, job: str, lease: str) -> None:
        await self.app.beat(self._worker(), job, lease)

    async def begin_job(self, job: str, lease: str) -> None:
        await self.app.begin_job(self._worker(), job, lease)

    async def printed(self, job: str, lease: str, said: Printed) -> None:
        await self.app.printed(self._worker(), job, lease, said.text)

    async def end_job(self, job: str, lease: str, ended: JobEnded) -> None:
        if ended.state not in {JobState.DONE, JobState.FAILED, JobState.DOUBT}:
            raise Usage(f"no job ends as {ended.state}", "done, failed or doubt")
        await self.app.end(self._worker(), job, lease, ended.state, ended.reason)

    async def source(self, job: str, lease: str) -> Path:
        """A file that the caller removes."""
        return await self.app.source_of(self._worker(), job, lease)

    async def artifact_file(self, job: str, lease: str) -> Path:
        return await self.app.artifact_of(self._worker(), job, lease)

    async def begin_job_upload(self, job: str, lease: str, name: str, size: int, digest: str) -> UploadShown:
        held = await self.app.job_of(self._worker(), job, lease)
        if held.kind is JobKind.DEPLOY:
            raise Usage(f"job {held.id} is a deployment, which brings nothing back")
        coming = Coming(commit=held.commit, name=name, size=size, digest=digest.lower(), token=self.token)
        begun = await self.app.begin_job_upload(self.person, held, lease, coming, largest=self.largest_build)
        return await self._seen(begun)

    def _worker(self) -> Own:
        if self.rights is None:
            raise NotAllowed("this access token is not for a worker", "honk workers token makes one")
        return Own(token=self.token, rights=self.rights)


def _job(job: RemoteJob, reason: str) -> JobShown:
    return JobShown(
        id=job.id,
        kind=job.kind,
        task=job.task,
        commit=job.commit,
        labels=job.labels,
        state=job.state,
        at=job.at,
        worker=job.worker,
        reason=reason,
    )
