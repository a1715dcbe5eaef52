"""Questions and plans in Slack: answered by buttons, in a form, in the thread; once, by anybody who may."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from slack_world import SlackWorld, labels, slack_world, text_of

from honk.domain.task import State
from honk.steps.remind import Reminders
from honk.testing.fake_slack import Message
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Watch

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


async def asked(here: SlackWorld, *choices: str) -> tuple[str, Message]:
    """A thread with a question, and its message."""
    here.world.agent.habits = {
        "A person answers": Edit(files={APP: b"fixed"}),
        "fix the crash": Edit(asks=("Blue or red?", *choices)),
    }
    ts = await here.ask()
    question = await here.message(ts, "Blue or red?")
    await here.rests(State.WAITING)
    return ts, question


def heard(here: SlackWorld) -> list[str]:
    """What the agent was told after it asked."""
    return next(iter(here.world.agent.memory.values()))[1:]


async def test_a_choice_is_pressed_once_by_anybody_who_may(here: SlackWorld) -> None:
    ts, question = await asked(here, "Blue", "Red")
    assert labels(question) == ["Blue", "Red", "Answer…"] and "<@U0BEN>" not in str(question.blocks)
    await here.slack.press("ben", question.ts, "Red")
    await here.card(ts, "Ready to merge")
    await here.slack.press("ada", question.ts, "Blue")
    [told] = await here.slack.until(lambda: here.slack.ephemeral("ada"))
    assert told.text == "This question was answered already. Say something new in the thread."
    [words] = heard(here)
    assert "Red" in words and "Blue" not in words.replace("Blue or red?", "")


async def test_free_words_in_the_form_and_a_reminder(here: SlackWorld) -> None:
    ts, question = await asked(here)
    assert labels(question) == ["Answer…"]
    assert isinstance(here.world.clock, Watch)
    reminders = Reminders(timedelta(hours=24), ports=here.world.app.ports)
    await reminders.look()
    here.world.clock.now += timedelta(hours=25)
    await reminders.look()
    reminded = await here.message(ts, "still waiting for an answer, for 24 h")
    assert "Blue or red?" in text_of(reminded)
    await here.slack.press("ben", question.ts, "Answer…")
    await here.slack.until(lambda: here.slack.views("ben"))
    await here.slack.submit("ben", {"words": "green, if you ask me"})
    await here.card(ts, "Ready to merge")
    assert "green, if you ask me" in heard(here)[0]


async def test_the_answer_in_the_thread_needs_no_name_from_who_asked(here: SlackWorld) -> None:
    ts, _ = await asked(here, "Blue", "Red")
    await here.slack.say("ben", "general", "I like 2", thread=ts)  # to the others
    await here.slack.say("ada", "general", "2", thread=ts)
    await here.card(ts, "Ready to merge")
    [words] = heard(here)
    assert "Red" in words and "I like" not in words


async def planned(here: SlackWorld, *, also: str = "") -> tuple[str, Message]:
    """A thread with a plan, and its message."""
    here.world.agent.habits = {
        "Carry it out": Edit(files={APP: b"fixed"}),
        "friendlier": Edit(files={APP: b"fixed, friendly"}, summary="1. A friendly plan"),
        "fix the crash": Edit(files={APP: b"fixed"}, summary="1. Look\n2. Correct *it*"),
    }
    ts = await here.ask(f"fix the crash{also}, plan first, at most $9")
    plan = await here.message(ts, "The plan")
    await here.card(ts, "The plan waits for a Go")
    return ts, plan


async def test_a_plan_is_changed_by_a_form_and_by_words_and_carried_out_by_its_own_go(here: SlackWorld) -> None:
    ts, first = await planned(here)
    assert labels(first) == ["Go", "Change…", "Cancel"] and "Correct" in text_of(first)
    assert here.world.file("main") == b"crash"
    await here.slack.press("ben", first.ts, "Change…")
    await here.slack.until(lambda: here.slack.views("ben"))
    await here.slack.submit("ben", {"words": "friendlier"})
    second = await here.message(ts, "A friendly plan")
    await here.rests(State.WAITING)
    await here.slack.press("ada", first.ts, "Go")
    [told] = await here.slack.until(lambda: here.slack.ephemeral("ada"))
    assert told.text == f"Plan '1' of task {(await here.task()).id} was changed since."
    assert (await here.task()).state is State.WAITING
    await here.slack.say("ada", "general", "friendlier still", thread=ts)
    await here.slack.until(lambda: len([one for one in here.said(ts) if "A friendly plan" in text_of(one)]) == 2)
    third = [one for one in here.said(ts) if "A friendly plan" in text_of(one)][-1]
    await here.rests(State.WAITING)
    assert third.ts != second.ts
    for _ in range(2):
        await here.slack.press("ben", third.ts, "Go")
    await here.card(ts, "Ready to merge")
    task = await here.rests(State.PROPOSED)
    assert here.world.file(task.branch) is not None and task.turn == 4


async def test_go_as_a_word_and_a_plan_that_is_given_up(here: SlackWorld) -> None:
    ts, _ = await planned(here)
    await here.slack.say("ada", "general", "Go!", thread=ts)
    await here.card(ts, "Ready to merge")
    ts, plan = await planned(here, also=" again")
    await here.slack.press("ben", plan.ts, "Cancel")
    card = await here.card(ts, "Stopped")
    assert "Go" not in labels(card)
    await here.slack.press("ada", plan.ts, "Go")
    [told] = await here.slack.until(lambda: here.slack.ephemeral("ada"))
    assert ".." not in told.text and told.text.endswith(".")
