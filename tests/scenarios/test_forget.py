"""What a task left is deleted by age or by a person: never what is live, at work, or another task's too."""

from datetime import timedelta

import anyio
import pytest

from honk.domain.event import RecordsDeleted
from honk.domain.pull_request import MergeMethod
from honk.domain.task import Task
from honk.errors import NotNow
from honk.steps.forget import forget_artifacts, forget_transcript
from honk.testing.fake_work import APP, Edit
from honk.testing.world import World

pytestmark = pytest.mark.anyio


async def deleted(here: World, task: Task) -> list[tuple[str, ...]]:
    return [event.data.what for event in await here.log(task) if isinstance(event.data, RecordsDeleted)]


async def artifact(here: World, task: Task) -> str:
    made = await here.store.records.build(task.id)
    assert made is not None
    return made.digest


async def there(here: World, digest: str) -> bool:
    return here.ports().artifacts.path(digest).exists()


async def test_a_person_has_everything_of_a_task_deleted(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask())
        digest = await artifact(here, task)
        assert await here.app.forget(await here.person(), task) > 0
    assert not await there(here, digest)
    assert not (here.home / "tasks" / task.id).exists()
    assert await deleted(here, task) == [("transcript",), ("artifacts",)]
    assert await here.app.forget(await here.person(), task) == 0
    assert len(await deleted(here, task)) == 2
    assert (await here.pull_request(task)).number == 1


async def test_a_task_at_work_is_left_alone(here: World) -> None:
    until = anyio.Event()
    here.agent.habits = {"fix the crash": Edit(files={APP: b"fixed"}, until=until)}
    async with here.working():
        task = await here.ask()
        await here.agent.busy.wait()
        with pytest.raises(NotNow, match="at work"):
            await here.app.forget(await here.person(), task)
        until.set()
        await here.settled(task)
    assert await deleted(here, task) == []


async def test_what_is_live_and_what_an_undo_needs_stays(here: World) -> None:
    async with here.working():
        tasks = []
        for words in ("fix the crash", "bump it", "friendlier"):
            task = await here.settled(await here.ask(words))
            await here.app.merge(await here.person(), task, method=MergeMethod.MERGE)
            tasks.append(await here.settled(task))
        digests = [await artifact(here, task) for task in tasks]
        for task in tasks:
            await here.app.forget(await here.person(), task)
    assert [await there(here, digest) for digest in digests] == [False, True, True]


async def test_what_another_task_names_too_stays(here: World) -> None:
    async with here.working():
        first = await here.settled(await here.ask())
        second = await here.settled(await here.ask())
        digest = await artifact(here, first)
        assert await artifact(here, second) == digest
        assert await here.app.forget(await here.person(), first) == 0
        assert await there(here, digest)
        both = {one.id: one for one in (first, second)}
        assert await forget_artifacts(both, "old", ports=here.ports()) > 0
    assert not await there(here, digest)


async def test_after_its_transcript_is_gone_a_reply_still_works(here: World) -> None:
    # a fresh session is told the whole story, the first words included
    here.agent.habits = {"friendlier": here.agent.habits["friendlier"], **here.agent.habits}
    async with here.working():
        task = await here.settled(await here.ask())
        assert await forget_transcript(task, "at rest for 30 days", ports=here.ports())
        assert not await forget_transcript(task, "again", ports=here.ports())
        await here.app.reply(await here.person(), task, "friendlier")
        await here.settled(task)
    assert here.file(task.branch) == b"fixed, friendly"


async def test_resting_tasks_are_those_of_which_nothing_was_heard(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask())
    until = anyio.Event()
    here.agent.habits = {"fix the crash": Edit(until=until)}
    async with here.working():
        await here.ask()
        await here.agent.busy.wait()
        heard = (await here.log(task))[-1].at
        assert await here.store.tasks.resting(heard) == ()
        found = await here.store.tasks.resting(heard + timedelta(days=1))
        assert [one.id for one in found] == [task.id]
        until.set()
