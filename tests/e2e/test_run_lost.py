"""The agent, its sandbox or its files taken away under a real `honk run` with the real Claude Code."""

import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from run_world import KEY, Honk, Running, world

from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel
from honk.testing.scripted_model.asked import Asked

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]


def _answer(asked: Asked) -> Say:
    """Two files, then a tool call that goes on until somebody ends it; after an interruption the rest."""
    heard = [str(message) for message in asked.messages if message.get("role") != "assistant"]
    if not any("You were interrupted" in words for words in heard):
        if not any("done files" in words for words in heard):
            files = "echo one > one.txt; printf '\\000' > two.bin; chmod +x one.txt; echo done 'files'"
            return Say("First.", (Call("Bash", {"command": files}),))
        return Say("Then.", (Call("Bash", {"command": "touch .begun; sleep 60"}),))
    if not any("done rest" in words for words in heard):
        return Say("Where was I?", (Call("Bash", {"command": "echo more >> song.txt; echo done 'rest'"}),))
    return Say("Done.")


SCENARIOS = [Scenario(name, [_answer], repeat=True) for name in ("killed", "robbed")]


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(SCENARIOS, key=KEY, strict=False) as served:
        yield served


def _below(process: int) -> Iterator[int]:
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            yield child
            yield from _below(child)


def _named(running: Running, name: str) -> list[int]:
    return [one for one in _below(running.process.pid) if Path(f"/proc/{one}/comm").read_text().strip() == name]


async def _at_work(honk: Honk, running: Running) -> str:
    """The task, once its second tool call is under way."""
    task: str = (await running.until("agent.started"))["task"]
    while not (honk.home / "tasks" / task / "workspace" / ".begun").exists():
        await anyio.sleep(0.02)
    return task


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["claude", "bwrap"])
async def test_killed_under_a_living_worker_it_goes_on_in_the_same_attempt(
    home: Honk, model: ScriptedModel, victim: str
) -> None:
    honk = home.on(model.url)
    music = honk.repository()
    async with honk.started("run", music, "[[killed]]", "--json", "--new") as running:
        await _at_work(honk, running)
        os.kill(_named(running, victim)[0], signal.SIGKILL)
        done = await running.done()
    assert done.code == 0, done.words
    events = [event for event in done.events if event["event"] in {"agent.started", "work.resumed", "agent.finished"}]
    assert [event["event"] for event in events] == ["agent.started", "work.resumed", "agent.started", "agent.finished"]
    assert events[2]["data"]["resumed"]
    branch = done.settled["pull_request"]["branch"]
    assert honk.git(music, "show", f"{branch}:song.txt").split()[-1] == "more"
    assert honk.git(music, "show", f"{branch}:one.txt") == "one"
    assert not model.complaints
    honk.nothing_left()


@pytest.mark.parametrize(
    "home_too", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["workspace", "session too"]
)
async def test_a_lost_workspace_goes_on_from_the_last_snapshot(
    home: Honk, model: ScriptedModel, home_too: bool
) -> None:
    honk = home.on(model.url)
    music = honk.repository()
    words = ("run", music, "[[robbed]]", "--json")
    async with honk.started(*words) as running:
        task = await _at_work(honk, running)
        snapshot = await running.until("snapshot.taken")
        assert snapshot["data"]["files"] >= 2
        await running.killed()
    folder = honk.home / "tasks" / task
    shutil.rmtree(folder if home_too else folder / "workspace")
    done = await honk(*words)
    assert (done.code, done.settled["task"]) == (0, task), done.words
    branch = done.settled["pull_request"]["branch"]
    listed = honk.git(music, "ls-tree", branch).splitlines()
    assert any(line.startswith("100755") and line.endswith("one.txt") for line in listed), listed
    assert any(line.endswith("two.bin") for line in listed), listed
    assert honk.git(music, "rev-list", "--count", f"main..{branch}") == "1"
    resumed = [event["data"] for event in done.events if event["event"] == "work.resumed"]
    assert any("as the last snapshot has it" in str(call.messages) for call in model.calls)
    assert [one["lost"] for one in resumed] == [["workspace", "session"] if home_too else ["workspace"]]
    assert not model.complaints
    mirror = next(honk.home.glob(f"repositories/{music.name}*/mirror.git"))
    assert not honk.git(mirror, "for-each-ref", "refs/honk/wip")
    honk.nothing_left()
