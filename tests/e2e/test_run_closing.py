"""The real Claude Code wants to end: what Honk refuses of its files comes back to it, in the same session."""

from collections.abc import Iterator

import pytest
from run_world import KEY, Honk, world

from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

BROKEN = Say("I begin.", (Call("Bash", {"command": "echo broken > song.txt"}),))
MENDED = Say("I see.", (Call("Bash", {"command": "echo lalala > song.txt"}),), expects=("<findings>", "grep -q la"))
#: without an answer for anything more: a reminder, or a second attempt, would be refused loudly
SCENARIOS = [Scenario("mends", [BROKEN, Say("Done."), MENDED, Say("Mended.")])]


@pytest.fixture(scope="module")
def honk() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.mark.slow
async def test_the_agent_mends_in_one_attempt_what_was_refused_as_it_ended(honk: Honk) -> None:
    async with ScriptedModel(SCENARIOS, key=KEY, strict=False) as model:
        music = honk.repository()
        done = await honk.on(model.url).run(music, "[[mends]]")
        assert not model.complaints
    settled = done.settled
    assert settled["model_calls"] == 4, done.words
    branch = settled["pull_request"]["branch"]
    assert honk.git(music, "show", f"{branch}:song.txt").strip() == "lalala"
    events = [event["event"] for event in done.events]
    assert [events.count(kind) for kind in ("agent.started", "agent.finished", "verdict.given")] == [1, 1, 1]
    runs = [event["data"] for event in done.events if event["event"] == "verifier.finished"]
    assert [one["answer"] for one in runs if one["on"] == "agent"] == ["fail", "pass"]
    assert [one["cached"] for one in runs if one["on"] == "change"] == [True], "the verdict that counts costs no run"
    assert settled["seconds_verifying"] > 0
    honk.nothing_left()
