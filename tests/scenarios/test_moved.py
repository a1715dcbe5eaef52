"""What moved beside the work: the base, with or without a conflict, and the branch, by a person."""

from dataclasses import replace

import anyio
import pytest

from honk.domain.event import BaseMerged, TaskNoted
from honk.domain.pull_request import PullRequestState
from honk.domain.task import State, Task
from honk.domain.verdict import Answer
from honk.errors import NotNow
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Trap, World

pytestmark = pytest.mark.anyio
#: in the words for an agent whose base has moved
MOVED = "has moved since you began"


async def _proposed(here: World) -> Task:
    here.ci.on = here.forge.serves = True
    return await here.settled(await here.ask())


async def _conflict_seen(here: World, task: Task) -> Task:
    """As a forge would say, once the base has moved."""
    there = await here.pull_request(task)
    await here.store.records.save_pull_request(task.repository.key, replace(there, conflicts=True))
    await here.app.look(task.id)
    return await here.settled(task)


async def test_a_base_that_conflicts_is_merged_in_a_turn_and_the_agent_settles_it(here: World) -> None:
    here.agent.habits[MOVED] = Edit(files={APP: b"fixed, and by hand"})
    async with here.working():
        task = await _proposed(here)
        head = (await here.pull_request(task)).head
        moved = here.somebody_commits("main", {APP: b"by hand"})
        task = await _conflict_seen(here, task)
        there = await here.pull_request(task)
        made = here.code.commits[there.head]
        assert (task.turn, task.state) == (2, State.PROPOSED)
        assert here.code.commits[made.parents[0]].parents == (head, moved)
        assert here.file(task.branch) == b"fixed, and by hand"
        [merged] = [one.data for one in await here.log(task) if isinstance(one.data, BaseMerged)]
        assert merged.conflicts == (APP,)
        await here.app.merge(await here.person(), task, method=here.method)
        task = await here.settled(task)
    assert (task.state, here.file("main")) == (State.DEPLOYED, b"fixed, and by hand")


async def test_a_conflict_that_the_agent_leaves_in_the_file_is_no_pass(here: World) -> None:
    here.agent.habits[MOVED] = Edit(files={})
    async with here.working():
        task = await _proposed(here)
        here.somebody_commits("main", {APP: b"by hand"})
        here.agent.habits["conflict markers are left"] = Edit(files={})
        task = await _conflict_seen(here, task)
        verdict = await here.store.records.verdict(task.id)
        assert verdict is not None
        assert (task.state, verdict.answer) == (State.DRAFT, Answer.FAIL)
        assert f"conflict markers are left in {APP}" in str(verdict.findings)


async def test_a_person_can_have_the_base_merged_and_nothing_in_conflict_still_reaches_the_branch(here: World) -> None:
    here.agent.habits[MOVED] = Edit(files={})
    async with here.working():
        task = await _proposed(here)
        here.somebody_commits("main", {"other.py": b"other"})
        await here.app.update(await here.person(), task, id="once")
        await here.app.update(await here.person(), task, id="once")
        task = await here.settled(task)
    assert (task.turn, task.state) == (2, State.PROPOSED)
    assert (here.file(task.branch), here.file(task.branch, "other.py")) == (b"fixed", b"other")


async def test_a_pull_request_that_was_given_another_base_is_brought_up_to_date_with_that(here: World) -> None:
    here.agent.habits[MOVED] = Edit(files={})
    async with here.working():
        task = await _proposed(here)
        here.code.branches["next"] = here.code.branches["main"]
        tip = here.somebody_commits("next", {"other.py": b"other"})
        there = await here.pull_request(task)
        await here.store.records.save_pull_request(task.repository.key, replace(there, base="next"))
        await here.app.update(await here.person(), task)
        task = await here.settled(task)
        [merged] = [one.data for one in await here.log(task) if isinstance(one.data, BaseMerged)]
    assert (merged.branch, merged.commit) == ("next", tip)
    assert (task.state, here.file(task.branch, "other.py")) == (State.PROPOSED, b"other")


async def test_what_a_person_writes_into_the_text_while_honk_pushes_stays(here: World) -> None:
    async with here.working():
        task = await _proposed(here)

        async def written() -> None:
            there = await here.pull_request(task)
            changed = replace(there, title="In my own words", body=f"By hand.\n\n{there.body}")
            await here.store.records.save_pull_request(task.repository.key, changed)

        here.forge.meanwhile["publish"] = written
        await here.app.reply(await here.person(), task, "make it friendlier")
        task = await here.settled(task)
        there = await here.pull_request(task)
    assert (there.title, there.body.startswith("By hand.\n\n<!-- honk:")) == ("In my own words", True)
    assert (task.turn, there.head) == (2, here.code.branches[task.branch])


