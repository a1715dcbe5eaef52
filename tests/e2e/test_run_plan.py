"""A plan first, through the command line: the real Claude Code is offered nothing that writes before the Go."""

from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from run_world import KEY, QUICK, Honk, world

from honk.adapters.claude_code.tools import ASK, VERIFY
from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

#: what it tries although nobody offered it
SNEAKY = (
    Call("Write", {"file_path": "/workspace/song.txt", "content": "hacked"}),
    Call("Edit", {"file_path": "/workspace/song.txt", "old_string": "la", "new_string": "hacked"}),
    Call("Bash", {"command": "echo hacked > /workspace/song.txt"}),
    Call(VERIFY),
)
SCENARIOS = [
    Scenario(
        "louder",
        [
            Say("I read.", (Call("Read", {"file_path": "/workspace/song.txt"}),)),
            Say("And I try.", SNEAKY, expects=("la",)),
            Say("Plan: one more line in song.txt."),
        ],
    ),
    Scenario("change", [Say("Plan: two more lines in song.txt.")], words="wants it different"),
    Scenario(
        "go",
        [Say("As planned.", (Call("Bash", {"command": "echo lala >> song.txt"}),)), Say("Done.")],
        words="says: go",
        after=Say("Done."),
    ),
    Scenario("slow", [Say("Plan: this and that, at length. " * 20, hold="slow")], after=Say("Plan: this.")),
]
READING = {"Read", "Glob", "Grep", ASK}
EVERYTHING = READING | {"Write", "Edit", "Bash", VERIFY}


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(SCENARIOS, key=KEY, strict=False) as served:
        yield served


async def test_nothing_that_writes_is_offered_before_the_go_and_everything_after(
    home: Honk, model: ScriptedModel
) -> None:
    honk = home.on(model.url)
    music = home.repository(QUICK)
    done = await honk.run(music, "[[louder]]", "--plan")
    task = done.settled["task"]
    assert (done.code, done.settled["state"], done.settled["outcome"]) == (4, "waiting", "question"), done.words
    assert done.settled["plan"] == "Plan: one more line in song.txt."
    assert {name for call in model.calls for name in call.tools} == READING
    assert (home.home / "tasks" / task / "workspace" / "song.txt").read_text() == "la\n"
    assert not home.branches(music) and done.settled["pull_request"] is None
    answers = [event["data"]["ok"] for event in done.events if event["event"] == "agent.tool_answered"]
    assert answers == [True, False, False, False, False], "what is not offered is not carried out either"
    home.nothing_left()

    changed = await honk("reply", task, "twice please", "--json")
    assert (changed.code, changed.settled["plan"]) == (4, "Plan: two more lines in song.txt."), changed.words
    assert {name for call in model.calls for name in call.tools} == READING

    before = len(model.calls)
    gone = await honk("go", task, "--json")
    assert (gone.code, gone.settled["state"], gone.settled["plan"]) == (0, "proposed", None), gone.words
    assert set(model.calls[before].tools) == EVERYTHING
    assert "<plan>\nPlan: two more lines" in model.calls[before].news
    branch = home.branches(music)
    assert len(branch) == 1 and home.git(music, "show", f"{branch[0]}:song.txt") == "la\nlala"
    home.nothing_left()


@pytest.mark.slow
async def test_a_plan_is_cancelled_and_a_command_makes_none(home: Honk, model: ScriptedModel) -> None:
    honk = home.on(model.url)
    music = home.repository(QUICK)
    done = await honk.run(music, "[[louder]]", "--plan")
    stopped = await honk("stop", done.settled["task"], "--json")
    assert (stopped.code, stopped.events[-1]["state"]) == (0, "stopped"), stopped.words
    assert (await honk("go", done.settled["task"])).code != 0
    refused = await honk.change(music, "echo lala >> song.txt", "--plan")
    assert refused.code == 2 and "makes no plan" in refused.words


@pytest.mark.slow
async def test_killed_while_it_plans_it_plans_on(home: Honk, model: ScriptedModel) -> None:
    honk = home.on(model.url)
    async with honk.started("run", home.repository(QUICK), "[[slow]]", "--plan", "--json") as first:
        task = (await first.until("agent.started"))["task"]
        with anyio.fail_after(30):
            await model.reached("slow")
        await first.killed()
    model.release("slow")
    done = await honk("retry", task, "--json")
    assert (done.code, done.settled["state"]) == (4, "waiting"), done.words
    assert done.settled["plan"].startswith("Plan: this")
    assert {name for call in model.calls for name in call.tools} == READING
    home.nothing_left()
