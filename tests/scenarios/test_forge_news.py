"""What happens at the forge by itself: a merge queue, a merge by hand, a deployment that it carries out."""

from dataclasses import replace
from pathlib import Path

import pytest

from honk.domain.deployment import DeploymentState, RemoteState
from honk.domain.event import (
    DeploymentStarted,
    DeploymentWaits,
    MergeDone,
    MergeQueued,
    MergeRefused,
    TaskNoted,
    TaskSettled,
)
from honk.domain.merge_queue import QueueEntry
from honk.domain.pull_request import PullRequestState
from honk.domain.repository import Sha
from honk.domain.task import State, Task
from honk.domain.verdict import Answer
from honk.testing.fake_work import APP
from honk.testing.world import World, world

pytestmark = pytest.mark.anyio
WORKFLOW = b"""
[deploy]
workflow = "deploy.yml"
inputs = { sha = "{commit}" }
"""


async def _proposed(here: World) -> Task:
    here.ci.on = here.forge.serves = True
    return await here.settled(await here.ask())


async def _pressed(here: World, task: Task) -> Task:
    await here.app.merge(await here.person(), task, method=here.method)
    return await here.settled(task)


async def _looked(here: World, task: Task) -> Task:
    await here.app.look(task.id)
    return await here.settled(task)


async def _the_queue_merges(here: World, task: Task) -> None:
    here.forge.queues = False
    there = await here.pull_request(task)
    await here.forge.merge(task.repository, there, head=there.head, method=here.method, message="by the queue")
    here.forge.queued.discard(task.id)


