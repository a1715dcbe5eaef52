"""Agents that were started beforehand: the real Claude Code in a spare, claimed by one task, seen by no other."""

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from run_world import KEY, QUICK, Honk, world

from honk.adapters.pool import WarmPool
from honk.domain.event import AgentStarted, ChangeTaken, EventData
from honk.domain.repository import Repository
from honk.domain.task import Options, State, Task
from honk.settings import Settings
from honk.steps.code.attempt import _SESSIONS
from honk.testing.scripted_model import Asked, Call, Say, Scenario, ScriptedModel
from honk.wiring import OpenHonk, open_honk

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

LOUD = Say("", (Call("Bash", {"command": "echo lala >> song.txt; cat song.txt; git branch --show-current; ls -A ~"}),))
SCENARIOS = [
    Scenario("loud", [LOUD, Say("", (Call("mcp__honk__verify"),)), Say("It is louder.")], after=Say("So it is.")),
    Scenario("hold", [LOUD, Say("I think.", hold="thought"), Say("Done.")], after=Say("Done.")),
]


@dataclass(kw_only=True)
class Serving:
    """Honk at work in this process, with what it keeps ready."""

    house: OpenHonk
    model: ScriptedModel
    honk: Honk

    @property
    def pool(self) -> WarmPool:
        pool = self.house.app.ports.pool
        assert isinstance(pool, WarmPool)
        return pool

    async def ready(self) -> None:
        """Returns when an agent waits."""
        with anyio.fail_after(60):
            await self.pool.filled()
        assert self.pool.waiting == 1

    async def asks(self, repository: Path, words: str) -> Task:
        return await self.house.app.submit(self.house.person, str(repository), words, Options())

    async def ended(self, task: Task, turn: int = 1) -> Task:
        with anyio.fail_after(60):
            await self.house.app.journal.wait(f"turn/{task.id}/{turn}")
        return await self.house.app.ports.tasks.get(task.id)

    async def told(self, task: Task, kind: type[EventData]) -> list[EventData]:
        events = await self.house.app.ports.events.read(task.id)
        return [event.data for event in events if isinstance(event.data, kind)]

    async def session(self, task: Task) -> str:
        started = (await self.told(task, AgentStarted))[-1]
        assert isinstance(started, AgentStarted)
        return started.session

    def asked(self, words: str) -> list[Asked]:
        """What the model was asked with these words."""
        return [one for one in self.model.calls if words in json.dumps(one.body["messages"])]


@asynccontextmanager
async def serving(honk: Honk, model: ScriptedModel) -> AsyncIterator[Serving]:
    environment = {**honk.environment, "ANTHROPIC_BASE_URL": model.url}
    async with open_honk(Settings.load(environment)) as house:
        with house.alone() as alone:
            assert alone
            async with house.working(), house.spares():
                yield Serving(house=house, model=model, honk=honk)


@pytest.fixture
async def honk() -> AsyncIterator[Serving]:
    with world() as home:
        async with ScriptedModel(SCENARIOS, key=KEY, strict=False) as model, serving(home, model) as made:
            yield made
            assert not model.complaints
        home.nothing_left()


def cold(task: Task) -> str:
    """The name of the session that a task's agent has when it is started for it."""
    return str(uuid.uuid5(_SESSIONS, task.id))


async def test_the_second_task_is_done_by_the_agent_that_waited(honk: Serving) -> None:
    repository = honk.honk.repository(QUICK)
    first = await honk.ended(await honk.asks(repository, "[[loud]] marigold"))
    assert first.state is State.PROPOSED
    assert await honk.session(first) == cold(first)
    await honk.ready()
    calls = len(honk.model.calls)
    second = await honk.ended(await honk.asks(repository, "[[loud]] buttercup"))
    assert second.state is State.PROPOSED
    session = await honk.session(second)
    assert session != cold(second)
    [taken] = await honk.told(second, ChangeTaken)
    assert isinstance(taken, ChangeTaken) and taken.files == ("song.txt",)
    # It is on the task's branch, its words came once, and nothing of the first task reached it.
    news = "\n".join(one.news for one in honk.model.calls[calls:])
    assert f"honk/{second.id}" in news
    assert news.count("[[loud]] buttercup") == 1
    assert "marigold" not in json.dumps([one.body for one in honk.model.calls[calls:]])
    home = honk.house.home / "tasks" / second.id / "home"
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file() and not path.is_symlink())
    assert b"buttercup" in kept and b"marigold" not in kept


async def test_a_reply_goes_on_in_the_session_of_the_agent_that_waited(honk: Serving) -> None:
    repository = honk.honk.repository(QUICK)
    await honk.ended(await honk.asks(repository, "[[loud]] once"))
    await honk.ready()
    task = await honk.ended(await honk.asks(repository, "[[loud]] twice"))
    session = await honk.session(task)
    await honk.house.app.reply(honk.house.person, task, "and friendlier")
    task = await honk.ended(task, turn=2)
    started = await honk.told(task, AgentStarted)
    assert [one.session for one in started if isinstance(one, AgentStarted)] == [session, session]
    last = json.dumps(honk.model.calls[-1].body["messages"])
    assert "twice" in last and "and friendlier" in last


@pytest.mark.slow
async def test_a_tip_that_moved_means_another_agent(honk: Serving) -> None:
    repository = honk.honk.repository(QUICK)
    await honk.ended(await honk.asks(repository, "[[loud]] once"))
    await honk.ready()
    (repository / "song.txt").write_text("new la\n")
    honk.honk.git(repository, "commit", "-qam", "newer")
    task = await honk.ended(await honk.asks(repository, "[[loud]] newer"))
    assert task.state is State.PROPOSED
    assert await honk.session(task) == cold(task)
    assert any("new la" in one.news for one in honk.asked("[[loud]] newer"))


@pytest.mark.slow
async def test_an_agent_that_died_while_it_waited_is_no_loss(honk: Serving) -> None:
    repository = honk.honk.repository(QUICK)
    await honk.ended(await honk.asks(repository, "[[loud]] once"))
    await honk.ready()
    for number in _agents(honk.honk):
        os.kill(number, 9)
    task = await honk.ended(await honk.asks(repository, "[[loud]] again"))
    assert task.state is State.PROPOSED


@pytest.mark.slow
async def test_a_stop_reaches_the_agent_that_waited(honk: Serving) -> None:
    repository = honk.honk.repository(QUICK)
    await honk.ended(await honk.asks(repository, "[[loud]] once"))
    await honk.ready()
    task = await honk.asks(repository, "[[hold]] slowly")
    with anyio.fail_after(30):
        await honk.model.reached("thought")
    await honk.house.app.stop(honk.house.person, task, working=True)
    task = await honk.ended(task)
    assert task.state is State.STOPPED
    assert await honk.session(task) != cold(task)
    honk.model.release("thought")


async def test_what_a_killed_server_left_is_swept(honk: Serving) -> None:
    left = honk.house.home / "spares" / "music-1" / "0a1b2c3d"
    (left / "workspace").mkdir(parents=True)
    async with honk.pool.kept(_none):
        assert not left.exists()


async def _none() -> list[Repository]:
    return []


def _agents(honk: Honk) -> list[int]:
    """Ids of the processes of Claude Code that run below this home."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes()
            own = os.fsencode(str(honk.home)) in (path / "mountinfo").read_bytes()
        except OSError:
            continue
        if line.startswith(b"/honk/agent/claude") and own:
            found.append(int(path.name))
    return found
