"""A task is done again from any point: what lies before it stands, and what makes no sense says what does."""

import anyio
import pytest

from honk.domain.event import BaseChosen, TaskRetried, VerdictGiven
from honk.domain.task import State, Task
from honk.domain.turn import Outcome
from honk.errors import NotNow, Usage
from honk.testing.fake_work import APP, Edit
from honk.testing.world import CONFIG, Trap, World

pytestmark = pytest.mark.anyio


async def _proposed(here: World) -> Task:
    return await here.settled(await here.ask("fix the crash"))


def _steps(here: World, task: Task, again: int) -> list[str]:
    return list(here.journal.recorded(f"turn/{task.id}/1/again/{again}"))


@pytest.mark.parametrize(
    ("point", "verdicts", "agents"),
    [("prepare", 2, 2), ("code", 2, 2), ("verify", 2, 1), ("propose", 1, 1), ("build", 1, 1), ("share", 1, 1)],
)
async def test_what_lies_before_the_point_stands(here: World, point: str, verdicts: int, agents: int) -> None:
    person = await here.person()
    async with here.working():
        task = await _proposed(here)
        before = await here.pull_request(task)
        await here.app.retry(person, task, point=point)
        task = await here.settled(task)
        log = await here.log(task)
        assert (task.state, task.turn, here.file(task.branch)) == (State.PROPOSED, 1, b"fixed")
        assert len([e for e in log if isinstance(e.data, VerdictGiven)]) == verdicts
        assert len([e for e in log if e.type == "agent.started"]) == agents
        assert [e.data.point for e in log if isinstance(e.data, TaskRetried)] == [point]
        assert (await here.pull_request(task)).number == before.number
        assert [e.type for e in log].count("task.settled") == 2
        await here.app.retry(person, task, point="verify")  # and once more, on top of that
        task = await here.settled(task)
    assert task.state is State.PROPOSED
    assert _steps(here, task, 2)[:3] == ["prepare", "baseline", "code/1"]
    assert (await here.store.tasks.turn(task.id, 1)).again == 2


async def test_a_build_that_failed_is_made_again_without_the_agent(here: World) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed, cannot be built"})
    async with here.working():
        task = await _proposed(here)
        assert await here.store.records.build(task.id) is None
        assert "build.failed" in [e.type for e in await here.log(task)]
        await here.app.retry(await here.person(), task, point="build")
        task = await here.settled(task)
    types = [e.type for e in await here.log(task)]
    assert (types.count("build.failed"), types.count("agent.started")) == (2, 1)
    assert task.state is State.PROPOSED


async def test_a_deployment_that_failed_is_done_again(here: World) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed, does not start"})
    person = await here.person()
    async with here.working():
        task = await _proposed(here)
        await here.app.merge(person, task, method=here.method)
        task = await here.settled(task)
        assert task.state is State.MERGED
        with pytest.raises(NotNow, match="code") as refused:
            await here.app.retry(person, task, point="code")
        assert "--from deploy" in refused.value.remedy
        await here.app.retry(person, task, point="deploy")
        task = await here.settled(task)
    assert task.state is State.MERGED
    types = [e.type for e in await here.log(task)]
    assert types.count("deployment.finished") == 2


async def test_a_refused_merge_is_pressed_again(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _proposed(here)
        tip = here.code.branches[task.branch]
        here.somebody_commits(task.branch, {"other.py": b"x"})
        await here.app.merge(person, task, method=here.method)
        task = await here.settled(task)
        assert task.state is State.PROPOSED
        here.code.branches[task.branch] = tip
        await here.app.retry(person, task, point="merge")
        task = await here.settled(task)
    assert task.state is State.DEPLOYED


async def test_a_point_that_makes_no_sense_says_which_do(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await here.settled(await here.ask("fix the crash", base="missing"))
        assert task.state is State.FAILED
        with pytest.raises(NotNow) as refused:
            await here.app.retry(person, task, point="build")
        assert refused.value.remedy.endswith("--from prepare")
        with pytest.raises(Usage, match="no step"):
            await here.app.retry(person, task, point="lunch")
        here.agent.habits["fix the crash"] = Edit(endless=True)
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
        with pytest.raises(NotNow, match="at work"):
            await here.app.retry(person, task, point="prepare")


async def test_a_broken_base_that_was_repaired_is_taken_anew(here: World) -> None:
    person = await here.person()
    here.code.branches["main"] = here.code.commit(here.code.tree({".honk.toml": CONFIG, APP: b"broken"}), (), "b")
    async with here.working():
        task = await _proposed(here)
        assert (task.state, (await here.store.tasks.turn(task.id, 1)).outcome) == (State.WAITING, Outcome.QUESTION)
        here.somebody_commits("main", {APP: b"crash"})
        await here.app.retry(person, task)
        task = await here.settled(task)
    assert (task.state, task.turn, here.file(task.branch)) == (State.PROPOSED, 1, b"fixed")
    chosen = [e.data.commit for e in await here.log(task) if isinstance(e.data, BaseChosen)]
    assert chosen == [chosen[0], here.code.branches["main"]] and len(set(chosen)) == 2


@pytest.mark.parametrize("place", ["tasks.reopen_turn", "events.record", "journal.start"])
async def test_killed_while_a_person_retries_the_retry_is_done_once(here: World, place: str) -> None:
    person = await here.person()
    async with here.working():
        task = await _proposed(here)
    assert await here.killed_at(Trap(place=place), lambda: here.app.retry(person, task, point="verify"), task)
    async with here.working():
        await here.app.resume(task)
        with anyio.fail_after(10):
            task = await here.settled(task)
    assert (task.state, (await here.store.tasks.turn(task.id, 1)).again) == (State.PROPOSED, 1)
    assert len([e for e in await here.log(task) if isinstance(e.data, VerdictGiven)]) == 2


async def test_two_people_press_retry_at_once(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _proposed(here)
        refused: list[NotNow] = []

        async def press() -> None:
            try:
                await here.app.retry(person, task, point="verify")
            except NotNow as error:
                refused.append(error)

        async with anyio.create_task_group() as presses:
            presses.start_soon(press)
            presses.start_soon(press)
        task = await here.settled(task)
    assert len(refused) == 1
    assert (await here.store.tasks.turn(task.id, 1)).again == 1
