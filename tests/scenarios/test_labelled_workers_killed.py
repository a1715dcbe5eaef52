"""Jobs for labelled workers: handed out once, wherever the server is killed meanwhile."""

from pathlib import Path

import pytest

from honk.domain.remote_job import JobKind
from honk.domain.task import State
from honk.testing.world import Trap, World, world

pytestmark = pytest.mark.anyio
BUILDS = b'[build]\ncommand = "make"\noutput = "out"\nlabels = ["mac"]\n'
DEPLOYS = b'[build]\ncommand = "build"\noutput = "built"\n[deploy]\ncommand = "ship"\nlabels = ["prod"]\n'


@pytest.mark.parametrize("place", ["jobs.add", "records.save_deployment", "events.record", "tasks.move"])
async def test_a_deployment_is_handed_out_once(tmp_path: Path, place: str) -> None:
    async with world(tmp_path, {".honk.toml": DEPLOYS}) as made:
        async with made.working():
            task = await made.settled(await made.ask())
        ada = await made.person()
        assert await made.killed_at(Trap(place=place), lambda: made.app.merge(ada, task, method=made.method), task)
        for number in range(1, 4):
            await made.killed_at(Trap(place=place, number=number), lambda: made.app.resume(task), task)
        async with made.working():
            await made.app.resume(task)
            now = await made.settled(task)
        jobs = await made.store.jobs.list(task=task.id)
        assert [(one.kind, one.commit) for one in jobs] == [(JobKind.DEPLOY, made.code.branches["main"])]
        assert (now.state, now.reason) == (State.DEPLOYING, "a worker with prod deploys it to production")


async def test_a_build_is_handed_out_once(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": BUILDS}) as made:
        assert await made.killed_at(Trap(place="jobs.add"), made.ask)
        task = await _goes_on(made)
        [job] = await made.store.jobs.list()
        assert (job.task, job.commit, job.labels) == (task.id, (await made.pull_request(task)).head, ("mac",))


async def _goes_on(made: World) -> str:
    latest = await made.latest()
    assert latest is not None
    async with made.working():
        await made.app.resume(latest)
        await made.settled(latest)
    return latest
