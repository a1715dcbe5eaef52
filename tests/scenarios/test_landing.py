"""From a person's approval to production, and back."""

import anyio
import pytest

from honk.domain.deployment import DeploymentState
from honk.domain.event import MergeRefused, TaskNoted, TaskSettled
from honk.domain.landing import Consent
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.pull_request import PullRequestState
from honk.domain.task import State, Task
from honk.domain.turn import Outcome
from honk.errors import NotAllowed, NotNow, Usage
from honk.testing.fake_work import APP, Edit
from honk.testing.world import CONFIG, Trap, World
from honk.views import ends_following

pytestmark = pytest.mark.anyio


async def _proposed(here: World, text: str = "fix the crash") -> Task:
    return await here.settled(await here.ask(text))


async def _merged(here: World, task: Task, person: Person | None = None, *, accept_unsure: bool = False) -> Task:
    by = person or await here.person()
    await here.app.merge(by, task, method=here.method, consent=Consent(accept_unsure=accept_unsure))
    return await here.settled(task)


async def _undone(here: World, task: Task) -> Task:
    await here.app.undo(await here.person(), task)
    return await here.settled(task)


async def _last(here: World, task: Task) -> TaskSettled:
    return [event.data for event in await here.log(task) if isinstance(event.data, TaskSettled)][-1]


async def _live(here: World, task: Task) -> list[DeploymentState]:
    return [one.state for one in await here.store.records.deployments(task.repository.key, "production")]


