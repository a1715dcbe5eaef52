"""A model that fails, lies, or never ends: what `honk run` makes of it with the real Claude Code."""

from collections.abc import AsyncIterator, Iterator

import pytest
from run_world import KEY, Honk, world

from honk.testing.scripted_model import Break, Call, Fail, Say, Scenario, ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

slow = pytest.mark.slow
BEGIN = Say("I begin.", (Call("Bash", {"command": "echo lala >> song.txt"}),))
DONE = Say("Done.")

SCENARIOS = [
    Scenario("endless", [BEGIN], repeat=True),
    Scenario("nothing", [Say("All is well as it is.")], after=DONE),
    Scenario("sleepy", [Say("", (Call("Bash", {"command": "echo lala >> song.txt; sleep 90"}),))], after=DONE),
    Scenario("429", [BEGIN, Fail(429, times=None), DONE]),
    Scenario("500", [BEGIN, Fail(500, times=None), DONE]),
    Scenario("529", [BEGIN, Fail(529, times=None), DONE]),
    Scenario("torn", [BEGIN, Break("I am about to", times=None), DONE]),
    Scenario("busy", [Fail(529, times=5), BEGIN, DONE], after=DONE),
]


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.fixture
async def honk(home: Honk) -> AsyncIterator[Honk]:
    async with ScriptedModel(SCENARIOS, key=KEY, strict=False) as model:
        yield home.on(model.url)
        assert not model.complaints


async def test_a_wrong_key_is_named(honk: Honk) -> None:
    done = await honk.on(honk.environment["ANTHROPIC_BASE_URL"], ANTHROPIC_API_KEY="sk-ant-wrong-canary").run(
        honk.repository(), "[[nothing]]"
    )
    assert (done.code, done.settled["state"]) == (1, "failed")
    assert "401" in done.settled["reason"] and "ANTHROPIC_API_KEY" in done.settled["reason"]
    assert "canary" not in done.words
    honk.nothing_left()


@pytest.mark.parametrize(
    ("words", "options", "said"),
    [
        ("endless", ("--max-calls", "3"), "--max-calls"),
        pytest.param("endless", ("--max-usd", "0.0001"), "--max-usd", marks=slow),
        pytest.param("sleepy", ("--timeout", "5"), "time limit of 5 s", marks=slow),
        pytest.param("529", ("--timeout", "6"), "time limit of 6 s", marks=slow),
        pytest.param("429", ("--timeout", "6"), "time limit", marks=slow),
        pytest.param("500", ("--timeout", "6"), "time limit", marks=slow),
        pytest.param("torn", ("--timeout", "6"), "time limit", marks=slow),
    ],
)
async def test_a_limit_ends_in_a_draft_with_the_work(
    honk: Honk, words: str, options: tuple[str, ...], said: str
) -> None:
    music = honk.repository()
    done = await honk.run(music, f"[[{words}]]", *options)
    settled = done.settled
    assert (done.code, settled["state"], settled["outcome"]) == (3, "draft", "limit"), done.words
    assert said in settled["reason"] and settled["pull_request"]["state"] == "draft"
    assert "lala" in honk.git(music, "show", f"{settled['pull_request']['branch']}:song.txt")
    assert ("agent.waits" in [event["event"] for event in done.events]) == (words not in {"endless", "sleepy"})
    honk.nothing_left()


@slow
async def test_nothing_to_do_says_what_the_agent_said(honk: Honk) -> None:
    done = await honk.run(honk.repository(), "[[nothing]]")
    assert (done.code, done.settled["outcome"]) == (1, "no_change")
    assert "All is well as it is." in done.settled["reason"]


@slow
async def test_an_overloaded_model_is_waited_for(honk: Honk) -> None:
    done = await honk.run(honk.repository(), "[[busy]]", seconds=110)
    assert (done.code, done.settled["state"]) == (0, "proposed")
    assert [event["event"] for event in done.events].count("agent.waits") == 5


@slow
@pytest.mark.seconds(400)
@pytest.mark.parametrize("words", ["429", "500", "529", "torn"])
async def test_a_model_that_fails_for_minutes_leaves_the_work(honk: Honk, words: str) -> None:
    music = honk.repository()
    done = await honk.run(music, f"[[{words}]]", seconds=390)
    assert (done.code, done.settled["state"], done.settled["outcome"]) == (1, "draft", "error")
    assert "API Error" in done.settled["reason"]
    assert "+lala" in (await honk("diff", done.settled["task"])).out
    honk.nothing_left()


@slow
async def test_without_a_network_it_is_said_that_the_model_cannot_be_reached(home: Honk) -> None:
    done = await home.run(home.repository(), "change it", "--timeout", "4")
    assert (done.code, done.settled["outcome"]) == (3, "limit")
    waits = [event["data"]["reason"] for event in done.events if event["event"] == "agent.waits"]
    assert waits and "cannot be reached" in waits[0]