async def test_a_merge_queue_merges_later_and_then_it_is_deployed(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.forge.queues = True
        task = await _pressed(here, task)
        assert (task.state, here.production()) == (State.MERGING, None)
        assert "merge queue" in task.reason
        task = await _looked(here, task)
        assert task.state is State.MERGING
        await _the_queue_merges(here, task)
        for _ in range(3):
            task = await _looked(here, task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
    log = [one.data for one in await here.log(task)]
    assert len([one for one in log if isinstance(one, MergeQueued)]) == 1
    assert len([one for one in log if isinstance(one, MergeDone)]) == 1


async def test_while_it_waits_the_queue_gets_honks_answer(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.forge.queues = True
        task = await _pressed(here, task)
        there = await here.pull_request(task)
        made = Sha("d" * 40)
        entry = QueueEntry(number=there.number, branch=there.branch, head=there.head, commit=made)
        here.ci.waiting[there.base] = [entry]
        for _ in range(2):
            task = await _looked(here, task)
        [held] = here.ci.grouped[made]
        assert held.verdict is not None and (held.head, held.verdict.answer) == (there.head, Answer.PASS)


async def test_a_refusal_there_is_told_and_the_others_are_answered(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.forge.queues = True
        task = await _pressed(here, task)
        there = await here.pull_request(task)
        entry = QueueEntry(number=there.number, branch=there.branch, head=there.head, commit=Sha("d" * 40))
        here.ci.waiting[there.base] = [entry, replace(entry, number=9, branch="theirs", commit=Sha("e" * 40))]
        here.ci.refuses.add(Sha("d" * 40))
        for _ in range(2):
            task = await _looked(here, task)
        notes = [one.data.text for one in await here.log(task) if isinstance(one.data, TaskNoted)]
    assert len([one for one in notes if "not shown in the merge queue" in one]) == 1
    assert list(here.ci.grouped) == [Sha("e" * 40)]


async def test_what_was_pushed_before_the_queue_merged_is_merged_and_not_deployed(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.forge.queues = True
        task = await _pressed(here, task)
        here.somebody_commits(task.branch, {APP: b"nobody verified this"})
        task = await _looked(here, task)
        await _the_queue_merges(here, task)
        for _ in range(3):
            task = await _looked(here, task)
        assert (task.state, here.file("main"), here.production()) == (State.MERGED, b"nobody verified this", None)
        notes = [one.data.text for one in await here.log(task) if isinstance(one.data, TaskNoted)]
        assert len([one for one in notes if "it is not deployed by itself" in one]) == 1


async def test_a_look_that_is_overtaken_by_a_press_leaves_it_alone(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.forge.meanwhile["find"] = lambda: _pressed(here, task)
        await here.app.look(task.id)
        task = await here.settled(task)
        log = [one.data for one in await here.log(task)]
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
    assert len([one for one in log if isinstance(one, TaskSettled)]) == 2


async def test_what_the_queue_throws_out_rests_with_the_reason(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.forge.queues = True
        task = await _pressed(here, task)
        here.forge.queued.clear()
        for _ in range(3):
            task = await _looked(here, task)
        assert (task.state, here.production()) == (State.PROPOSED, None)
        assert "out of its merge queue" in task.reason
        refused = [one for one in await here.log(task) if isinstance(one.data, MergeRefused)]
        assert len(refused) == 1
        here.forge.queues = False
        task = await _pressed(here, task)
    assert task.state is State.DEPLOYED


async def test_a_merge_at_the_forge_is_seen_and_deploys_nothing(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        await _the_queue_merges(here, task)
        for _ in range(3):
            task = await _looked(here, task)
        assert (task.state, here.production()) == (State.MERGED, None)
        done = [one.data for one in await here.log(task) if isinstance(one.data, MergeDone)]
        settled = [one.data for one in await here.log(task) if isinstance(one.data, TaskSettled)]
        assert (len(done), settled[-1].state) == (1, State.MERGED)
        task = await _pressed(here, task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")


async def test_a_pull_request_that_somebody_closed_is_said_to_be(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        there = await here.pull_request(task)
        await here.store.records.save_pull_request(task.repository.key, replace(there, state=PullRequestState.CLOSED))
        for _ in range(2):
            task = await _looked(here, task)
    assert task.state is State.PROPOSED
    assert len([one for one in await here.log(task) if "was closed at the forge" in str(one.data)]) == 1


async def _at_the_forge(here: World) -> Task:
    return await _pressed(here, await _proposed(here))


async def test_a_workflow_deploys_and_what_it_waits_for_is_said(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": WORKFLOW}) as here, here.working():
        task = await _at_the_forge(here)
        [(id, release)] = here.deployer.releases.items()
        assert (task.state, task.reason) == (State.DEPLOYING, "the forge deploys it to production")
        assert (release.workflow, release.ref) == ("deploy.yml", "main")
        assert release.inputs == (("sha", here.code.branches["main"]),)
        here.deployer.says(id, RemoteState.WAITING, "waits for approval of production by ops")
        for _ in range(3):
            task = await _looked(here, task)
        waits = [one.data for one in await here.log(task) if isinstance(one.data, DeploymentWaits)]
        assert [one.reason for one in waits] == ["waits for approval of production by ops"]
        here.deployer.says(id, RemoteState.LIVE, url="https://music.example")
        for _ in range(3):
            task = await _looked(here, task)
        [made] = await here.store.records.deployments(task.repository.key, "production")
    assert task.state is State.DEPLOYED
    assert (made.state, made.url, made.remote) == (DeploymentState.LIVE, "https://music.example", f"run-{id}")
    assert len(here.deployer.releases) == 1


async def test_a_workflow_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": WORKFLOW}) as here, here.working():
        task = await _at_the_forge(here)
        [id] = here.deployer.releases
        here.deployer.says(id, RemoteState.FAILED, "the job deploy failed")
        task = await _looked(here, task)
        assert task.state is State.MERGED
        assert "the job deploy failed; the version before is still live" in task.reason


async def test_undo_has_the_workflow_deploy_the_commit_before(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": WORKFLOW}) as here, here.working():
        first = await _at_the_forge(here)
        here.deployer.says(next(iter(here.deployer.releases)), RemoteState.LIVE)
        await _looked(here, first)
        second = await here.settled(await here.ask("make it friendlier"))
        second = await _pressed(here, second)
        here.deployer.says(list(here.deployer.releases)[1], RemoteState.LIVE)
        second = await _looked(here, second)
        assert second.state is State.DEPLOYED
        await here.app.undo(await here.person(), second)
        second = await here.settled(second)
        assert second.state is State.DEPLOYING
        id, release = list(here.deployer.releases.items())[2]
        [newer, older] = [one.commit for one in list(here.deployer.releases.values())[1::-1]]
        assert (release.commit, newer != older) == (older, True)
        here.deployer.says(id, RemoteState.LIVE)
        second = await _looked(here, second)
        states = [one.state for one in await here.store.records.deployments(second.repository.key, "production")]
    assert (second.state, "undone" in second.reason) == (State.MERGED, True)
    assert DeploymentState.UNDONE in states


async def test_a_workflow_that_is_not_told_the_commit_cannot_go_back_and_is_not_asked_to(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": b'[deploy]\nworkflow = "deploy.yml"\n'}) as here, here.working():
        first = await _at_the_forge(here)
        here.deployer.says(next(iter(here.deployer.releases)), RemoteState.LIVE)
        await _looked(here, first)
        second = await _pressed(here, await here.settled(await here.ask("make it friendlier")))
        here.deployer.says(list(here.deployer.releases)[1], RemoteState.LIVE)
        second = await _looked(here, second)
        await here.app.undo(await here.person(), second)
        second = await here.settled(second)
        started = [one.data for one in await here.log(second) if isinstance(one.data, DeploymentStarted)]
    assert (second.state, len(here.deployer.releases)) == (State.DEPLOYED, 2)
    assert 'no input of deploy.yml holds "{commit}"' in second.reason
    assert [one.undo for one in started] == ["this environment cannot undo"]


async def test_who_is_killed_between_asking_and_noting_asks_again_for_the_same(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": WORKFLOW}) as here:
        async with here.working():
            task = await _at_the_forge(here)
        [made] = await here.store.records.deployments(task.repository.key, "production")
        await here.store.records.save_deployment(replace(made, remote=""))
        async with here.working():
            here.deployer.says(made.id, RemoteState.LIVE)
            task = await _looked(here, task)
    assert (task.state, len(here.deployer.releases)) == (State.DEPLOYED, 1)
