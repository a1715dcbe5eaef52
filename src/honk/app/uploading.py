"""A build from somebody's CI: begun, received in pieces, checked when it is whole, and made a build by the journal."""

import hashlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import structlog
from anyio.to_thread import run_sync

from honk.app.turns import Turns
from honk.domain.access import Issued
from honk.domain.attachment import safe_name
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.remote_job import JobState, RemoteJob
from honk.domain.repository import Sha
from honk.domain.stamp import Stamp
from honk.domain.task import Task, TaskId
from honk.domain.upload import Upload, UploadState
from honk.errors import HonkError, NotAllowed, NotNow, TooLarge, Unknown, Usage
from honk.ports import Arriving
from honk.ports.stamping import stamp
from honk.steps.build import commit_of, kind_of_build
from honk.steps.prepare import chosen_base

_log = structlog.get_logger()
#: hours for which a token that is bound to a task may be good
LONGEST_HOURS = 7 * 24.0
#: bytes between two looks at the disk
_LOOK = 8 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Coming:
    """What somebody says of the file that they upload."""

    commit: str
    name: str
    size: int
    #: SHA-256 of it; "" for none
    digest: str = ""
    #: the id of the access token that they came with
    token: str = ""


class Uploading(Turns):
    """Uploads, and tokens for them."""

    async def issue_build_token(self, by: Person, task: Task, hours: float) -> Issued:
        """A token that can upload builds of this task, and nothing else; for who may steer it."""
        if not 0 < hours <= LONGEST_HOURS:
            raise Usage(f"such a token cannot expire after {hours:g} hours", f"give at most {LONGEST_HOURS:g}")
        await self.allow(by, Act.STEER, task)
        until = self.ports.clock() + timedelta(hours=hours)
        name = f"builds of {task.id}"[:100]
        return await self.ports.tokens.issue(by.id, name, frozenset(), expires_at=until, task=task.id)

    async def stamp_build(self, by: Person, task: Task, named: str) -> tuple[Sha, Stamp]:
        """What a build of that commit of the task is to carry; asked again, the same. For who may steer it.

        Raises Usage for a commit that is not the task's.
        """
        await self.allow(by, Act.STEER, task)
        commit = await commit_of(task, named, ports=self.ports)
        base = await chosen_base(task, ports=self.ports)
        return commit, await stamp(task, base.commit, commit, ports=self.ports)

    async def begin_upload(self, by: Person, task: Task, coming: Coming, *, largest: int) -> Upload:
        """A new upload; or, for the same file of the same commit by the same person, the one that is there.

        Raises Usage for a commit that is not the task's, TooLarge, and what is in the way of writing to the disk.
        """
        _plausible(coming, largest)
        await self.allow(by, Act.STEER, task)
        commit = await commit_of(task, coming.commit, ports=self.ports)
        self._has_room()
        act = uuid.uuid4().hex[:12]
        same = f"{by.id} {task.id} {commit} {coming.size} {coming.digest}"
        upload = Upload(
            id=hashlib.sha256((same if coming.digest else act).encode()).hexdigest()[:32],
            task=task.id,
            commit=commit,
            name=safe_name(coming.name),
            size=coming.size,
            digest=coming.digest,
            by=by.id,
            token=coming.token,
            act=act,
            at=self.ports.clock(),
        )
        return await self.ports.uploads.begin(upload)

    async def begin_job_upload(self, by: Person, job: RemoteJob, lease: str, coming: Coming, *, largest: int) -> Upload:
        """What a worker made, which has that job under that lease; or the same file, however far it has come.

        Raises Usage, TooLarge, and what is in the way of writing to the disk.
        """
        _plausible(coming, largest)
        self._has_room()
        act = uuid.uuid4().hex[:12]
        same = f"{by.id} {job.id} {lease} {coming.size} {coming.digest}"
        upload = Upload(
            id=hashlib.sha256((same if coming.digest else act).encode()).hexdigest()[:32],
            task=job.task,
            commit=job.commit,
            name=safe_name(coming.name),
            size=coming.size,
            digest=coming.digest,
            by=by.id,
            token=coming.token,
            act=act,
            at=self.ports.clock(),
            job=job.id,
            lease=lease,
        )
        return await self.ports.uploads.begin(upload)

    async def upload_of(self, by: Person, id: str, bound: TaskId | None) -> Upload:
        """An upload of that person. Raises Unknown for that of anybody else, or of another task than `bound`."""
        found = await self.ports.uploads.get(id)
        if (await self.ports.tasks.get_person(found.by)).id != by.id or bound not in {None, found.task}:
            raise Unknown(f"there is no upload {id[:80]!r}", "begin one: honk build upload FILE")
        return found

    async def append(
        self, by: Person, upload: Upload, offset: int, pieces: AsyncIterator[bytes], *, token: str = ""
    ) -> Upload:
        """What came is kept, however it ends. With the last byte the file is checked, and becomes a build.

        Raises NotNow at another offset or while somebody else appends, Usage for more than was announced or a file
        that is no build, and DiskFull. At the end already, nothing needs to be added for it to become a build.
        `token` is the id of the access token with which it came.
        """
        if upload.state is not UploadState.RECEIVING:
            if offset != upload.size:
                raise NotNow(f"upload {upload.id} is {upload.state}: nothing is to be added")
            return await self._handed_on(upload)
        if upload.job:
            (await self.ports.jobs.get(upload.job)).held(upload.lease)
        async with self.ports.uploads.append(upload.id, offset) as arriving:
            await self._written(arriving, pieces)
            # within the lock: of several who come with the last byte, one completes it
            now = await self.ports.uploads.get(upload.id)
            if now.complete and now.state is UploadState.RECEIVING:
                now = replace(now, token=token or now.token)
                now = await self._complete(by, now, await arriving.digest())
        return await self._handed_on(now)

    async def discard_upload(self, upload: Upload) -> None:
        """Gives it up. One that is complete stays: it is a build already, or about to become one."""
        if not (await self.ports.uploads.get(upload.id)).complete:
            await self.ports.uploads.discard(upload.id)

    async def finish_uploads(self) -> None:
        """Those that were complete when a process was killed become builds after all."""
        for upload in await self.ports.uploads.complete():
            try:
                by = await self.ports.tasks.get_person(upload.by)
                await self.append(by, upload, upload.size, _nothing())
            except (HonkError, OSError) as error:
                _log.warning("an upload cannot be made a build", upload=upload.id, reason=str(error))

    async def refuse_upload(self, id: str, error: Exception) -> None:
        """It could not be made a build. One that is a build already stays one."""
        try:
            upload = await self.ports.uploads.get(id)
        except Unknown:
            return
        if upload.state is not UploadState.BUILT:
            reason = str(error) if isinstance(error, HonkError) else f"a defect of Honk: {type(error).__name__}"
            await self.ports.uploads.save(replace(upload, state=UploadState.REFUSED, reason=reason))
            await self.ports.uploads.empty(id)

    async def _written(self, arriving: Arriving, pieces: AsyncIterator[bytes]) -> None:
        written = looked = 0
        async for piece in pieces:
            if written >= looked:
                self._has_room()
                looked = written + _LOOK
            if piece:
                await arriving.write(piece)
                written += len(piece)

    def _has_room(self) -> None:
        """Raises what keeps work from going on, so that a build never takes the room that work needs."""
        if (trouble := self.ports.machine.trouble()) is not None:
            raise trouble

    async def _complete(self, by: Person, upload: Upload, digest: str) -> Upload:
        """Every byte is here: whatever ends this process from now on, the next one goes on with it."""
        task = await self.ports.tasks.get(upload.task)
        try:
            if not upload.job:
                await self.allow(by, Act.STEER, task)
            if upload.digest not in {"", digest}:
                said = f"the SHA-256 of what came is {digest}, not {upload.digest} as was said"
                raise Usage(said, "it was changed on the way, or while it was read: upload it again")
            kind = await run_sync(partial(kind_of_build, self.ports.uploads.path(upload.id), upload.name))
        except (Usage, NotAllowed):
            await self.ports.uploads.discard(upload.id)
            raise
        whole = replace(upload, digest=digest, kind=kind, state=UploadState.RECEIVED)
        await self.ports.uploads.save(whole)
        return whole

    async def _handed_on(self, upload: Upload) -> Upload:
        """The journal makes one that is complete a build; known there already: no effect."""
        if upload.state is UploadState.RECEIVED:
            if upload.job:
                await self._made(upload)
            payload = json.dumps({"task": upload.task, "upload": upload.id})
            await self.journal.start("uploaded", upload.workflow, payload)
        return upload

    async def _made(self, upload: Upload) -> None:
        """The job is done, if the worker still has it; otherwise what came is nobody's."""
        try:
            await self.ports.jobs.change(upload.job, lambda job: job.ended(upload.lease, JobState.DONE, ""))
        except (NotNow, Unknown):
            await self.ports.uploads.discard(upload.id)
            raise


def _plausible(coming: Coming, largest: int) -> None:
    if coming.size < 1:
        raise Usage("an empty file is no build", "say how many bytes it has")
    if coming.size > largest:
        said = f"a build may have {largest >> 20:,} MiB at most, and this file has {coming.size >> 20:,}"
        raise TooLarge(said, "leave symbols and other files out of it, or raise [work] largest_build_mb on the server")
    if coming.digest and (len(coming.digest) != 64 or set(coming.digest) - set("0123456789abcdef")):
        raise Usage("that is no SHA-256", "64 hexadecimal digits, or none")


async def _nothing() -> AsyncIterator[bytes]:
    for piece in tuple[bytes, ...]():
        yield piece
