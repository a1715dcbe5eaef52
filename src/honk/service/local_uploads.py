"""Builds that somebody uploads to a Honk in this process."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from honk.app.uploading import Coming
from honk.domain.access import Scope
from honk.domain.remote_job import Rights
from honk.domain.task import Task, TaskId
from honk.domain.upload import Upload
from honk.errors import NotAllowed, Unknown, Usage
from honk.ports import Access
from honk.service.governing import TokenMade
from honk.service.local_governing import LocalGoverning
from honk.service.uploads import BuildTokenWanted, StampShown, StampWanted, UploadShown, UploadWanted, shown

#: of silence, after which an upload is swept away
_KEPT = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class LocalUploads(LocalGoverning):
    """Implements honk.service.uploads.Uploads on an opened Honk."""

    #: bytes that a build may have
    largest_build: int = 2048 << 20
    #: the id of the access token that the person came with; "" for none
    token: str = ""
    #: the one task for which builds may be uploaded, and nothing else done
    bound: TaskId | None = None
    #: the jobs that a worker may have, where one asks
    rights: Rights | None = None

    def with_token(self, access: Access) -> Self:
        """The same for somebody who came with that access."""
        return replace(self, token=access.token, bound=access.task, rights=access.rights)

    async def create_build_token(self, task: str, wanted: BuildTokenWanted) -> TokenMade:
        issued = await self.app.issue_build_token(self.person, await self._task(task), wanted.hours)
        return TokenMade(token=await self._shown(issued.token), secret=issued.secret.reveal())

    async def stamp_build(self, wanted: StampWanted) -> StampShown:
        task = await self._wanted(wanted.task)
        commit, stamp = await self.app.stamp_build(self.person, task, wanted.commit)
        return StampShown(
            task=task.id,
            commit=commit,
            number=stamp.number,
            version=stamp.version,
            id_suffix=stamp.id_suffix,
            name_suffix=stamp.name_suffix,
        )

    async def begin_upload(self, wanted: UploadWanted) -> UploadShown:
        coming = Coming(
            commit=wanted.commit, name=wanted.name, size=wanted.size, digest=wanted.digest.lower(), token=self.token
        )
        task = await self._wanted(wanted.task)
        return await self._seen(await self.app.begin_upload(self.person, task, coming, largest=self.largest_build))

    async def upload(self, id: str) -> UploadShown:
        return await self._seen(await self._own(id))

    async def append(self, id: str, offset: int, pieces: AsyncIterator[bytes]) -> UploadShown:
        own = await self._own(id)
        return await self._seen(await self.app.append(self.person, own, offset, pieces, token=self.token))

    async def discard_upload(self, id: str) -> None:
        await self.app.discard_upload(await self._own(id))

    async def _own(self, id: str) -> Upload:
        if self.rights is None:
            self._may_upload()
        found = await self.app.upload_of(self.person, id, self.bound)
        # what a worker made is known to that worker alone, which knows of nothing else
        if bool(found.job) != (self.rights is not None) or (found.job and found.token != self.token):
            raise Unknown(f"there is no upload {id[:80]!r}")
        return found

    async def _wanted(self, named: str) -> Task:
        self._may_upload()
        if self.bound is None and not named:
            raise Usage("of which task is this a build?", "name it: --task TASK, or HONK_TASK")
        task = await self._task(named or self.bound or "")
        if self.bound not in {None, task.id}:
            raise NotAllowed(
                f"this access token is for builds of task {self.bound} alone",
                f"honk build token {task.id} makes one for that task",
            )
        return task

    def _may_upload(self) -> None:
        """Raises NotAllowed where the access token is for something else."""
        if self.bound is None and Scope.STEER not in self.scopes:
            raise NotAllowed(
                f"this access token is not for {Scope.STEER.value!r}", "honk build token TASK makes one for builds"
            )

    async def _task(self, named: str) -> Task:
        return await self.app.ports.tasks.get(named)

    async def _seen(self, upload: Upload) -> UploadShown:
        build = await self.app.ports.records.find_build(upload.build) if upload.build else None
        until = self.app.ports.clock() + _KEPT
        return shown(upload, until, build)
