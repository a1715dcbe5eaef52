"""kill -9 in the middle of any step, then the same command again or `honk retry`: it goes on, nothing is doubled."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator

import anyio
import anyio.abc
import pytest
from anyio.abc import SocketStream
from run_world import KEY, QUICK, Event, Honk, world

from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

CONFIG = """
setup = ["echo set up"]
verify = ["grep -q la song.txt"]
[build]
command = "mkdir -p out && cp song.txt out/"
output = "out"
"""
#: adds to the file first, so that a second run on top of the first would show
COMMAND = "echo lala >> song.txt; sleep 0.5"


def _kind(type: str, **data: object) -> Callable[[Event], bool]:
    return lambda event: event["event"] == type and data.items() <= event["data"].items()


MOMENTS = {
    "accepted": _kind("task.accepted"),
    "cloning": _kind("step.progressed", step="prepare"),
    "cloned": _kind("workspace.ready"),
    "setting up": _kind("step.progressed", step="environment"),
    "on the base": _kind("verifier.started", on="base"),
    "at work": _kind("agent.started"),
    "handing back": _kind("agent.finished"),
    "handed back": _kind("change.taken"),
    "verifying": _kind("verifier.started", on="change"),
    "verified": _kind("verdict.given"),
    "proposed": _kind("pull_request.opened"),
    "building": _kind("step.progressed", step="build"),
    "built": _kind("build.ready"),
}
#: the others run with the slow ones
OFTEN = {("cloning", "retry"), ("at work", "run")}
CASES = [
    pytest.param(*case, marks=() if case in OFTEN else pytest.mark.slow)
    for case in itertools.product(MOMENTS, ("run", "retry"))
]
ONCE = ("task.accepted", "base.chosen", "verdict.given", "pull_request.opened", "build.ready", "task.settled")

SLEEPY = Scenario(
    "sleepy",
    [
        Say("I do it.", (Call("Bash", {"command": "echo lala >> song.txt; sleep 30"}),)),
        Say("Where was I?", (Call("Bash", {"command": "echo more >> song.txt"}),)),
        Say("Done."),
    ],
    after=Say("Done."),
)


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel([SLEEPY], key=KEY, strict=False) as served:
        yield served


@pytest.mark.parametrize(("moment", "again"), CASES)
async def test_killed_work_goes_on_and_ends_the_same(home: Honk, moment: str, again: str) -> None:
    music = home.repository({**QUICK, ".honk.toml": CONFIG + f"# {moment} {again}\n"})
    words = (music, f"{COMMAND} # {moment} {again}", "--agent", "command", "--json")
    async with home.started("run", *words) as first:
        task = (await first.until(MOMENTS[moment]))["task"]
        await first.killed()
    done = await (home("run", *words) if again == "run" else home("retry", task, "--json"))
    assert done.code == 0, done.words
    settled = done.settled
    assert (settled["task"], settled["state"], settled["verdict"]["answer"]) == (task, "proposed", "pass")
    branch = settled["pull_request"]["branch"]
    assert home.branches(music) == [branch]
    assert home.git(music, "show", f"{branch}:song.txt").split() == ["la", "lala"]
    assert home.git(music, "rev-list", "--count", f"main..{branch}") == "1"
    assert settled["build"]
    if again == "run":  # which shows the whole story
        kinds = [event["event"] for event in done.events]
        assert all(kinds.count(kind) == 1 for kind in ONCE), kinds
        assert [event["seq"] for event in done.events[:-1]] == list(range(1, len(kinds)))
    assert not home.processes() and not home.sockets()


async def test_claude_code_is_resumed_where_it_was_killed(home: Honk, model: ScriptedModel) -> None:
    honk = home.on(model.url)
    music = honk.repository()
    async with honk.started("run", music, "[[sleepy]]", "--json") as first:
        task = (await first.until("agent.called_tool"))["task"]
        # The agent writes its session down a moment after it has told of it.
        sessions = honk.home / "tasks" / task / "home" / ".claude" / "projects" / "-workspace"
        while not any("sleep 30" in file.read_text() for file in sessions.glob("*.jsonl")):
            await anyio.sleep(0.05)
        await first.killed()
    done = await honk.run(music, "[[sleepy]]")
    assert (done.code, done.settled["task"]) == (0, task), done.words
    assert [event["data"]["resumed"] for event in done.events if event["event"] == "agent.started"] == [False, True]
    branch = done.settled["pull_request"]["branch"]
    assert honk.git(music, "show", f"{branch}:song.txt").split()[-1] == "more"
    assert not model.complaints
    assert not honk.processes() and not honk.sockets()


async def test_a_git_that_waits_for_a_silent_server_ends_with_honk(home: Honk) -> None:
    asked = anyio.Event()

    async def silent(stream: SocketStream) -> None:
        async with stream:
            asked.set()
            await anyio.sleep_forever()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, silent)
        async with home.started("run", f"git://127.0.0.1:{port}/music", "anything", "--agent", "command") as running:
            await asked.wait()
            await running.killed()
        with anyio.fail_after(10):
            while home.mentioning(f"127.0.0.1:{port}"):
                await anyio.sleep(0.02)
        group.cancel_scope.cancel()
