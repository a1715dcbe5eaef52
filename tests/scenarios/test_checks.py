"""The forge's own checks: part of the verdict, and a reason for another turn."""

from datetime import timedelta
from pathlib import Path

import pytest

from honk.domain.event import BuildFailed, BuildReady, ChecksSeen, TaskNoted, TaskSettled, VerdictGiven
from honk.domain.pull_request import PullRequestState
from honk.domain.remote_check import CheckState
from honk.domain.task import State, Task
from honk.domain.verdict import Answer
from honk.testing.fake_work import APP, Edit
from honk.testing.world import CONFIG, Trap, World, world

pytestmark = pytest.mark.anyio
SENT_BACK = "failed on it"
RED, GREEN, RUNS = CheckState.FAILED, CheckState.PASSED, CheckState.RUNNING


async def _drafted(here: World, *demanded: str, text: str = "fix the crash") -> Task:
    """A change that the gate here has passed, and that waits for those checks."""
    here.ci.on, here.ci.demanded = True, demanded or ("ios",)
    return await here.settled(await here.ask(text))


async def _looked(here: World, task: Task) -> Task:
    await here.app.look(task.id)
    return await here.settled(task)


async def _answer(here: World, task: Task) -> Answer:
    verdict = await here.store.records.verdict(task.id)
    assert verdict is not None
    return verdict.answer


async def test_it_is_a_draft_until_what_the_forge_requires_has_passed(here: World) -> None:
    async with here.working():
        task = await _drafted(here, "ios", "lint")
        head = (await here.pull_request(task)).head
        assert (task.state, (await here.pull_request(task)).state) == (State.DRAFT, PullRequestState.DRAFT)
        assert "waits for the repository's own checks: ios, lint" in task.reason
        shown = f"{task.id}/{head}"
        assert here.ci.reported[shown].pending == ("ios", "lint")
        here.ci.says(head, "ios", GREEN)
        here.ci.says(head, "lint", RUNS)
        task = await _looked(here, task)
        assert (task.state, await _answer(here, task)) == (State.DRAFT, Answer.UNSURE)
        here.ci.says(head, "lint", GREEN)
        task = await _looked(here, task)
    assert (task.state, await _answer(here, task)) == (State.PROPOSED, Answer.PASS)
    assert (await here.pull_request(task)).state is PullRequestState.OPEN
    assert "| ios | pass |" in (await here.pull_request(task)).body
    assert here.ci.reported[f"{task.id}/{head}"].answer is Answer.PASS
    last = [one.data for one in await here.log(task) if isinstance(one.data, TaskSettled)][-1]
    assert (last.state, last.outcome) == (State.PROPOSED, "pass")


async def test_a_check_that_fails_goes_back_to_the_agent_with_its_log(here: World) -> None:
    here.agent.habits[SENT_BACK] = Edit(files={APP: b"fixed for ios"})
    async with here.working():
        task = await _drafted(here)
        head = (await here.pull_request(task)).head
        here.ci.says(head, "ios", RED, log="setting up\nerror: no such module 'Player'\n")
        task = await _looked(here, task)
        later = (await here.pull_request(task)).head
        assert (task.turn, task.state, later != head) == (2, State.DRAFT, True)
        here.ci.says(later, "ios", GREEN)
        task = await _looked(here, task)
    assert (task.state, await _answer(here, task)) == (State.PROPOSED, Answer.PASS)
    assert here.file(task.branch) == b"fixed for ios"
    [refused] = [one.data for one in await here.log(task) if isinstance(one.data, VerdictGiven) and one.data.refusing]
    assert refused.refusing == ("ios: failed (ci)",)


async def test_after_some_corrections_a_person_is_asked(here: World) -> None:
    here.agent.habits[SENT_BACK] = Edit(files={APP: b"fixed differently"})
    async with here.working():
        task = await _drafted(here)
        for content in (b"fixed differently", b"fixed again", b"fixed once more"):
            here.agent.habits[SENT_BACK] = Edit(files={APP: content})
            here.ci.says((await here.pull_request(task)).head, "ios", RED)
            task = await _looked(here, task)
    assert (task.turn, task.state) == (3, State.DRAFT)
    assert task.reason == "the repository's checks failed after 2 corrections: ios. A person has to look"


