"""Promise 2: any process may be killed at any moment, and the task goes on where it was, with nothing doubled.

The process dies before and after every single effect it has on the store, the journal, the
workspace or the forge; the next one goes on. What is there in the end is always the same.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from honk.domain.deployment import DeploymentState
from honk.domain.event import (
    DeploymentFinished,
    EventData,
    MergeDone,
    PullRequestOpened,
    PullRequestUpdated,
    TaskAccepted,
    TaskSettled,
)
from honk.domain.pull_request import MergeMethod
from honk.domain.task import State, Task
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Trap, World, world

pytestmark = pytest.mark.anyio

Act = Callable[[World], Awaitable[Task]]
#: Events of which a second one would tell people something twice.
_ONCE: tuple[type[EventData], ...] = (TaskAccepted, PullRequestOpened, PullRequestUpdated, MergeDone, TaskSettled)


def _plain(text: str) -> str:
    """Without what is different in every world: the ends of task ids, and names of commits."""
    return re.sub(r"(?<=-)[0-9a-f]{6}\b|\b[0-9a-f]{12}\b", "…", text)


async def _sight(here: World, task: Task) -> dict[str, object]:
    """Everything that somebody outside could see, without names that differ between two worlds."""
    task = await here.now(task)
    log = await here.log(task)
    assert [event.seq for event in log] == list(range(1, len(log) + 1))
    pull_request = await here.store.records.pull_request(task.id)
    verdict = await here.store.records.verdict(task.id)
    deployments = await here.store.records.deployments(task.repository.key, "production")
    return {
        "state": task.state,
        "reason": _plain(task.reason),
        "outcomes": [(await here.store.tasks.turn(task.id, n)).outcome for n in range(1, task.turn + 1)],
        "branches": {_plain(name): here.file(name) for name in here.code.branches},
        "main": Counter(_plain(one.message) for one in here.code.history("main")),
        "pull request": pull_request and (pull_request.number, pull_request.state, pull_request.title),
        "verified": verdict and verdict.commit == (pull_request.head if pull_request else None),
        "production": here.production(),
        "deployments": Counter((one.state, len(one.commit)) for one in deployments),
        "told": Counter(event.type for event in log if isinstance(event.data, _ONCE)),
        "settled": [(e.turn, e.data.state, e.data.outcome) for e in log if isinstance(e.data, TaskSettled)],
        "stop": await here.store.tasks.stop_asked(task.id),
        "unfinished": await here.journal.unfinished(),
    }


async def _undisturbed(folder: Path, before: Act | None, act: Act) -> dict[str, object]:
    async with world(folder) as here:
        async with here.working():
            if before:
                await here.settled(await before(here))
            task = await here.settled(await act(here))
        return await _sight(here, task)


async def _disturbed(folder: Path, before: Act | None, act: Act, trap: Trap) -> dict[str, object] | None:
    """What is there after a kill in the trap and a second process; None when the trap is never reached."""
    async with world(folder) as here:
        if before:
            async with here.working():
                await here.settled(await before(here))
        if not await here.killed_at(trap, lambda: act(here)):
            return None
        task = await here.latest()
        async with here.working():
            if task is None or not await here.app.resume(task):
                # Nothing was cut off, so the person sees nothing and asks again.
                settled = await _sight(here, task) if task else {}
                task = task if settled.get("state") not in (None, *_RESTING[act]) else await act(here)
            await here.settled(task)
        return await _sight(here, task)


async def _ask(here: World) -> Task:
    return await here.ask("fix the crash")


async def _ask_twice_refused(here: World) -> Task:
    here.agent.habits = {
        "a bug": Edit(files={APP: b"fixed"}),
        "fix the crash": Edit(files={APP: b"a bug"}),
    }
    return await here.ask("fix the crash")


async def _ask_to_land(here: World) -> Task:
    return await here.ask("fix the crash", merge=True)


async def _reply(here: World) -> Task:
    task = await here.latest()
    assert task is not None
    await here.app.reply(await here.person(), task, "friendlier", id="message")
    return task


async def _merge(here: World) -> Task:
    task = await here.latest()
    assert task is not None
    await here.app.merge(await here.person(), task, method=MergeMethod.MERGE, act="press")
    return task


async def _undo(here: World) -> Task:
    task = await here.latest()
    assert task is not None
    await here.app.undo(await here.person(), task)
    return task


async def _land_upon_another(here: World) -> Task:
    """A task whose version replaced the one of a task before it."""
    await here.settled(await here.ask("fix the crash", merge=True))
    return await here.ask("bump it", merge=True)


#: In which states the act has not begun yet, as a person would see.
_RESTING: dict[Act, tuple[State, ...]] = {
    _ask: (),
    _ask_twice_refused: (),
    _ask_to_land: (),
    _reply: (State.PROPOSED,),
    _merge: (State.PROPOSED,),
    _undo: (State.DEPLOYED,),
}


_STORIES: dict[str, tuple[Act | None, Act]] = {
    "turn": (None, _ask),
    "corrected": (None, _ask_twice_refused),
    "to production": (None, _ask_to_land),
    "reply": (_ask, _reply),
    "merge": (_ask, _merge),
    "undo": (_land_upon_another, _undo),
}


async def _kill(tmp_path: Path, story: str, *, after: bool, first: int, every: int) -> None:
    before, act = _STORIES[story]
    expected = await _undisturbed(tmp_path / "undisturbed", before, act)
    different: dict[int, object] = {}
    number = first
    while (seen := await _disturbed(tmp_path / str(number), before, act, Trap(number=number, after=after))) is not None:
        if seen != expected:
            different[number] = {
                key: (seen.get(key), expected[key]) for key in expected if seen.get(key) != expected[key]
            }
        number += every
    assert not different
    assert number > 8, "the process was killed nowhere"


@pytest.mark.parametrize(
    ("story", "after"),
    [
        pytest.param(story, after, id=f"{story}-{when}", marks=() if number % 2 == after else pytest.mark.slow)
        for number, story in enumerate(_STORIES)
        for after, when in ((True, "after"), (False, "before"))
    ],
)
async def test_killed_here_and_there_the_end_is_the_same(tmp_path: Path, story: str, after: bool) -> None:
    await _kill(tmp_path, story, after=after, first=3 if after else 7, every=19)


@pytest.mark.slow
@pytest.mark.seconds(300)
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("story", _STORIES)
async def test_killed_anywhere_the_end_is_the_same(tmp_path: Path, story: str, after: bool) -> None:
    await _kill(tmp_path, story, after=after, first=1, every=1)


async def _killed_as_it_settles(here: World) -> Task:
    """The turn is over for everybody to see, but its process died before the journal knew."""
    assert await here.killed_at(Trap(place="tasks.clear_stop"), lambda: _ask(here))
    task = await here.latest()
    assert task is not None and task.state is State.PROPOSED
    assert await here.journal.unfinished()
    return task


async def test_a_turn_taken_up_again_after_the_merge_leaves_the_task_where_it_is(here: World) -> None:
    task = await _killed_as_it_settles(here)
    async with here.working():
        await here.app.merge(await here.person(), task, method=here.method, act="press")
        await here.journal.wait(f"land/{task.id}/press")
        assert await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")


async def test_a_turn_taken_up_again_after_the_next_one_leaves_the_task_where_it_is(here: World) -> None:
    task = await _killed_as_it_settles(here)
    here.agent.habits = {"friendlier": Edit(files={APP: b"maybe"})}
    async with here.working():
        await here.app.reply(await here.person(), task, "friendlier")
        await here.journal.wait(f"turn/{task.id}/2")
        assert (await here.now(task)).state is State.DRAFT
        assert await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, task.turn) == (State.DRAFT, 2)
    settled = [event.turn for event in await here.log(task) if isinstance(event.data, TaskSettled)]
    assert sorted(settled) == [1, 2]


async def test_a_turn_taken_up_again_does_not_stop_or_settle_the_one_at_work(here: World) -> None:
    task = await _killed_as_it_settles(here)
    may_end = anyio.Event()
    here.agent.habits = {"friendlier": Edit(files={APP: b"fixed, friendly"}, until=may_end)}
    async with here.working():
        await here.app.reply(await here.person(), task, "friendlier")
        await here.agent.busy.wait()
        await here.journal.start("turn", f"turn/{task.id}/1", "")
        await here.journal.wait(f"turn/{task.id}/1")
        assert (await here.now(task)).state is State.CODING
        may_end.set()
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed, friendly")


async def test_a_refused_draft_is_a_draft_again_although_a_crash_came_between(here: World) -> None:
    here.agent.habits = {"": Edit(files={APP: b"maybe"})}
    async with here.working():
        task = await here.settled(await _ask(here))
    assert await here.killed_at(Trap(place="forge.find"), lambda: _merge(here), task)
    assert (await here.now(task)).state is State.MERGING
    async with here.working():
        assert await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file("main")) == (State.DRAFT, b"crash")


async def test_a_deployment_cut_off_after_it_went_live_is_not_made_again(here: World) -> None:
    async with here.working():
        await here.settled(await here.ask("fix the crash", merge=True))
        task = await here.settled(await here.ask("bump it"))
    # The second time that a deployment is stored, its version is live already.
    assert await here.killed_at(
        Trap(place="records.save_deployment", number=2, after=False), lambda: _merge(here), task
    )
    assert here.production() == b"fixed, bumped"
    # A second try would fail: the record must say what is true all the same.
    for artifact in (here.home / "artifacts").rglob("*"):
        if artifact.is_file():
            artifact.write_bytes(b"does not start")
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed, bumped")
    live, before = await here.store.records.deployments(task.repository.key, "production")
    assert (live.state, live.previous) == (DeploymentState.LIVE, before.id)
    finished = [e.data.state for e in await here.log(task) if isinstance(e.data, DeploymentFinished)]
    assert finished == [DeploymentState.LIVE]
    assert len(list(here.home.glob("production/*/*/releases/*"))) == 2


async def test_a_turn_taken_up_again_leaves_the_reason_of_a_refused_merge(here: World) -> None:
    task = await _killed_as_it_settles(here)
    here.somebody_commits(task.branch, {"backdoor.py": b"x"})
    async with here.working():
        await here.app.merge(await here.person(), task, method=here.method, act="press")
        await here.journal.wait(f"land/{task.id}/press")
        assert await here.app.resume(task)
        task = await here.settled(task)
    assert task.state is State.PROPOSED
    assert "not at the verified" in task.reason
