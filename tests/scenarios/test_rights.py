"""Policy is asked at every act, at the moment of the act."""

import pytest

from honk.domain.policy import Act
from honk.domain.task import State, Task
from honk.errors import NeedsHuman
from honk.testing.fake_work import APP, Edit
from honk.testing.world import ADDRESS, World

pytestmark = pytest.mark.anyio


async def _proposed(here: World, text: str = "fix the crash") -> Task:
    return await here.settled(await here.ask(text))


async def _merged(here: World, task: Task) -> Task:
    await here.app.merge(await here.person(), task, method=here.method)
    return await here.settled(task)


async def test_policy_is_asked_at_every_act(here: World) -> None:
    eve = await here.person("Eve")
    here.policy.refused = {(eve.id, act) for act in Act}
    here.agent.habits["friendlier"] = Edit(files={APP: b"fixed, friendly"}, endless=True)
    async with here.working():
        with pytest.raises(NeedsHuman, match="Eve may not ask"):
            await here.app.submit(eve, ADDRESS, "fix the crash", (await _proposed(here)).options)
        task = await here.latest()
        assert task is not None
        with pytest.raises(NeedsHuman, match="Eve may not steer"):
            await here.app.reply(eve, task, "friendlier")
        with pytest.raises(NeedsHuman, match="Eve may not steer"):
            await here.app.retry(eve, task)
        with pytest.raises(NeedsHuman, match="Eve may not merge"):
            await here.app.merge(eve, task, method=here.method)
        await here.app.reply(await here.person(), task, "friendlier")
        await here.agent.busy.wait()
        with pytest.raises(NeedsHuman, match="Eve may not stop"):
            await here.app.stop(eve, task, working=True)
        assert await here.store.tasks.stop_asked(task.id) is None
        await here.app.stop(await here.person(), task, working=True)
        task = await _merged(here, await here.settled(task))
        with pytest.raises(NeedsHuman, match="Eve may not undo"):
            await here.app.undo(eve, task)
    assert (task.state, task.turn, here.production()) == (State.DEPLOYED, 2, b"fixed")


async def test_a_right_taken_away_between_press_and_merge_counts(here: World) -> None:
    person = await here.person("Bo")
    async with here.working():
        task = await _proposed(here)
    await here.app.merge(person, task, method=here.method)
    here.policy.refused = {(person.id, Act.MERGE)}
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file("main")) == (State.PROPOSED, b"crash")
    assert task.reason == "Bo may not merge here"


async def test_a_right_to_undo_taken_away_meanwhile_counts(here: World) -> None:
    person = await here.person("Bo")
    async with here.working():
        await _merged(here, await _proposed(here))
        task = await _merged(here, await _proposed(here, "bump it"))
    await here.app.undo(person, task)
    here.policy.refused = {(person.id, Act.UNDO)}
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed, bumped")
    assert task.reason == "Bo may not undo here"
