"""A stop takes hold in every step, keeps the work, and leaves nothing behind that stops what comes next."""

import anyio
import pytest

from honk.domain.message import Handling
from honk.domain.person import Person
from honk.domain.task import State, Task
from honk.domain.turn import Outcome
from honk.errors import Usage
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Trap, World

pytestmark = pytest.mark.anyio


async def _stopped_at(here: World, trap: Trap, person: Person) -> Task:
    here.trap = trap
    async with here.working():
        task = await here.ask("fix the crash")
        with anyio.fail_after(10):
            await trap.reached.wait()
            await here.app.stop(person, await here.now(task), working=True)
            task = await here.settled(task)
    here.trap = Trap(place="nowhere")
    return task


@pytest.mark.parametrize(
    "place",
    ["repositories.refresh", "workspaces.open", "gate.baseline", "gate.verify", "forge.publish", "artifacts.put"],
)
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
async def test_a_stop_takes_hold_in_every_step(here: World, place: str, after: bool) -> None:
    task = await _stopped_at(here, Trap(place=place, after=after), await here.person("Bo"))
    turn = await here.store.tasks.turn(task.id, 1)
    assert (task.state, turn.outcome) == (State.STOPPED, Outcome.STOPPED)
    assert task.reason == "stopped by a person"
    assert [event.type for event in await here.log(task)][-1] == "task.settled"
    assert await here.store.tasks.stop_asked(task.id) is None
    async with here.working():
        await here.app.retry(await here.person(), task)
        task = await here.settled(task)
    again = 1 if place in {"repositories.refresh", "workspaces.open", "gate.baseline"} else 2
    assert (task.state, task.turn) == (State.PROPOSED, again), "words that reached no agent are no turn"
    assert here.file(task.branch) == b"fixed"
    assert (await here.pull_request(task)).number == 1


async def test_a_stop_while_the_agent_works_keeps_what_it_did(here: World) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"half"}, endless=True)
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
        await here.app.stop(await here.person("Bo"), task, working=True)
        with anyio.fail_after(10):
            task = await here.settled(task)
        assert (task.state, here.kept(task.id)) == (State.STOPPED, b"half")
        assert any(files == {**files, APP: b"half"} for files in here.code.trees.values()), "committed in the mirror"
        assert task.branch not in here.code.branches
        await here.app.reply(await here.person(), task, "friendlier")
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed, friendly")


async def test_a_task_that_nobody_works_on_stops_at_once(here: World) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"half"}, endless=True)
    person = await here.person()
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
    task = await here.app.stop(person, task, working=False)
    assert task.state is State.STOPPED
    assert await here.journal.unfinished() == ()
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"})
    async with here.working():
        assert not await here.app.resume(task), "what a person stopped stays stopped"
        await here.app.retry(person, task)
        task = await here.settled(task)
    assert task.state is State.PROPOSED


async def test_a_stop_holds_back_the_queued_message_until_somebody_goes_on(here: World) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, endless=True)
    person = await here.person()
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
        await here.app.reply(person, task, "friendlier", handling=Handling.QUEUED)
        await here.app.stop(person, task, working=True)
        task = await here.settled(task)
        assert (task.state, task.turn) == (State.STOPPED, 1)
        assert not await here.app.resume(task)
        assert await here.app.reply(person, task, "bump it") is None, "first come, first served"
        task = await here.settled(task)
    assert (task.state, task.turn) == (State.PROPOSED, 3)
    assert here.file(task.branch) == b"fixed, bumped"