async def test_a_persons_words_begin_the_count_anew(here: World) -> None:
    here.agent.habits[SENT_BACK] = Edit(files={APP: b"fixed differently"})
    async with here.working():
        task = await _drafted(here)
        for content in (b"fixed differently", b"fixed again", b"fixed once more"):
            here.agent.habits[SENT_BACK] = Edit(files={APP: content})
            here.ci.says((await here.pull_request(task)).head, "ios", RED)
            task = await _looked(here, task)
        await here.app.reply(await here.person(), task, "make it friendlier")
        task = await here.settled(task)
        here.agent.habits[SENT_BACK] = Edit(files={APP: b"fixed at last"})
        here.ci.says((await here.pull_request(task)).head, "ios", RED)
        task = await _looked(here, task)
    assert task.turn == 5


async def test_what_was_red_on_the_base_does_not_count_against_the_change(here: World) -> None:
    async with here.working():
        here.ci.says(here.code.branches["main"], "flaky", RED)
        task = await _drafted(here, "ios", "flaky")
        head = (await here.pull_request(task)).head
        here.ci.says(head, "ios", GREEN)
        here.ci.says(head, "flaky", RED)
        task = await _looked(here, task)
    assert (task.turn, task.state, await _answer(here, task)) == (1, State.PROPOSED, Answer.PASS)
    assert "flaky: failing before" in (await here.pull_request(task)).body


async def test_a_check_that_nobody_requires_becomes_a_turn_and_holds_nothing_up(here: World) -> None:
    here.agent.habits[SENT_BACK] = Edit(files={APP: b"fixed, formatted"})
    here.ci.on = True
    async with here.working():
        task = await here.settled(await here.ask())
        assert task.state is State.PROPOSED
        here.ci.says((await here.pull_request(task)).head, "format", RED)
        task = await _looked(here, task)
    assert (task.turn, task.state) == (2, State.PROPOSED)


async def test_a_check_that_passes_when_it_runs_again_makes_it_ready(here: World) -> None:
    async with here.working():
        task = await _drafted(here)
        head = (await here.pull_request(task)).head
        here.agent.habits[SENT_BACK] = Edit(files={})
        here.ci.says(head, "ios", RED)
        task = await _looked(here, task)
        assert (task.turn, await _answer(here, task)) == (2, Answer.UNSURE)
        task = await _looked(here, task)
        assert (task.turn, await _answer(here, task)) == (2, Answer.FAIL)
        assert "A person has to look" in task.reason
        here.ci.says(head, "ios", GREEN)
        task = await _looked(here, task)
    assert (task.state, await _answer(here, task)) == (State.PROPOSED, Answer.PASS)


async def test_every_check_can_be_awaited_or_none(tmp_path: Path) -> None:
    for wait, state in (('"all"', State.DRAFT), ('"none"', State.PROPOSED), ('["web"]', State.DRAFT)):
        config = CONFIG + f"[checks]\nwait = {wait}\n".encode()
        async with world(tmp_path / wait.strip('"[]'), {".honk.toml": config}) as there, there.working():
            task = await _drafted(there, "ios")
            assert task.state is state
            if state is State.DRAFT:
                there.ci.says((await there.pull_request(task)).head, "web", GREEN)
                assert (await _looked(there, task)).state is State.PROPOSED


async def test_it_is_told_once_whatever_the_forge_calls_how_often(here: World) -> None:
    async with here.working():
        task = await _drafted(here)
        here.ci.says((await here.pull_request(task)).head, "ios", GREEN)
        for _ in range(5):
            task = await _looked(here, task)
    seen = [one for one in await here.log(task) if isinstance(one.data, ChecksSeen)]
    given = [one for one in await here.log(task) if isinstance(one.data, VerdictGiven)]
    assert (len(seen), len(given)) == (1, 2)


async def test_what_has_answered_is_not_looked_at_all_the_time(here: World) -> None:
    async with here.working():
        task = await _drafted(here, "ios")
        head = (await here.pull_request(task)).head
        assert await here.app.look(task.id)
        here.ci.says(head, "ios", GREEN)
        task = await _looked(here, task)
        assert task.state is State.PROPOSED
        assert not await here.app.look(task.id)
        here.ci.says(head, "nightly", RUNS)
        assert await here.app.look(task.id)