async def test_without_a_pull_request_there_is_nothing_to_bring_up_to_date(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("bump"))
        no_pull_request = await here.settled(await here.ask("fix the crash", plan=True))
        with pytest.raises(NotNow, match="no pull request"):
            await here.app.update(await here.person(), no_pull_request)
    assert task.state is State.PROPOSED


@pytest.mark.parametrize("place", ["repositories.merge", "workspaces.clear", "events.record", "workspaces.open"])
async def test_killed_while_the_base_is_merged_it_goes_on_and_merges_once(here: World, place: str) -> None:
    here.agent.habits[MOVED] = Edit(files={APP: b"fixed, and by hand"})
    async with here.working():
        task = await _proposed(here)
    here.somebody_commits("main", {APP: b"by hand"})
    person = await here.person()
    assert await here.killed_at(Trap(place=place), lambda: here.app.update(person, task, id="u"), task)
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed, and by hand")
    assert len([one for one in await here.log(task) if isinstance(one.data, BaseMerged)]) == 1


async def test_what_a_person_pushed_to_the_branch_is_built_on_not_taken_back(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.somebody_commits(task.branch, {"by_hand.py": b"mine"})
        await here.app.look(task.id)
        await here.app.reply(await here.person(), task, "make it friendlier")
        task = await here.settled(task)
    assert (task.turn, task.state) == (2, State.PROPOSED)
    assert (here.file(task.branch), here.file(task.branch, "by_hand.py")) == (b"fixed, friendly", b"mine")
    notes = [one.data.text for one in await here.log(task) if isinstance(one.data, TaskNoted)]
    assert any("the work goes on from there" in one for one in notes)


async def test_what_a_person_pushed_is_verified_by_a_turn_that_changes_nothing(here: World) -> None:
    here.agent.habits["is it good"] = Edit(files={}, summary="it is")
    async with here.working():
        task = await _proposed(here)
        moved = here.somebody_commits(task.branch, {"by_hand.py": b"mine"})
        await here.app.look(task.id)
        await here.app.reply(await here.person(), task, "is it good")
        task = await here.settled(task)
        verdict = await here.store.records.verdict(task.id, moved)
        assert verdict is not None and verdict.answer is Answer.PASS
        assert task.state is State.PROPOSED
        await here.app.merge(await here.person(), task, method=here.method)
        task = await here.settled(task)
    assert (task.state, here.file("main", "by_hand.py")) == (State.DEPLOYED, b"mine")


async def test_what_a_person_pushes_while_the_agent_works_is_never_overwritten(here: World) -> None:
    until = anyio.Event()
    here.agent.habits["is it good"] = Edit(files={}, summary="it is")
    here.agent.habits["friendlier"] = Edit(files={APP: b"fixed, friendly"}, until=until)
    async with here.working():
        task = await _proposed(here)
        await here.app.reply(await here.person(), task, "make it friendlier")
        await here.agent.busy.wait()
        moved = here.somebody_commits(task.branch, {"by_hand.py": b"mine"})
        until.set()
        task = await here.settled(task)
        assert here.code.branches[task.branch] == moved
        notes = [one.data.text for one in await here.log(task) if isinstance(one.data, TaskNoted)]
        assert any("somebody moved" in one for one in notes)
        await here.app.look(task.id)
        await here.app.reply(await here.person(), task, "is it good")
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed, friendly")
    assert here.file(task.branch, "by_hand.py") == b"mine"


async def test_a_pull_request_that_is_closed_while_the_agent_works_stays_closed(here: World) -> None:
    until = anyio.Event()
    here.agent.habits["friendlier"] = Edit(files={APP: b"fixed, friendly"}, until=until)
    async with here.working():
        task = await _proposed(here)
        await here.app.reply(await here.person(), task, "make it friendlier")
        await here.agent.busy.wait()
        there = await here.pull_request(task)
        closed = replace(there, state=PullRequestState.CLOSED)
        await here.store.records.save_pull_request(task.repository.key, closed)
        until.set()
        await here.settled(task)
        assert (await here.pull_request(task)).state is PullRequestState.CLOSED
        here.agent.habits["bump"] = Edit(files={APP: b"fixed, bumped"})
        await here.app.reply(await here.person(), task, "bump")
        await here.settled(task)
        assert (await here.pull_request(task)).state is PullRequestState.OPEN