# ── merge ──────────────────────────────────────────────────────────────────────────────────────
async def test_merge_takes_the_verified_head_to_production(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        head = (await here.pull_request(task)).head
        task = await _merged(here, task, await here.person("Bo"))
    assert task.state is State.DEPLOYED
    tip = here.code.commits[here.code.branches["main"]]
    assert tip.parents[1] == head
    assert f"Honk-Task: {task.id}" in tip.message and "Merged-by: Bo" in tip.message
    assert (here.file("main"), here.production()) == (b"fixed", b"fixed")
    assert (await here.pull_request(task)).state is PullRequestState.MERGED
    assert await _live(here, task) == [DeploymentState.LIVE]
    assert ((await _last(here, task)).outcome, (await _last(here, task)).state) == (Outcome.PASS, State.DEPLOYED)


async def test_a_branch_that_moved_is_not_merged(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.somebody_commits(task.branch, {"backdoor.py": b"x"})
        task = await _merged(here, task)
    assert task.state is State.PROPOSED
    assert "not at the verified" in task.reason
    assert (here.file("main"), here.production()) == (b"crash", None)
    assert (await _last(here, task)).outcome == Outcome.ERROR


@pytest.mark.parametrize(
    ("branches", "branch", "deploys"),
    [
        ("", "topic", False),
        ("", "main", True),
        ('branches = ["release/*"]', "release/8", True),
        ('branches = ["release/*"]', "main", False),
    ],
)
async def test_only_merges_into_the_branches_that_are_deployed_are(
    here: World, branches: str, branch: str, deploys: bool
) -> None:
    here.somebody_commits("main", {".honk.toml": CONFIG + branches.encode()})
    here.code.branches[branch] = here.code.branches["main"]
    async with here.working():
        task = await here.settled(await here.ask(base=branch))
        task = await _merged(here, task)
        assert task.state is (State.DEPLOYED if deploys else State.MERGED)
        again = await _merged(here, task)
    assert again.state is task.state and here.file(branch) == b"fixed"
    assert here.production() == (b"fixed" if deploys else None)
    notes = [one.data.text for one in await here.log(task) if isinstance(one.data, TaskNoted)]
    assert [one.partition(":")[0] for one in notes] == ([] if deploys else ["not deployed"])


async def test_where_no_branch_is_the_default_one_a_merge_into_the_one_that_was_named_is_deployed(here: World) -> None:
    here.code.default = "(no branch)"
    async with here.working():
        task = await _merged(here, await here.settled(await here.ask(base="main")))
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")


async def test_what_the_base_has_meanwhile_is_built_and_deployed_with_it(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.somebody_commits("main", {"other.py": b"other"})
        task = await _merged(here, task)
    assert task.state is State.DEPLOYED
    assert (here.file("main"), here.file("main", "other.py")) == (b"fixed", b"other")
    [deployed] = await here.store.records.deployments(task.repository.key, "production")
    assert deployed.commit == here.code.branches["main"]


async def test_a_conflict_is_said_and_a_reply_is_possible(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.somebody_commits("main", {APP: b"otherwise"})
        task = await _merged(here, task)
        assert (task.state, here.file("main")) == (State.PROPOSED, b"otherwise")
        assert "conflicts" in task.reason
        await here.app.reply(await here.person(), task, "friendlier")
        task = await here.settled(task)
    assert task.state is State.PROPOSED


async def test_unsure_is_merged_only_by_who_accepts_it(here: World) -> None:
    here.agent.habits = {"": Edit(files={APP: b"maybe"})}
    async with here.working():
        task = await _merged(here, await _proposed(here))
        assert (task.state, here.file("main")) == (State.DRAFT, b"crash")
        assert "unsure" in task.reason
        task = await _merged(here, task, accept_unsure=True)
    assert (task.state, here.file("main")) == (State.DEPLOYED, b"maybe")


@pytest.mark.parametrize("accept_unsure", [True, False])
async def test_fail_is_never_merged(here: World, accept_unsure: bool) -> None:
    here.agent.habits = {"": Edit(files={APP: b"a bug"})}
    async with here.working():
        task = await _merged(here, await _proposed(here), accept_unsure=accept_unsure)
    assert (task.state, here.file("main"), here.production()) == (State.DRAFT, b"crash", None)


async def test_a_change_that_ended_early_is_not_merged(here: World) -> None:
    here.agent.habits = {"": Edit(files={APP: b"half of it"}, cut_short="money", reason="$5 are spent")}
    async with here.working():
        task = await _merged(here, await _proposed(here))
    assert (task.state, here.file("main")) == (State.DRAFT, b"crash")


async def test_without_a_pull_request_there_is_nothing_to_merge(here: World) -> None:
    here.agent.habits = {"": Edit()}
    async with here.working():
        task = await _proposed(here)
        with pytest.raises(Usage, match="no pull request"):
            await _merged(here, task)


async def test_a_later_turn_that_failed_in_the_middle_leaves_the_earlier_one_to_be_merged(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.agent.habits = {
            "friendlier": Edit(files={APP: b"a bug"}),
            "a bug": Edit(files={APP: b"worse"}, cut_short="model", reason="the model is gone"),
        }
        await here.app.reply(await here.person(), task, "friendlier")
        task = await here.settled(task)
        assert task.state is State.PROPOSED
        task = await _merged(here, task)
    assert (task.state, here.file("main")) == (State.DEPLOYED, b"fixed")


async def test_merge_while_a_turn_is_at_work_is_refused(here: World) -> None:
    here.agent.habits["friendlier"] = Edit(endless=True)
    async with here.working():
        task = await _proposed(here)
        await here.app.reply(await here.person(), task, "friendlier")
        await here.agent.busy.wait()
        with pytest.raises(Usage, match="coding"):
            await here.app.merge(await here.person(), task, method=here.method)
    assert here.file("main") == b"crash"


async def test_a_reply_between_the_press_and_the_merge_wins(here: World) -> None:
    may_end = anyio.Event()
    here.agent.habits["friendlier"] = Edit(files={APP: b"fixed, friendly"}, until=may_end)
    person = await here.person()
    async with here.working():
        task = await _proposed(here)
    await here.app.merge(person, task, method=here.method, act="press")
    here.trap = Trap(place="tasks.get_person", after=False)  # the merge is about to begin
    async with here.working(), anyio.create_task_group() as group:
        await here.app.resume(task)
        await here.trap.reached.wait()
        group.start_soon(here.app.reply, person, task, "friendlier")
        await here.agent.busy.wait()
    here.trap = Trap(place="nowhere")
    async with here.working():
        await here.journal.start("land", f"land/{task.id}/press", "")
        await here.journal.wait(f"land/{task.id}/press")
        task = await here.now(task)
        assert (task.state, task.reason, here.file("main")) == (State.CODING, "", b"crash")
        may_end.set()
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed, friendly")


async def test_the_same_press_twice_merges_once(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _proposed(here)
        for _ in range(2):
            await here.app.merge(person, task, method=here.method, act="press")
        task = await here.settled(task)
        await here.app.merge(person, task, method=here.method, act="press")
        task = await here.settled(task)
    assert task.state is State.DEPLOYED
    assert len(here.code.history("main")) == 3
    assert await _live(here, task) == [DeploymentState.LIVE]
    settled = [event for event in await here.log(task) if isinstance(event.data, TaskSettled)]
    assert len(settled) == 2


async def test_two_presses_merge_and_deploy_once(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        for name in ("Ada", "Bo"):
            await here.app.merge(await here.person(name), task, method=here.method)
        task = await here.settled(task)
        task = await _merged(here, task)
    assert task.state is State.DEPLOYED
    assert len(here.code.history("main")) == 3
    assert await _live(here, task) == [DeploymentState.LIVE]


async def test_after_the_merge_a_reply_begins_nothing(here: World) -> None:
    async with here.working():
        task = await _merged(here, await _proposed(here))
        with pytest.raises(Usage, match="pull request is closed"):
            await here.app.reply(await here.person(), task, "friendlier")
        assert (await here.settled(task)).turn == 1


# ── merge by itself ────────────────────────────────────────────────────────────────────────────
async def test_merge_by_itself_lands_what_is_proven(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash", merge=True))
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
    ends = [event for event in await here.log(task) if ends_following(event, task)]
    assert [event.data.state for event in ends if isinstance(event.data, TaskSettled)] == [State.DEPLOYED]


@pytest.mark.parametrize("app", [b"maybe", b"a bug"])
async def test_merge_by_itself_never_lands_what_is_not(here: World, app: bytes) -> None:
    here.agent.habits = {"": Edit(files={APP: app})}
    async with here.working():
        task = await here.settled(await here.ask("fix the crash", merge=True))
    assert (task.state, here.file("main")) == (State.DRAFT, b"crash")
    assert any(ends_following(event, task) for event in await here.log(task))


async def test_who_may_ask_but_not_merge_is_told_so(here: World) -> None:
    ada = await here.person()
    here.policy.refused = {(ada.id, Act.MERGE)}
    async with here.working():
        task = await here.settled(await here.ask("fix the crash", merge=True))
    assert (task.state, here.file("main")) == (State.PROPOSED, b"crash")
    log = await here.log(task)
    assert [e.data.reason for e in log if isinstance(e.data, MergeRefused)] == ["Ada may not merge here"]
    assert ends_following(log[-1], task), "whoever follows need not wait for ever"


# ── deploy ─────────────────────────────────────────────────────────────────────────────────────
async def test_a_deployment_that_fails_leaves_the_former_version_live(here: World) -> None:
    here.agent.habits["bump"] = Edit(files={APP: b"does not start"})
    async with here.working():
        await _merged(here, await _proposed(here))
        task = await _merged(here, await _proposed(here, "bump it"))
        assert (task.state, here.production()) == (State.MERGED, b"fixed")
        assert "still live" in task.reason
        assert (await _last(here, task)).outcome == Outcome.ERROR
        assert await _live(here, task) == [DeploymentState.FAILED, DeploymentState.LIVE]
        with pytest.raises(Usage, match="not deployed"):
            await _undone(here, task)


async def test_the_same_press_deploys_once(here: World) -> None:
    """Whoever crashed after the act, and before it was noted that it is done, does it again."""
    here.agent.habits["bump"] = Edit(files={APP: b"does not start"})
    async with here.working():
        await _merged(here, await _proposed(here))
        task = await _merged(here, await _proposed(here, "bump it"))
        for _ in range(3):
            await here.app.retry(await here.person(), task, point="deploy", method=here.method, id="press")
            task = await here.settled(task)
        log = await here.log(task)
    assert len([one for one in log if one.type == "task.settled"]) == 3, "the turn, the merge, and one press"
    assert len([one for one in log if one.type == "task.retried"]) == 1


async def test_the_same_press_undoes_once(here: World) -> None:
    async with here.working():
        await _merged(here, await _proposed(here))
        task = await _merged(here, await _proposed(here, "bump it"))
        for _ in range(2):
            assert await here.app.undo(await here.person(), task, act="press") == "press"
            task = await here.settled(task)
        assert here.production() == b"fixed"
        task = await _merged(here, task)
        assert await here.app.undo(await here.person(), task, act="press") == "press"
        task = await here.settled(task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed, bumped")


async def test_a_build_that_was_deleted_is_made_again_before_the_merge(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        await here.app.forget(await here.person(), task)
        with pytest.raises(NotNow, match="was deleted") as refused:
            await _merged(here, task)
        assert "--from build" in refused.value.remedy
        assert here.production() is None
        await here.settled(await here.app.retry(await here.person(), task, point="build"))
        assert (await _merged(here, task)).state is State.DEPLOYED


async def test_a_refused_deployment_can_be_tried_again_by_who_may(here: World) -> None:
    ada = await here.person()
    here.policy.refused = {(ada.id, Act.DEPLOY)}
    async with here.working():
        task = await _merged(here, await _proposed(here))
        assert (task.state, here.production()) == (State.MERGED, None)
        assert task.reason.startswith("merged, and not deployed: Ada may not deploy here\nit waits for somebody who")
        assert (await _last(here, task)).outcome == Outcome.QUESTION
        with pytest.raises(NotAllowed, match="may not deploy"):
            await _merged(here, task)
        bo = await here.person("Bo")
        here.policy.refused = {(bo.id, act) for act in Act if act is not Act.DEPLOY}
        task = await _merged(here, task, bo)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
    assert len(here.code.history("main")) == 3


async def test_an_unknown_error_in_a_landing_brings_the_task_to_rest(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.troubles["records.save_deployment"] = [FileNotFoundError("gone")]
        task = await _merged(here, task)
    assert (task.state, here.file("main")) == (State.MERGED, b"fixed")
    assert "FileNotFoundError" in task.reason
    assert (await _last(here, task)).outcome == Outcome.ERROR


async def test_a_repository_that_deploys_nothing_ends_merged(here: World) -> None:
    here.somebody_commits("main", {".honk.toml": CONFIG.split(b"[deploy]")[0]})
    async with here.working():
        task = await _merged(here, await _proposed(here))
    assert (task.state, here.production()) == (State.MERGED, None)
    assert (await _last(here, task)).outcome == Outcome.PASS


# ── undo ───────────────────────────────────────────────────────────────────────────────────────
async def test_undo_brings_the_version_before_back(here: World) -> None:
    async with here.working():
        await _merged(here, await _proposed(here))
        task = await _merged(here, await _proposed(here, "bump it"))
        assert here.production() == b"fixed, bumped"
        task = await _undone(here, task)
        assert (task.state, here.production()) == (State.MERGED, b"fixed")
        assert "undone" in task.reason
        assert (await _last(here, task)).outcome == Outcome.PASS
        with pytest.raises(Usage, match="not deployed"):
            await _undone(here, task)
    assert await _live(here, task) == [DeploymentState.LIVE, DeploymentState.UNDONE, DeploymentState.LIVE]


async def test_each_task_can_be_undone_in_its_turn(here: World) -> None:
    async with here.working():
        await _merged(here, await _proposed(here))
        second = await _merged(here, await _proposed(here, "bump it"))
        third = await _merged(here, await _proposed(here, "friendlier"))
        await _undone(here, third)
        assert here.production() == b"fixed, bumped"
        await _undone(here, second)
    assert here.production() == b"fixed"


async def test_what_was_undone_can_be_deployed_again(here: World) -> None:
    async with here.working():
        await _merged(here, await _proposed(here))
        task = await _merged(here, await _proposed(here, "bump it"))
        task = await _merged(here, await _undone(here, task))
        assert (task.state, here.production()) == (State.DEPLOYED, b"fixed, bumped")
        task = await _undone(here, task)
    assert (task.state, here.production()) == (State.MERGED, b"fixed")


async def test_undo_is_refused_once_another_task_is_live(here: World) -> None:
    async with here.working():
        first = await _merged(here, await _proposed(here))
        second = await _merged(here, await _proposed(here, "bump it"))
        first = await _undone(here, first)
    assert (first.state, here.production()) == (State.DEPLOYED, b"fixed, bumped")
    assert f"honk undo {second.id}" in first.reason
    assert (await _last(here, first)).outcome == Outcome.ERROR


async def test_the_first_deployment_cannot_be_undone_and_says_so(here: World) -> None:
    async with here.working():
        task = await _undone(here, await _merged(here, await _proposed(here)))
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
    assert "no version before" in task.reason
    log = await here.log(task)
    assert [e.data.undo for e in log if e.type == "deployment.started"] == ["nothing older to go back to"]


async def test_an_undo_that_breaks_off_leaves_the_version_that_is_live(here: World) -> None:
    async with here.working():
        first = await _merged(here, await _proposed(here))
        task = await _merged(here, await _proposed(here, "bump it"))
        build = await here.store.records.build(first.id)
        assert build is not None
        (here.home / "artifacts" / build.digest).unlink()
        task = await _undone(here, task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed, bumped")
    assert "FileNotFoundError" in task.reason
    assert (await _last(here, task)).outcome == Outcome.ERROR
