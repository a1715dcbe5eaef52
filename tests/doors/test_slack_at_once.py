"""What people expect at once happens at once, whatever else takes its time; and not at all when it is too late."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from slack_world import SlackWorld, slack_world, text_of

from honk.domain.task import State
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Watch

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        made.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, endless=True)
        yield made


async def at_work(here: SlackWorld) -> str:
    ts = await here.ask()
    await here.card(ts, "At work")
    return ts


async def test_stop_waits_for_nothing_that_takes_its_time(here: SlackWorld) -> None:
    """More is slow than is worked on at once, and in the thread itself stands a reply that cannot be read yet."""
    threads = [await at_work(here) for _ in range(3)]
    gate = here.slack.stall("users.info", times=1000)
    for number in range(20):
        await here.ask(f"fix the crash number {number}", user="ben")
    await here.slack.say("ada", "general", f"{here.slack.mention} look, <@U0CLEO>", thread=threads[0])
    with anyio.fail_after(2):
        await here.slack.say("ada", "general", f"{here.slack.mention} Stop!", thread=threads[0])
        await here.card(threads[0], "Stopped")
    with anyio.fail_after(2):
        await here.slack.press("ada", (await here.card(threads[1])).ts, "Stop")
        await here.card(threads[1], "Stopped")
    with anyio.fail_after(2):
        await here.slack.command("ada", "general", "/honk", "stop")
        await here.card(threads[2], "Stopped")
    gate.set()
    told = await here.slack.until(lambda: [one for one in here.slack.ephemeral("ada") if "after this" in one.text])
    assert told[0].text.startswith("You said “stop” after this, so I have not handed it on.")
    thread = await here.world.store.chats.threads.in_channel("slack", "T0ACME", "C0GENERAL")
    stopped = [await here.world.store.tasks.get(one.task) for one in thread[-3:]]
    assert [(one.state, one.turn) for one in stopped] == [(State.STOPPED, 1)] * 3


async def test_a_press_that_comes_to_nothing_for_long_is_left_undone_and_that_is_said(here: SlackWorld) -> None:
    ts = await at_work(here)
    card = await here.card(ts)
    here.slack.break_down("users.info", times=1000)
    await here.slack.press("ben", card.ts, "Stop")
    await here.slack.command("cleo", "general", "/honk", "stop")
    assert isinstance(here.world.clock, Watch)
    here.world.clock.now += timedelta(hours=3)
    for user in ("ben", "cleo"):
        # a clock that jumps ends what somebody holds, so it may be said by two
        told, *_ = await here.slack.until(lambda user=user: here.slack.ephemeral(user))
        assert told.text == "I could not do this in time, so it was left undone. Do it again if it is still wanted."
    assert "At work" in text_of(await here.card(ts))


async def test_what_slack_refuses_to_tell_before_anything_is_done_is_said(here: SlackWorld) -> None:
    ts = await at_work(here)
    here.slack.fail("users.info", "user_not_visible", times=3)
    await here.slack.press("ben", (await here.card(ts)).ts, "Stop")
    await here.ask(user="cleo")
    for user in ("ben", "cleo"):
        [told] = await here.slack.until(lambda user=user: here.slack.ephemeral(user))
        assert told.text == "Slack refuses users.info: user_not_visible."
