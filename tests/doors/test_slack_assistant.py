"""What Slack has for assistants: title, status, text as it is written; and a workspace without them."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from slack_world import QUICK, SlackWorld, labels, slack_world, text_of

from honk.domain.event import AgentWrote
from honk.domain.task import State
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path, waits=replace(QUICK, status=0.2)) as made:
        yield made


async def writes(here: SlackWorld, words: str, number: int) -> None:
    """The agent says something."""
    task = await here.task()
    await here.world.store.events.record(task.id, 1, AgentWrote(text=words, partial=False), key=f"wrote/{number}")


async def begun(here: SlackWorld) -> tuple[tuple[str, str], anyio.Event]:
    """A conversation with the assistant in which Ada has asked; the agent is at work until the event is set."""
    until = anyio.Event()
    here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=until)
    thread = await here.slack.open_assistant("ada")
    await here.slack.say("ada", thread[0], "fix the crash", thread=thread[1])
    await here.world.agent.busy.wait()
    return thread, until


async def test_a_title_a_status_that_lasts_and_words_as_they_are_written(here: SlackWorld) -> None:
    thread, until = await begun(here)
    shown = here.slack.assistant(thread)
    await here.slack.until(lambda: shown.status.startswith("at work"))
    assert shown.title == "fix the crash"
    await here.slack.until(lambda: shown.statuses.count(shown.status) >= 3)  # Slack forgets it otherwise
    await writes(here, "I read the player. <!channel> [here](http://evil.example)", 1)
    stream = await here.slack.until(
        lambda: next((one for one in here.slack.thread(*thread) if one.streaming and "I read" in one.text), None)
    )
    assert "<!channel>" not in stream.text and "](http" not in stream.text
    await writes(here, "Now I correct it.", 2)
    await here.slack.until(lambda: "Now I correct it." in stream.text)
    await here.slack.until(lambda: shown.status)
    here.slack.end_stream(thread[0], stream.ts)  # Slack closes what takes long
    await writes(here, "It is corrected.", 3)
    await here.slack.until(lambda: [one for one in here.slack.thread(*thread) if one.text == "It is corrected."])
    until.set()
    await here.rests(State.PROPOSED)
    await here.slack.until(lambda: shown.status == "" and not any(one.streaming for one in here.slack.thread(*thread)))
    assert "Merge…" in labels(await here.message(thread[1], "is ready to try", thread[0]))


async def test_a_workspace_without_them_gets_messages_and_no_further_calls(here: SlackWorld) -> None:
    here.slack.lack("assistant")
    here.slack.lack("streaming")
    channel = here.slack.dm("ada").id
    ts = await here.slack.say("ada", channel, "fix the crash")
    await here.card(ts, "Ready to merge", channel)
    for number in range(3):
        await writes(here, f"word {number}", number)
    ts = await here.slack.say("ada", channel, "fix the crash once more")
    await here.card(ts, "Ready to merge", channel)
    await here.rests(State.PROPOSED)
    await here.slack.until(lambda: here.slack.calls_of("chat.startStream"))
    for method in ("assistant.threads.setTitle", "assistant.threads.setStatus", "chat.startStream"):
        assert len(here.slack.calls_of(method)) == 1, method
    assert not here.slack.calls_of("chat.appendStream")


async def test_where_others_read_along_nothing_of_it_is_used(here: SlackWorld) -> None:
    ts = await here.ask()
    await here.card(ts, "Ready to merge")
    await writes(here, "a word", 1)
    await here.slack.open_home("ada")
    await here.slack.until(lambda: here.slack.home("ada"))
    used = {call.method for call in here.slack.calls}
    assert not any(one.startswith("assistant.") or one.endswith("Stream") for one in used), json.dumps(sorted(used))
    assert "Ready to merge" in text_of(here.said(ts)[0])


async def test_words_that_slack_did_not_take_do_not_end_those_after_them(here: SlackWorld) -> None:
    thread, until = await begun(here)
    here.slack.break_down("chat.startStream")
    await writes(here, "I read the player.", 1)
    await here.slack.until(lambda: here.slack.calls_of("chat.startStream"))
    await writes(here, "Now I correct it.", 2)
    said = lambda: [one.text for one in here.slack.thread(*thread) if "Now I correct it." in one.text]  # noqa: E731
    await here.slack.until(said)
    until.set()
    await here.rests(State.PROPOSED)
    assert len(said()) == 1 and len([one for one in here.slack.thread(*thread) if "I read" in one.text]) <= 1
