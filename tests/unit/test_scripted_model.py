"""The scripted model, asked by an ordinary HTTP client."""

import json
from typing import Any

import httpx
import pytest

from honk.testing.scripted_model import Break, Call, Fail, Say, Scenario, ScriptedModel

pytestmark = pytest.mark.anyio

EDIT = Scenario("edit", [Say("Reading.", (Call("Read", {"file_path": "a.py"}),)), Say("Done.", expects=("body of a",))])


def user(*content: Any) -> dict[str, Any]:
    blocks = [{"type": "text", "text": block} if isinstance(block, str) else block for block in content]
    return {"role": "user", "content": blocks}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def result(text: str) -> dict[str, Any]:
    return user({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]})


async def ask(model: ScriptedModel, *messages: dict[str, Any], **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    body = {"model": "m", "max_tokens": 100, "messages": list(messages)} | more
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(f"{model.url}/v1/messages?beta=true", json=body, headers=headers)


def texts(response: httpx.Response) -> list[str]:
    return [block.get("text", block.get("name")) for block in response.json()["content"]]


async def test_the_step_follows_from_the_conversation_alone() -> None:
    conversation = [user("<system-reminder>[[other]]</system-reminder>", "please [[edit]]"), assistant("Reading.")]
    for _ in range(2):  # a second server knows nothing of the first
        async with ScriptedModel([EDIT, Scenario("other", [Say("wrong")])]) as model:
            assert texts(await ask(model, conversation[0])) == ["Reading.", "Read"]
            assert texts(await ask(model, *conversation, result("body of a"))) == ["Done."]


async def test_system_entries_and_later_words_do_not_lose_the_marker() -> None:
    scenario = Scenario("fix", [Say("first"), Say("second", expects=("steered", "findings")), Say("third")])
    note = {"role": "system", "content": "steered"}
    begun = [user("[[fix]]"), assistant("first")]
    async with ScriptedModel([scenario]) as model:
        assert texts(await ask(model, *begun, note, user("the gate's findings"))) == ["second"]
        repeated = [user("[[fix]] again"), assistant("second"), user("go on")]
        assert texts(await ask(model, *begun, *repeated)) == ["third"]


async def test_turns_that_the_client_puts_in_on_resuming_do_not_count() -> None:
    scenario = Scenario("fix", [Say("first"), Say("second")])
    cut_off = [user("[[fix]]"), assistant("first"), user("interrupted"), assistant("No response requested.")]
    async with ScriptedModel([scenario]) as model:
        assert texts(await ask(model, *cut_off, user("go on"))) == ["second"]


async def test_the_latest_marker_wins_and_own_words_serve_as_marker() -> None:
    friendly = Scenario("friendly", [Say("friendlier")], words="empty state friendlier")
    async with ScriptedModel([EDIT, friendly]) as model:
        messages = [user("[[edit]]"), assistant("x"), user("make the empty state friendlier")]
        assert texts(await ask(model, *messages)) == ["friendlier"]


async def test_what_the_script_does_not_foresee_fails_loudly() -> None:
    with pytest.raises(AssertionError, match="body of a"):
        async with ScriptedModel([EDIT]) as model:
            answer = await ask(model, user("[[edit]]"), assistant("Reading."), result("something else"))
            assert answer.status_code == 400
    with pytest.raises(AssertionError, match="no turn 3"):
        async with ScriptedModel([EDIT]) as model:
            await ask(model, user("[[edit]]"), assistant("1"), user("a"), assistant("2"), user("b"))
    with pytest.raises(AssertionError, match="no scenario"):
        async with ScriptedModel([EDIT]) as model:
            await ask(model, user("unknown"))


async def test_a_stream_has_the_wire_shape() -> None:
    scenario = Scenario("all", [Say("Hello there", (Call("Bash", {"command": "ls"}), Call("Glob")), thinking="hm")])
    async with ScriptedModel([scenario]) as model:
        answer = await ask(model, user("[[all]]"), stream=True)
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    names = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ")]
    assert names == [event["type"] for event in events]
    assert names[0] == "message_start" and names[-2:] == ["message_delta", "message_stop"]
    starts = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert starts == ["thinking", "text", "tool_use", "tool_use"]
    deltas = [event for event in events if event["type"] == "content_block_delta"]
    assert "".join(event["delta"].get("text", "") for event in deltas) == "Hello there"
    command = "".join(event["delta"].get("partial_json", "") for event in deltas if event["index"] == 2)
    assert json.loads(command) == {"command": "ls"}
    assert events[-2]["delta"]["stop_reason"] == "tool_use" and events[-2]["usage"]["output_tokens"] > 0


async def test_failures_come_before_their_turn_and_end() -> None:
    scenario = Scenario(
        "late", [Fail(529, times=2, retry_after=7), Break("half"), Say("at last"), Fail(401, times=None)]
    )
    async with ScriptedModel([scenario]) as model:
        refused = [await ask(model, user("[[late]]")) for _ in range(2)]
        assert [answer.status_code for answer in refused] == [529, 529]
        assert refused[0].json()["error"]["type"] == "overloaded_error"
        assert refused[0].headers["retry-after"] == "7"
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(model, user("[[late]]"), stream=True)
        assert texts(await ask(model, user("[[late]]"))) == ["at last"]
        for _ in range(3):
            assert (await ask(model, user("[[late]]"), assistant("at last"), user("x"))).status_code == 401


async def test_an_endless_scenario_repeats_its_last_turn() -> None:
    async with ScriptedModel([Scenario("loop", [Say("a"), Say("", (Call("Bash"),))], repeat=True)]) as model:
        turns = [turn for n in range(9) for turn in (assistant(str(n)), result("again"))]
        assert texts(await ask(model, user("[[loop]]"), *turns)) == ["Bash"]


async def test_a_key_is_asked_for() -> None:
    async with ScriptedModel([Scenario("k", [Say("in")])], key="right") as model:
        assert (await ask(model, user("[[k]]"))).status_code == 401
        assert (await ask(model, user("[[k]]"), headers={"x-api-key": "wrong"})).status_code == 401
        assert (await ask(model, user("[[k]]"), headers={"authorization": "Bearer right"})).status_code == 200
        assert model.calls[-1].headers["authorization"] == "Bearer right"


async def test_the_other_resources() -> None:
    async with ScriptedModel([]) as model, httpx.AsyncClient(trust_env=False, base_url=model.url) as client:
        assert (await client.head("/api/hello")).status_code == 200
        counted = await client.post("/v1/messages/count_tokens", json={"messages": [user("x")]})
        assert counted.json()["input_tokens"] > 0
        assert (await client.get("/nothing")).status_code == 404
        assert texts(await ask(model, user("Hi"), max_tokens=1)) == ["Hi"]
