"""Screenshots of web builds that somebody uploads or the CI keeps, as of those that Honk makes."""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from honk.app.uploading import Coming
from honk.domain.event import BuildPictured, BuildReady
from honk.domain.task import Task
from honk.testing.world import Trap, World, world

pytestmark = pytest.mark.anyio


def _web() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.html"), b"<title>Hello</title>")
    return made.getvalue()


async def _upload(there: World, task: Task) -> Task:
    content, person = _web(), await there.person()
    coming = Coming(commit=(await there.pull_request(task)).head, name="web.zip", size=len(content))
    upload = await there.app.begin_upload(person, task, coming, largest=1 << 20)

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    await there.app.append(person, upload, 0, pieces())
    return task


async def _pictured(there: World, task: Task) -> list[BuildPictured]:
    return [one.data for one in await there.log(task) if isinstance(one.data, BuildPictured)]


async def test_an_uploaded_web_build_is_pictured_beside_the_base(tmp_path: Path) -> None:
    async with world(tmp_path) as there, there.working():
        task = await there.settled(await there.ask(builds=False))
        assert await _pictured(there, task) == []
        await _upload(there, task)
        with anyio.fail_after(10):
            await there.settled(task)
        [told] = await _pictured(there, task)
        assert told.after is not None and told.before is not None and told.note == ""
        assert await there.app.ports.artifacts.get(told.before) == b"picture of crash"
        build = await there.store.records.build(task.id)
        assert build is not None and build.preview_url and (build.after, build.before) == (told.after, told.before)


async def test_a_camera_that_fails_is_not_in_the_way(tmp_path: Path) -> None:
    async with world(tmp_path) as there, there.working():
        task = await there.settled(await there.ask(builds=False))
        there.camera.errors = [OSError("no"), OSError("no")]
        await _upload(there, task)
        with anyio.fail_after(10):
            await there.settled(task)
        [told] = await _pictured(there, task)
        assert told.after is None and "no screenshot could be taken" in told.note
        assert [one for one in await there.log(task) if isinstance(one.data, BuildReady)]


async def test_killed_while_it_is_pictured_it_is_told_once(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        async with there.working():
            task = await there.settled(await there.ask(builds=False))
        trap = Trap(place="artifacts.put", number=2)  # the archive first, then the picture

        async def act() -> Task:
            return await _upload(there, task)

        assert await there.killed_at(trap, act, task)
        async with there.working():
            await there.app.finish_uploads()
            await there.app.resume(task)
            with anyio.fail_after(10):
                await there.settled(task)
        assert len(await _pictured(there, task)) == 1
        assert len([one for one in await there.log(task) if isinstance(one.data, BuildReady)]) == 1
