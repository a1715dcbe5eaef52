"""Nothing is lost: an agent, a sandbox, a workspace or a session that is gone, in the middle of the work."""

import shutil

import anyio
import pytest

from honk.domain.event import AgentFinished, AgentStarted, MessageDelivered, SnapshotTaken, TaskSettled, WorkResumed
from honk.domain.repository import Base
from honk.domain.task import State, Task
from honk.domain.turn import Outcome
from honk.errors import SandboxDied
from honk.steps.code.going_on import REVIVALS
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Trap, World

pytestmark = pytest.mark.anyio


async def test_an_agent_that_was_killed_goes_on_in_the_same_attempt(here: World) -> None:
    here.agent.habits = {"You were interrupted": Edit(files={APP: b"fixed"}), "fix": Edit(cut_short="died")}
    async with here.working():
        task = await here.settled(await here.ask())
    assert task.state is State.PROPOSED
    log = await here.log(task)
    assert [(e.data.attempt, e.data.resumed) for e in log if isinstance(e.data, AgentStarted)] == [
        (1, False),
        (1, True),
    ]
    assert [event.data.cause for event in log if isinstance(event.data, WorkResumed)] == ["restart"]


async def test_an_agent_that_is_killed_again_and_again_ends_the_turn_with_its_work(here: World) -> None:
    here.agent.habits = {"": Edit(files={APP: b"half"}, cut_short="died", reason="killed")}
    async with here.working():
        task = await here.settled(await here.ask())
    settled = next(event.data for event in await here.log(task) if isinstance(event.data, TaskSettled))
    assert settled.outcome == Outcome.ERROR and "killed" in settled.reason
    started = [event for event in await here.log(task) if isinstance(event.data, AgentStarted)]
    assert len(started) == REVIVALS + 1
    assert here.kept(task.id) == b"half"


async def test_a_sandbox_that_was_killed_goes_on_in_the_same_attempt(here: World) -> None:
    here.agent.habits = {"You were interrupted": Edit(files={APP: b"fixed"}), "fix": Edit(error=SandboxDied("gone"))}
    async with here.working():
        task = await here.settled(await here.ask())
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed")


async def test_an_agent_that_had_finished_is_sent_again_when_its_files_are_lost(here: World) -> None:
    assert await here.killed_at(Trap(place="workspaces.take", after=False), here.ask)
    task = await here.latest()
    assert task is not None
    shutil.rmtree(here.workspaces.place(task.id))
    # The next process puts the workspace back, and is killed before the agent hears of it.
    assert await here.killed_at(Trap(place="workspaces.open"), lambda: here.app.resume(task), task)
    assert await here.killed_at(Trap(place="gate.environment"), lambda: here.app.resume(task), task)
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed")


def _base(here: World) -> Base:
    return Base(branch="main", commit=here.code.branches["main"])


async def test_an_agent_that_had_finished_is_not_sent_again(here: World) -> None:
    assert await here.killed_at(Trap(place="workspaces.take"), here.ask)
    task = await here.latest()
    assert task is not None
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed")
    assert len(here.agent.memory[next(iter(here.agent.memory))]) == 1
    assert len([event for event in await here.log(task) if isinstance(event.data, AgentFinished)]) == 1


async def _cut_off_and_robbed(here: World, *, snapshot: bool, home: bool) -> Task:
    """A task whose process died while the agent was at work; then the disk lost its workspace."""
    until = anyio.Event()
    here.agent.habits = {"fix": Edit(files={APP: b"half"}, until=until)}
    async with here.working():
        task = await here.ask()
        await here.agent.busy.wait()
        if snapshot:
            workspace = await here.workspaces.open(task.id, task.repository, _base(here))
            assert await here.workspaces.snapshot(workspace)
    folder = here.workspaces.place(task.id).parent
    shutil.rmtree(folder if home else here.workspaces.place(task.id))
    return task


