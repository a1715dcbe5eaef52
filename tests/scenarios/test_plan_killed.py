"""A process that plans, or begins to carry a plan out, may be killed at any moment: the end is the same."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from honk.domain.event import PlanProposed, TaskSettled
from honk.domain.task import Task
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Trap, World, world

pytestmark = pytest.mark.anyio

Act = Callable[[World], Awaitable[Task]]
_ONCE = (PlanProposed, TaskSettled)


async def _ask(here: World) -> Task:
    here.agent.habits = {
        "says: go": Edit(files={APP: b"fixed"}, summary="done as planned"),
        "in blue": Edit(files={APP: b"fixed, blue"}, summary="the plan, in blue"),
        "A plan comes first": Edit(files={APP: b"fixed"}, summary="the plan"),
    }
    return await here.ask("fix the crash", plan=True)


async def _latest(here: World) -> Task:
    task = await here.latest()
    assert task is not None
    return task


async def _go(here: World) -> Task:
    task = await _latest(here)
    await here.app.approve_plan(await here.person(), task, id="press")
    return task


async def _change(here: World) -> Task:
    task = await _latest(here)
    await here.app.reply(await here.person(), task, "in blue", id="message")
    return task


async def _cancel(here: World) -> Task:
    return await here.app.stop(await here.person(), await _latest(here), working=True)


async def _sight(here: World, task: Task) -> dict[str, object]:
    task = await here.now(task)
    log = await here.log(task)
    pull_request = await here.store.records.pull_request(task.id)
    return {
        "state": (task.state, task.reason),
        "outcomes": [(await here.store.tasks.turn(task.id, n)).outcome for n in range(1, task.turn + 1)],
        "file": here.file(task.branch) if task.branch in here.code.branches else None,
        "workspace": here.kept(task.id),
        "pull request": pull_request and pull_request.state,
        "plans": [(one.data.name, one.data.text) for one in log if isinstance(one.data, PlanProposed)],
        "told": Counter((event.type, event.turn) for event in log if isinstance(event.data, _ONCE)),
        "waiting": await here.app.messages(task),
        "unfinished": await here.journal.unfinished(),
    }


async def _undisturbed(folder: Path, before: Act | None, act: Act) -> dict[str, object]:
    async with world(folder) as here, here.working():
        if before:
            await here.settled(await before(here))
        return await _sight(here, await here.settled(await act(here)))


async def _disturbed(folder: Path, before: Act | None, act: Act, trap: Trap) -> dict[str, object] | None:
    async with world(folder) as here:
        if before:
            async with here.working():
                await here.settled(await before(here))
        if not await here.killed_at(trap, lambda: act(here)):
            return None
        async with here.working():
            task = await here.latest()
            if task is None or before:
                task = await act(here)  # nobody saw an answer, so the door delivers it again
            await here.app.resume(task)
            await here.settled(task)
        return await _sight(here, task)


_STORIES: dict[str, tuple[Act | None, Act]] = {
    "plan": (None, _ask),
    "go": (_ask, _go),
    "change": (_ask, _change),
    "cancel": (_ask, _cancel),
}


async def _kill(tmp_path: Path, story: str, *, after: bool, first: int, every: int) -> None:
    before, act = _STORIES[story]
    expected = await _undisturbed(tmp_path / "undisturbed", before, act)
    different: dict[int, object] = {}
    number = first
    while (seen := await _disturbed(tmp_path / str(number), before, act, Trap(number=number, after=after))) is not None:
        if seen != expected:
            different[number] = {key: (seen[key], expected[key]) for key in expected if seen[key] != expected[key]}
        number += every
    assert not different
    assert number > (2 if story == "cancel" else 8), "the process was killed nowhere"


@pytest.mark.parametrize(
    ("story", "after"),
    [
        pytest.param(story, after, id=f"{story}-{when}", marks=() if number % 2 == after else pytest.mark.slow)
        for number, story in enumerate(_STORIES)
        for after, when in ((True, "after"), (False, "before"))
    ],
)
async def test_killed_here_and_there_the_end_is_the_same(tmp_path: Path, story: str, after: bool) -> None:
    every = 1 if story == "cancel" else 13
    await _kill(tmp_path, story, after=after, first=1 if after else 2, every=every)


@pytest.mark.slow
@pytest.mark.seconds(300)
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("story", _STORIES)
async def test_killed_anywhere_the_end_is_the_same(tmp_path: Path, story: str, after: bool) -> None:
    await _kill(tmp_path, story, after=after, first=1, every=1)
