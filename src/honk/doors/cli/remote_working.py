"""Workers elsewhere and their jobs, of a Honk behind a server."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from honk.domain.codec import dump
from honk.domain.remote_job import RemoteJob
from honk.doors.cli.remote_uploads import RemoteUploads, tus_headers
from honk.service.governing import TokenMade
from honk.service.uploads import UploadShown
from honk.service.working import (
    JobEnded,
    JobGiven,
    JobSettled,
    JobShown,
    Printed,
    WorkersShown,
    WorkerTokenWanted,
    WorkWanted,
)


class RemoteWorking(RemoteUploads):
    """Implements honk.service.working.Working on a server; and what a worker asks of it."""

    async def create_worker_token(self, wanted: WorkerTokenWanted) -> TokenMade:
        return await self._wire.post(TokenMade, "/worker-tokens", dump(WorkerTokenWanted, wanted))

    async def workers(self) -> WorkersShown:
        return await self._wire.get(WorkersShown, "/workers")

    async def settle_job(self, job: str, settled: JobSettled) -> JobShown:
        return await self._wire.post(JobShown, _of(job, "settle"), dump(JobSettled, settled))

    # ── what a worker asks ─────────────────────────────────────────────────────────────────────
    async def claim(self, wanted: WorkWanted) -> RemoteJob | None:
        """A job, or None. Not asked again by itself: the answer to the first time may be on its way."""
        return (await self._wire.post(JobGiven, "/jobs/claim", dump(WorkWanted, wanted))).job

    async def beat(self, job: RemoteJob) -> None:
        """It lives. Raises NotNow where it is somebody else's."""
        await self._told(job, "beat")

    async def begin_job(self, job: RemoteJob) -> None:
        """Its command begins."""
        await self._told(job, "begin")

    async def printed(self, job: RemoteJob, text: str) -> None:
        """What it prints."""
        await self._told(job, "log", dump(Printed, Printed(text=text)))

    async def end_job(self, job: RemoteJob, ended: JobEnded) -> None:
        """How it ended."""
        await self._told(job, "end", dump(JobEnded, ended))

    async def fetch(self, job: RemoteJob, what: str, into: Path) -> None:
        """Its "source" or "artifact", as a file."""
        await self._wire.download(_of(job.id, what), into, headers={"Honk-Lease": job.lease})

    async def begin_job_upload(self, job: RemoteJob, name: str, size: int, digest: str) -> UploadShown:
        """What it made; the same file again goes on where it was."""
        said = {"job": job.id, "lease": job.lease, "filename": name, "sha256": digest}
        headers = tus_headers(size, said)
        return await self._wire.request(UploadShown, "POST", "/uploads", headers=headers, again=True)

    async def _told(self, job: RemoteJob, what: str, body: str = "") -> None:
        headers = {"Honk-Lease": job.lease, **({"Content-Type": "application/json"} if body else {})}
        content = _once(body.encode()) if body else None
        await self._wire.request(type(None), "POST", _of(job.id, what), headers=headers, content=content)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _of(job: str, what: str) -> str:
    return f"/jobs/{quote(job or '-', safe='')}/{what}"
