"""A build that somebody uploads is recorded once, whenever the server is killed on the way."""

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from honk.app.uploading import Coming
from honk.domain.event import BuildFailed, BuildReady, BuildUploaded
from honk.domain.task import Task
from honk.domain.upload import Upload, UploadState
from honk.errors import NotNow, Usage
from honk.testing.world import Trap, World, world

pytestmark = pytest.mark.anyio


def _apk() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("AndroidManifest.xml"), b"x" * 500)
    return made.getvalue()


APK = _apk()


async def pieces(content: bytes = APK) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 100):
        yield content[at : at + 100]


async def begun(made: World, task: Task) -> Upload:
    coming = Coming(
        commit=(await made.pull_request(task)).head,
        name="app.apk",
        size=len(APK),
        digest=hashlib.sha256(APK).hexdigest(),
    )
    return await made.app.begin_upload(await made.person(), task, coming, largest=1 << 20)


async def uploaded(made: World, task: Task) -> Upload:
    upload = await begun(made, task)
    return await made.app.append(await made.person(), upload, 0, pieces())


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.slow), True])
async def test_killed_at_any_moment_there_is_one_build_told_once(tmp_path: Path, after: bool) -> None:
    number = 0
    while True:
        number += 1
        async with world(tmp_path / str(number)) as made:
            async with made.working():
                task = await made.settled(await made.ask(builds=False))

            async def act(made: World = made, task: Task = task) -> Task:
                await uploaded(made, task)
                return task

            killed = await made.killed_at(Trap(number=number, after=after), act, task)
            async with made.working():
                await made.app.finish_uploads()
                await made.app.resume(task)
                # as the client does, which had no answer
                upload = await begun(made, task)
                if not upload.complete:
                    await made.app.append(await made.person(), upload, upload.received, pieces(APK[upload.received :]))
                await made.settled(task)
            log = [one.data for one in await made.log(task)]
            assert len([one for one in log if isinstance(one, BuildReady)]) == 1, number
            assert len([one for one in log if isinstance(one, BuildUploaded)]) == 1, number
            assert (await made.app.ports.uploads.get(upload.id)).state is UploadState.BUILT
            build = await made.store.records.build(task.id)
            assert (
                build is not None
                and build.package is not None
                and build.package.digest == hashlib.sha256(APK).hexdigest()
            )
            assert list((made.home / "checkouts").glob("upload-*")) == [] or killed
        if not killed:
            return


async def test_the_store_sweeps_what_was_given_up(tmp_path: Path) -> None:
    async with world(tmp_path) as made, made.working():
        task = await made.settled(await made.ask(builds=False))
        upload = await begun(made, task)
        ports = made.app.ports
        async with ports.uploads.append(upload.id, 0) as arriving:
            await arriving.write(APK[:100])
            with pytest.raises(NotNow, match="somebody else"):
                async with ports.uploads.append(upload.id, 100):
                    pass
        now = made.clock().replace(year=2020)
        assert await ports.uploads.sweep(now) == 0
        assert await ports.uploads.sweep(now.replace(year=2099)) > 100
        with pytest.raises(Usage, match="no upload"):
            await ports.uploads.get(upload.id)


async def test_one_that_cannot_be_made_a_build_is_refused_and_may_begin_again(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        async with made.working():
            task = await made.settled(await made.ask(builds=False))
        upload = await uploaded(made, task)
        # the bytes go before anybody works on it
        await made.app.ports.uploads.empty(upload.id)
        async with made.working():
            await made.settled(task)
            refused = await made.app.ports.uploads.get(upload.id)
            assert refused.state is UploadState.REFUSED and "are gone" in refused.reason
            assert any(isinstance(one.data, BuildFailed) for one in await made.log(task))
            again = await begun(made, task)
            assert (again.id, again.received, again.state) == (upload.id, 0, UploadState.RECEIVING)
            await made.app.append(await made.person(), again, 0, pieces())
            await made.settled(task)
            assert (await made.app.ports.uploads.get(upload.id)).state is UploadState.BUILT


async def test_it_waits_for_the_machine_and_not_for_the_task(tmp_path: Path) -> None:
    async with world(tmp_path) as made, made.working():
        task = await made.settled(await made.ask(builds=False))
        before = await made.now(task)
        with anyio.fail_after(10):
            await uploaded(made, task)
            await made.settled(task)
        assert (await made.now(task)).state is before.state
