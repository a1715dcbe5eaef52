"""The artifact is made beside the verdict, and nobody hears of it unless the gate lets it pass."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from honk.domain.verdict import Verdict
from honk.ports import Exam, Tell
from honk.testing.fake_gate import FakeGate
from honk.testing.fake_outside import FakeArtifacts
from honk.testing.fake_work import APP, Edit
from honk.testing.world import World

pytestmark = pytest.mark.anyio


class Noticed(FakeArtifacts):
    """Tells when something is stored."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.stored = anyio.Event()

    async def put(self, content: bytes | Path, *, move: bool = False) -> str:
        digest = await super().put(content, move=move)
        self.stored.set()
        return digest


class Patient(FakeGate):
    """Gives no verdict before something is stored."""

    stored: anyio.Event

    async def verify(self, exam: Exam, tell: Tell) -> Verdict | None:
        with anyio.fail_after(20):
            await self.stored.wait()
        return await super().verify(exam, tell)


class Endless(FakeGate):
    """Never gives a verdict."""

    def __init__(self, world: World) -> None:
        super().__init__(world.code)
        self.asked = anyio.Event()

    async def verify(self, exam: Exam, tell: Tell) -> Verdict | None:
        self.asked.set()
        await anyio.Event().wait()
        return None


def _patient(here: World) -> None:
    artifacts, gate = Noticed(here.home / "artifacts"), Patient(here.code)
    gate.stored = artifacts.stored
    here.app = replace(here.app, ports=replace(here.app.ports, artifacts=artifacts, gate=gate))


async def test_the_artifact_is_there_before_the_verdict(here: World) -> None:
    _patient(here)
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
    build = await here.store.records.build(task.id)
    assert build is not None and (here.home / "artifacts" / build.digest).read_bytes() == b"fixed"
    log = [event.type for event in await here.log(task)]
    assert log.index("verdict.given") < log.index("pull_request.opened") < log.index("build.ready")
    assert log.count("build.ready") == 1


async def test_what_the_gate_refuses_is_never_a_build(here: World) -> None:
    _patient(here)
    here.agent.habits = {"": Edit(files={APP: b"a bug"})}
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
    assert await here.store.records.build(task.id) is None
    assert not {"build.ready", "build.failed"} & {event.type for event in await here.log(task)}


async def test_the_build_is_of_the_attempt_that_passed(here: World) -> None:
    _patient(here)
    here.agent.habits["fix the crash"] = Edit(files={APP: b"a bug"})
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
    build = await here.store.records.build(task.id)
    assert build is not None and build.commit == (await here.pull_request(task)).head
    assert (here.home / "artifacts" / build.digest).read_bytes() == b"fixed"


async def test_a_stop_leaves_nothing_at_work(here: World) -> None:
    gate = Endless(here)
    here.app = replace(here.app, ports=replace(here.app.ports, gate=gate))
    async with here.working():
        task = await here.ask("fix the crash")
        await gate.asked.wait()
        await here.app.stop(await here.person(), task, working=True)
        await here.settled(task)
    assert list((here.home / "checkouts").iterdir()) == []
    assert await here.store.records.build(task.id) is None