@pytest.mark.parametrize("home", [False, True])
async def test_a_lost_workspace_is_put_back_from_the_last_snapshot(here: World, home: bool) -> None:
    task = await _cut_off_and_robbed(here, snapshot=True, home=home)
    until = anyio.Event()
    here.agent.habits = {"": Edit(until=until)}
    here.agent.busy = anyio.Event()
    async with here.working():
        await here.app.resume(task)
        await here.agent.busy.wait()
        assert here.kept(task.id) == b"half"
        until.set()
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"half")
    told = here.agent.memory[next(iter(here.agent.memory))][-1]
    assert "workspace was lost" in told and "fix the crash" in told and "last snapshot" in told
    assert ("conversation so far was lost" in told) == home
    resumed = [event.data.detail for event in await here.log(task) if isinstance(event.data, WorkResumed)]
    assert len(resumed) == 1 and ("session" in resumed[0]) == home


async def test_a_loss_is_told_until_the_agent_has_heard_of_it(here: World) -> None:
    task = await _cut_off_and_robbed(here, snapshot=True, home=True)
    here.agent.habits = {"": Edit(cut_short="died")}
    here.agent.busy = anyio.Event()
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    told = here.agent.memory[next(iter(here.agent.memory))]
    assert len(told) == 1 + REVIVALS + 1
    assert all("workspace was lost" in words and "conversation so far was lost" in words for words in told[1:])


async def test_without_a_snapshot_a_lost_workspace_begins_at_its_base(here: World) -> None:
    task = await _cut_off_and_robbed(here, snapshot=False, home=True)
    here.agent.habits = {"": Edit(files={"other": b"x"})}
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"crash")


async def test_a_workspace_that_is_there_is_newer_than_any_snapshot(here: World) -> None:
    until = anyio.Event()
    here.agent.habits = {"fix": Edit(files={APP: b"half"}, until=until)}
    async with here.working():
        task = await here.ask()
        await here.agent.busy.wait()
        workspace = await here.workspaces.open(task.id, task.repository, _base(here))
        assert await here.workspaces.snapshot(workspace)
        (here.workspaces.place(task.id) / APP).write_bytes(b"newer")
    here.agent.habits = {"": Edit()}
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert here.file(task.branch) == b"newer"
    assert await here.workspaces.latest_snapshot(workspace) is None
    assert not [event for event in await here.log(task) if isinstance(event.data, SnapshotTaken | WorkResumed)]


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_workspace_lost_between_turns_is_as_it_was_kept_last(here: World, stopped: bool) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, endless=stopped)
    async with here.working():
        task = await here.ask()
        if stopped:
            await here.agent.busy.wait()
            await here.app.stop(await here.person(), task, working=True)
        task = await here.settled(task)
    assert task.state is (State.STOPPED if stopped else State.PROPOSED)
    shutil.rmtree(here.workspaces.place(task.id).parent)
    here.agent.habits = {"more": Edit(files={"more": b"x"})}
    async with here.working():
        await here.app.reply(await here.person(), task, "more")
        task = await here.settled(task)
    assert (task.state, here.file(task.branch), here.file(task.branch, "more")) == (State.PROPOSED, b"fixed", b"x")
    told = here.agent.memory[next(iter(here.agent.memory))][-1]
    assert "conversation so far was lost" in told and "workspace was lost" in told


@pytest.mark.parametrize("written", [True, False])
async def test_words_that_the_agent_had_no_time_to_write_down_are_said_again(here: World, written: bool) -> None:
    until = anyio.Event()
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=until)
    async with here.working():
        task = await here.ask()
        await here.agent.busy.wait()
        await here.app.reply(await here.person(), task, "friendlier", id="m1")
        with anyio.fail_after(10):
            while not [event for event in await here.log(task) if isinstance(event.data, MessageDelivered)]:
                await here.store.tasks.news(task.id, 0.02)
    if not written:
        here.agent.messages.clear()
    here.agent.habits = {"": Edit(files={APP: b"fixed, friendly"})}
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    resumed = here.agent.memory[next(iter(here.agent.memory))][-1]
    assert ("friendlier" in resumed) is not written
    delivered = [event for event in await here.log(task) if isinstance(event.data, MessageDelivered)]
    assert (task.turn, len(delivered)) == (1, 1)
