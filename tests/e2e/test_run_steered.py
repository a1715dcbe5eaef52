"""People and the agent at work, through the command line: real processes, Claude Code, SQLite, git, kill -9."""

from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from run_world import KEY, QUICK, Event, Honk, world

from honk.adapters.claude_code.tools import ASK
from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

WRITE = Call("Bash", {"command": "echo lala >> song.txt"})
#: a command that hears no signal, with children that do not either
STUBBORN = "trap '' INT TERM HUP; (trap '' INT TERM HUP; python3 -c 'import time; time.sleep(60)') & wait; wait"
LONG = Call("Bash", {"command": "echo lala >> song.txt; python3 -c 'import time; time.sleep(60)'"})
SCENARIOS = [
    Scenario("cut off", [Say("Slow.", (LONG,)), Say("Again.", (WRITE,)), Say("Done.")], after=Say("Done.")),
    Scenario("heard", [Say("Slow.", (WRITE,)), Say("Hm. " * 40, hold="heard"), Say("Done.")], after=Say("Done.")),
    Scenario("stubborn", [Say("Slow.", (WRITE,)), Say("Deaf.", (Call("Bash", {"command": STUBBORN}),))]),
    Scenario("ask", [Say("Hm.", (Call(ASK, {"question": "Blue or red?", "choices": ["blue", "red"]}),))]),
    Scenario(
        "answer", [Say("So be it.", (WRITE,)), Say("Done.")], words="A person answers:\n\nred", after=Say("Done.")
    ),
]


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel(SCENARIOS, key=KEY, strict=False) as served:
        yield served


async def _events(honk: Honk, task: str) -> list[Event]:
    """The log, in the same lines that `--json` prints while it follows."""
    return (await honk("log", task, "--json")).events


def _heard(model: ScriptedModel, words: str) -> int:
    """How often the words stand in the conversation that the model was shown last."""
    return str(model.calls[-1].messages).count(words)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["cut off", "heard"])
async def test_killed_with_a_message_on_its_way_it_is_said_exactly_once(
    home: Honk, model: ScriptedModel, moment: str
) -> None:
    honk = home.on(model.url)
    music = home.repository(QUICK)
    async with honk.started("run", music, f"[[{moment}]]", "--json") as first:
        task = (await first.until("agent.called_tool"))["task"]
        if moment == "heard":
            await model.reached("heard")
        async with honk.started("reply", task, "rather in blue", "--json") as second:
            await second.until("message.received")
            await anyio.sleep(0.6)  # on its way: the other process looks four times a second
            await second.killed()
        await first.killed()
    if moment == "heard":
        model.release("heard")
    done = await honk("retry", task, "--json")
    assert (done.code, done.settled["outcome"]) == (0, "pass"), done.words
    events = await _events(honk, task)
    told = [event for event in events if event["event"] == "message.delivered"]
    turns = {event["turn"] for event in events}
    assert len(told) + len(turns) == 2, "delivered to the agent, or a turn of its own"
    assert _heard(model, "rather in blue") == 1
    assert not (await honk("messages", task, "--json")).events
    home.nothing_left()


async def test_a_stop_ends_an_agent_that_hears_no_signal_and_keeps_its_work(home: Honk, model: ScriptedModel) -> None:
    honk = home.on(model.url)
    music = home.repository(QUICK)
    async with honk.started("run", music, "[[stubborn]]", "--json") as first:
        event = await first.until(lambda e: e["event"] == "agent.called_tool" and "trap" in e["data"]["summary"])
        task = event["task"]
        with anyio.fail_after(30):  # the command would take a minute
            stopped = await honk("stop", task, "--json")
            done = await first.done()
    assert stopped.events[-1]["state"] == "stopped"
    assert done.settled["outcome"] == "stopped"
    events = await _events(honk, task)
    assert [event["data"]["files"] for event in events if event["event"] == "change.taken"] == [["song.txt"]]
    home.nothing_left()


async def test_a_question_waits_and_the_number_of_a_choice_answers_it(home: Honk, model: ScriptedModel) -> None:
    honk = home.on(model.url)
    done = await honk.run(home.repository(QUICK), "[[ask]]")
    assert (done.code, done.settled["state"]) == (4, "waiting"), done.words
    assert done.settled["reason"] == "Blue or red?\n1. blue\n2. red"
    home.nothing_left()
    answered = await honk("reply", done.settled["task"], "2", "--json")
    assert (answered.code, answered.settled["state"]) == (0, "proposed"), answered.words
    assert _heard(model, "Blue or red?") >= 1


@pytest.mark.slow
async def test_done_again_from_verify_the_agent_is_not_asked(home: Honk, model: ScriptedModel) -> None:
    music = home.repository(QUICK)
    done = await home.change(music, "echo lala >> song.txt")
    task = done.settled["task"]
    again = await home("retry", task, "--from", "verify", "--json")
    assert again.settled["outcome"] == "pass", again.words
    types = [event["event"] for event in await _events(home, task)]
    assert (types.count("agent.started"), types.count("verdict.given")) == (1, 2)
    refused = await home("retry", task, "--from", "deploy")
    assert refused.code == 2 and "--from prepare|code|verify" in refused.words
    stranger = await home("hand-over", task, "--agent", "command", "echo more >> song.txt", "--json")
    assert stranger.code == 2, "it is in those hands already"
