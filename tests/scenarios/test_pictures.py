"""Screenshots: after people have the build, of what they had before as well, and never in the way of the work."""

from dataclasses import replace

import anyio
import pytest

from honk.domain.event import BuildPictured, BuildReady, TaskSettled
from honk.domain.landing import Consent
from honk.domain.task import State, Task
from honk.errors import HonkError, SandboxUnusable
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Trap, World

pytestmark = pytest.mark.anyio


async def _told(here: World, task: Task) -> BuildPictured:
    return [event.data for event in await here.log(task) if isinstance(event.data, BuildPictured)][-1]


async def _shown(here: World, digest: str | None) -> bytes:
    assert digest is not None
    return await here.app.ports.artifacts.get(digest)


async def _settled(here: World, text: str = "fix the crash") -> Task:
    return await here.settled(await here.ask(text))


async def test_a_build_is_pictured_beside_the_base_once_people_have_it(here: World) -> None:
    async with here.working():
        task = await _settled(here)
    told, kinds = await _told(here, task), [type(event.data) for event in await here.log(task)]
    assert (await _shown(here, told.after), await _shown(here, told.before)) == (
        b"picture of fixed",
        b"picture of crash",
    )
    assert told.note == ""
    assert kinds.index(BuildReady) < kinds.index(BuildPictured) < kinds.index(TaskSettled)
    build = await here.store.records.build(task.id)
    assert build is not None and (build.after, build.before) == (told.after, told.before)
    # so that retention keeps them as long as the build itself
    assert {told.after, told.before} <= (await here.store.records.named()).keys()


async def test_what_is_live_is_what_people_had_before(here: World) -> None:
    async with here.working():
        task = await _settled(here)
        await here.app.merge(await here.person(), task, method=here.method, consent=Consent())
        await here.settled(task)
        here.somebody_commits("main", {APP: b"fixed, unseen"})
        second = await _settled(here, "bump")
    told = await _told(here, second)
    assert (await _shown(here, told.after), await _shown(here, told.before)) == (
        b"picture of fixed, bumped",
        b"picture of fixed",
    )


async def test_a_base_that_does_not_build_has_no_picture_and_the_note_says_so(here: World) -> None:
    here.somebody_commits("main", {APP: b"crash, and cannot be built"})
    async with here.working():
        task = await _settled(here)
    told = await _told(here, task)
    assert (await _shown(here, told.after), told.before) == (b"picture of fixed", None)
    assert told.note == "nothing is live, and the base could not be built"


@pytest.mark.parametrize("trouble", [SandboxUnusable("no walls"), OSError("no space"), HonkError("odd")])
async def test_what_is_in_the_way_is_said_and_changes_nothing(trouble: Exception, here: World) -> None:
    here.camera.errors = [trouble]
    async with here.working():
        task = await _settled(here)
    told = await _told(here, task)
    assert (task.state, told.after, told.before) == (State.PROPOSED, None, None)
    assert str(trouble) in told.note


async def test_a_page_that_cannot_be_pictured_is_no_picture(here: World) -> None:
    here.agent.habits["make it dark"] = Edit(files={APP: b"fixed, is black"})
    async with here.working():
        task = await _settled(here, "make it dark")
    assert (await _told(here, task)).note == "Chromium made no picture of the page"


async def test_nobody_is_told_of_pictures_that_nobody_wants(here: World) -> None:
    here.app = replace(here.app, ports=replace(here.app.ports, camera=None))
    async with here.working():
        task = await _settled(here)
    assert task.state is State.PROPOSED
    assert not any(isinstance(event.data, BuildPictured) for event in await here.log(task))


async def test_the_build_is_there_while_its_pictures_are_taken_and_a_kill_then_loses_nothing(here: World) -> None:
    trap = Trap(place="records.save_build", number=3)
    assert await here.killed_at(trap, here.ask)
    task = await here.latest()
    assert task is not None
    assert any(isinstance(event.data, BuildReady) for event in await here.log(task))
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    told = [event.data for event in await here.log(task) if isinstance(event.data, BuildPictured)]
    assert (task.state, len(told)) == (State.PROPOSED, 1)
    assert await _shown(here, told[0].after) == b"picture of fixed"


async def test_a_stop_is_heard_while_a_picture_is_taken(here: World) -> None:
    here.camera.until = anyio.Event()
    async with here.working():
        task = await here.ask()
        with anyio.fail_after(15):
            while not any(isinstance(event.data, BuildReady) for event in await here.log(task)):
                await here.store.tasks.news(task.id, 0.05)
            await here.app.stop(await here.person(), task, working=True)
            task = await here.settled(task)
    assert task.state is State.STOPPED


async def test_a_build_says_what_it_is_called(here: World) -> None:
    async with here.working():
        task = await _settled(here)
    ready = next(event.data for event in await here.log(task) if isinstance(event.data, BuildReady))
    assert (ready.name, ready.app_version) == ("Music player", f"1.4.0+{ready.commit[:7]}")


def _filming(here: World) -> None:
    here.app = replace(here.app, ports=replace(here.app.ports, films=True))


async def test_a_film_is_made_where_it_is_wanted_and_is_kept_with_the_build(here: World) -> None:
    _filming(here)
    async with here.working():
        task = await _settled(here)
    told = await _told(here, task)
    assert (await _shown(here, told.film)).endswith(b"ftypfilm of fixed") and told.note == ""
    build = await here.store.records.build(task.id)
    assert build is not None and build.film == told.film
    assert told.film in await here.store.records.named(), "retention deletes it with the build"


@pytest.mark.parametrize("trouble", [SandboxUnusable("no walls"), OSError("no space"), HonkError("odd")])
async def test_a_film_that_fails_is_a_note(trouble: Exception, here: World) -> None:
    _filming(here)
    here.camera.film_errors = [trouble]
    async with here.working():
        task = await _settled(here)
    told = await _told(here, task)
    assert (task.state, told.film) == (State.PROPOSED, None)
    assert await _shown(here, told.after) == b"picture of fixed"
    assert told.note == f"no film could be made: {trouble}"


async def test_nobody_waits_for_a_film_that_nobody_wants(here: World) -> None:
    here.camera.film_errors = [HonkError("it was asked for one")]
    async with here.working():
        task = await _settled(here)
    assert (await _told(here, task)).film is None and here.camera.film_errors