async def test_a_stop_that_comes_too_late_does_not_stop_the_next_turn(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        with pytest.raises(Usage, match="no turn is at work"):
            await here.app.stop(person, task, working=True)
        await here.store.tasks.ask_stop(task.id, person.id)  # the turn ended between the two
        await here.app.reply(person, task, "friendlier")
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed, friendly")


async def test_a_stopped_reply_leaves_the_pull_request_to_be_merged(here: World) -> None:
    here.agent.habits["friendlier"] = Edit(files={APP: b"half"}, endless=True)
    person = await here.person()
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        await here.app.reply(person, task, "friendlier")
        await here.agent.busy.wait()
        await here.app.stop(person, task, working=True)
        task = await here.settled(task)
        assert task.state is State.STOPPED
        await here.app.merge(person, task, method=here.method)
        task = await here.settled(task)
    assert (task.state, here.file("main")) == (State.DEPLOYED, b"fixed")


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
async def test_a_stop_while_it_deploys_leaves_it_merged_and_the_live_version_alone(here: World, after: bool) -> None:
    person = await here.person()
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        here.trap = Trap(place="repositories.checkout", after=after)
        act = await here.app.merge(person, task, method=here.method)
        with anyio.fail_after(10):
            await here.trap.reached.wait()
            await here.app.stop(person, await here.now(task), working=True)
            await here.journal.wait(f"land/{task.id}/{act}")
        task = await here.now(task)
        assert (task.state, task.reason) == (State.MERGED, "stopped by a person, before it was deployed")
        assert (here.production(), here.file("main")) == (None, b"fixed")
        assert await here.store.tasks.stop_asked(task.id) is None
        here.trap = Trap(place="nowhere")
        await here.app.retry(person, task, point="deploy")
        task = await here.settled(task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")


async def test_a_stop_while_it_merges_lets_the_merge_end_and_deploys_nothing(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        here.trap = Trap(place="forge.merge", after=False, goes_on=anyio.Event())
        act = await here.app.merge(person, task, method=here.method)
        await here.trap.reached.wait()
        await here.app.stop(person, await here.now(task), working=True)
        assert here.trap.goes_on is not None
        here.trap.goes_on.set()
        with anyio.fail_after(10):
            await here.journal.wait(f"land/{task.id}/{act}")
        task = await here.now(task)
    assert (task.state, here.file("main"), here.production()) == (State.MERGED, b"fixed", None)


async def test_a_task_that_waits_in_line_stops_although_no_step_of_it_runs(here: World) -> None:
    person = await here.person()
    task = await here.ask("fix the crash")
    await here.store.tasks.ask_stop(task.id, person.id)
    here.journal.hold(f"turn/{task.id}/1")
    async with here.working():
        with anyio.fail_after(10):
            while (await here.now(task)).state is not State.STOPPED:
                await here.store.tasks.news(task.id, 0.02)
        assert await here.journal.unfinished() == ()
        await here.app.retry(person, task)
        task = await here.settled(task)
    assert task.state is State.PROPOSED


@pytest.mark.parametrize("again", ["reply", "retry"])
async def test_what_is_said_after_the_stop_makes_the_work_go_on(here: World, again: str) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"half"}, endless=True)
    person = await here.person()
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
        here.trap = Trap(place="workspaces.take", after=False, goes_on=anyio.Event())
        await here.app.stop(person, task, working=True)
        await here.trap.reached.wait()  # the agent has ended, its work is being taken over
        assert (await here.now(task)).state is State.STOPPED, "seen before that is done"
        here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"})
        if again == "reply":
            await here.app.reply(person, task, "friendlier")
        else:
            await here.app.retry(person, task)
        assert here.trap.goes_on is not None
        here.trap.goes_on.set()
        with anyio.fail_after(10):
            task = await here.settled(task)
    made = b"fixed, friendly" if again == "reply" else b"fixed"
    assert (task.state, task.turn, here.file(task.branch)) == (State.PROPOSED, 2, made)


async def test_a_stop_before_the_agent_is_at_work_does_not_wait_for_the_set_up(here: World) -> None:
    here.trap = Trap(place="gate.environment", after=False)
    person = await here.person()
    async with here.working():
        task = await here.ask("fix the crash")
        with anyio.fail_after(10):
            await here.trap.reached.wait()
            await here.app.stop(person, task, working=True)
            task = await here.settled(task)
    assert task.state is State.STOPPED
    assert "agent.started" not in [event.type for event in await here.log(task)]