async def test_a_check_that_never_begins_is_said_to_be_missing_and_looked_at_less(here: World) -> None:
    async with here.working():
        task = await _drafted(here, "ios", "docs")
        here.ci.says((await here.pull_request(task)).head, "ios", GREEN)
        assert await here.app.look(task.id)
        here.clock.now += timedelta(hours=2)
        for _ in range(3):
            assert not await here.app.look(task.id)
        notes = [one.data.text for one in await here.log(task) if isinstance(one.data, TaskNoted)]
        [missed] = [one for one in notes if "no sign of docs within an hour" in one]
        assert "--accept-unsure" in missed
        here.ci.says((await here.pull_request(task)).head, "docs", GREEN)
        task = await _looked(here, task)
    assert task.state is State.PROPOSED


async def test_a_branch_that_a_person_moved_is_not_judged_by_checks_of_another_head(here: World) -> None:
    async with here.working():
        task = await _drafted(here)
        head = (await here.pull_request(task)).head
        here.somebody_commits(task.branch, {"by_hand.py": b"x"})
        here.forge.serves = True
        here.ci.says(head, "ios", GREEN)
        task = await _looked(here, task)
        task = await _looked(here, task)
    assert task.state is State.DRAFT
    notes = [one.data.text for one in await here.log(task) if isinstance(one.data, TaskNoted)]
    assert len([one for one in notes if "which is not verified" in one]) == 1


@pytest.mark.parametrize("place", ["records.save_verdict", "forge.update", "tasks.move"])
async def test_killed_while_it_concludes_it_goes_on(here: World, place: str) -> None:
    async with here.working():
        task = await _drafted(here)
    here.ci.says((await here.pull_request(task)).head, "ios", GREEN)
    assert await here.killed_at(Trap(place=place), lambda: here.app.look(task.id), task)
    async with here.working():
        for one in await here.journal.unfinished():
            await here.journal.start(one.split("/")[0], one, "")
        task = await here.settled(task)
    assert (task.state, (await here.pull_request(task)).state) == (State.PROPOSED, PullRequestState.OPEN)
    given = [one for one in await here.log(task) if isinstance(one.data, VerdictGiven)]
    assert len(given) == 2


PHONE = b'[build]\nartifact = "ios-app"\noutput = "app.ipa"\nkind = "file"\n'


async def test_the_app_that_the_ci_built_is_what_people_try(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": PHONE}) as there, there.working():
        task = await _drafted(there)
        head = (await there.pull_request(task)).head
        assert await there.store.records.build(task.id) is None
        there.ci.kept[head] = {"ios-app": b"PK an app", "logs": b"PK"}
        there.ci.says(head, "ios", GREEN)
        for _ in range(3):
            task = await _looked(there, task)
        made = await there.store.records.build(task.id)
        assert made is not None
        assert (made.commit, made.kind, made.name) == (head, "file", "ios-app")
        assert task.state is State.PROPOSED
        ready = [one for one in await there.log(task) if isinstance(one.data, BuildReady)]
        assert len(ready) == 1
        assert made.preview_url is not None and made.preview_url in (await there.pull_request(task)).body


async def test_an_artifact_that_is_no_archive_is_said_and_holds_nothing_up(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": PHONE}) as there, there.working():
        task = await _drafted(there)
        head = (await there.pull_request(task)).head
        there.ci.kept[head] = {"ios-app": b"no archive"}
        there.ci.says(head, "ios", GREEN)
        for _ in range(3):
            task = await _looked(there, task)
        assert task.state is State.PROPOSED
        assert len([one for one in await there.log(task) if isinstance(one.data, BuildFailed)]) == 1


async def test_a_check_that_was_skipped_proves_nothing_until_it_runs(here: World) -> None:
    async with here.working():
        task = await _drafted(here)
        head = (await here.pull_request(task)).head
        here.ci.says(head, "ios", CheckState.SKIPPED)
        task = await _looked(here, task)
        assert (task.turn, task.state) == (1, State.PROPOSED)
        here.ci.says(head, "ios", RED)
        here.agent.habits[SENT_BACK] = Edit(files={APP: b"fixed for ios"})
        task = await _looked(here, task)
    assert task.turn == 2
