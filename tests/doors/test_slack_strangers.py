"""Who is not heard: bots, Honk itself, people of other workspaces, guests; without a loop, and without noise."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from slack_world import SlackWorld, slack_world, text_of

from honk.doors.slack import Choices
from honk.testing.fake_slack import User
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


def shared(here: SlackWorld) -> User:
    """Eve of another company, in a channel that is shared with it."""
    other = here.slack.add_team("other")
    eve = here.slack.add_user("eve", team=other.id, real_name="Eve Example")
    here.slack.add_channel("shared", members=["ada", eve])
    return eve


async def settled(here: SlackWorld) -> None:
    """Everything that was delivered is worked on."""
    await here.slack.until(lambda: all(one.done for one in here.slack.deliveries.all))
    await here.card(await here.ask("mend what follows, friendlier", user="cleo"), "Ready to merge")


async def tasks(here: SlackWorld) -> int:
    """Those that were asked for, without the one that shows that the door goes on."""
    return len([one for one in await here.world.store.tasks.list() if "what follows" not in one.instruction])


async def test_bots_slackbot_and_honk_itself_are_never_heard(here: SlackWorld) -> None:
    slack = here.slack
    robot = slack.add_user("robot", is_bot=True)
    slack.space.channel("general").members.append(robot.id)
    ts = await here.ask()
    await here.card(ts, "Ready to merge")
    await here.message(ts, "Before and after")
    before = len(here.said(ts))
    for words in (f"{slack.mention} fix the crash", f"{slack.mention} stop", "fix the crash"):
        await slack.say(robot, "general", words)
        await slack.say(robot, "general", words, thread=ts)
        await slack.say(slack.app.user, "general", words, bot_id=slack.app.bot_id)
        await slack.say(slack.app.user, "general", words, thread=ts, bot_id="")
        await slack.say("ada", "general", words, bot_id="B0WORKFLOW", subtype="bot_message")
    await slack.react(robot, "general", ts, "honk")
    await settled(here)
    assert await tasks(here) == 1 and len(here.said(ts)) == before + 3, "but for what was said in its name"
    assert not slack.ephemeral("ada")


async def test_two_bots_that_answer_each_other_end_at_once(here: SlackWorld) -> None:
    slack = here.slack
    robot = slack.add_user("robot", is_bot=True)
    slack.space.channel("general").members.append(robot.id)
    ts = await here.ask()
    answered = 0
    while answered < 3:
        said = await slack.until(lambda done=answered: here.said(ts)[done:])  # type: ignore[misc]
        answered += len(said)
        for one in said:
            await slack.say(robot, "general", f"{slack.mention} thank you for: {one.text[:50]}", thread=ts)
    await settled(here)
    assert await tasks(here) == 1 and len(here.said(ts)) == answered


async def test_an_edit_by_which_slack_unrolls_a_link_is_nobodys_words(here: SlackWorld) -> None:
    slack = here.slack
    ts = await here.ask("fix the crash of https://example.org/1")

    def unrolled(message: Any) -> None:
        message.attachments = [{"title": f"{slack.mention} stop", "from_url": "https://example.org/1"}]

    slack.world.change(slack.message("general", ts), unrolled)
    await here.card(ts, "Ready to merge")
    slack.world.change(slack.message("general", ts), unrolled)
    await settled(here)
    assert not slack.ephemeral("ada") and await tasks(here) == 1


async def test_strangers_are_told_alone_that_they_are_not_heard_and_only_if_they_name_honk(here: SlackWorld) -> None:
    slack, eve = here.slack, shared(here)
    until = anyio.Event()
    here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=until)
    ts = await here.ask(channel="shared")
    card = await here.card(ts, "At work", channel="shared")
    task = await here.task()
    await slack.choose("ada", card.ts, "honk:menu", f"listen:{task.id}")
    await here.card(ts, "only what names me", channel="shared")
    await slack.say(eve, "shared", "has anybody seen this?", thread=ts)
    await slack.say(eve, "shared", "good morning")
    await settled(here)
    assert not slack.ephemeral(eve), "nobody who talks to others is talked to"
    await slack.say(eve, "shared", f"{slack.mention} fix the crash")
    await slack.until(lambda: len(slack.ephemeral(eve)) == 1)
    assert slack.ephemeral(eve)[0].text.startswith("People of other workspaces are not heard here.")
    await slack.say(eve, "shared", f"{slack.mention} stop", thread=ts)
    await slack.until(lambda: len(slack.ephemeral(eve)) == 2)
    await slack.press(eve, card.ts, "Stop")
    await slack.until(lambda: len(slack.ephemeral(eve)) == 3)
    await slack.react(eve, "shared", ts, "honk")
    await slack.until(lambda: len(slack.ephemeral(eve)) == 4)
    await slack.press(eve, card.ts, "Interrupt…")
    done = await slack.submit(eve, {"words": "rm -rf"})
    assert "not heard" in str(done.answer)
    await slack.open_home(eve)
    await slack.until(lambda: slack.home(eve))
    assert "not heard" in str(slack.home(eve).blocks) and task.id not in str(slack.home(eve).blocks)  # type: ignore[union-attr]
    until.set()
    await here.card(ts, "Ready to merge", channel="shared")
    assert await tasks(here) == 1
    assert not any("rm -rf" in one or "seen this" in one for told in here.world.agent.memory.values() for one in told)


async def test_strangers_who_are_let_in_ask_steer_and_press_and_never_merge(tmp_path: Path) -> None:
    async with slack_world(tmp_path, choices=Choices(strangers=True)) as here:
        slack, eve = here.slack, shared(here)
        ts = await here.ask(user="eve", channel="shared")
        await here.card(ts, "Ready to merge", channel="shared")
        build = await here.message(ts, "is ready to try", channel="shared")
        await slack.press(eve, build.ts, "Merge…")
        await slack.until(lambda: any("/honk link" in str(one.blocks) for one in slack.views(eve)))
        until = anyio.Event()
        here.world.agent.habits["friendlier"], here.world.agent.busy = Edit(until=until), anyio.Event()
        await slack.say(eve, "shared", f"{slack.mention} friendlier", thread=ts)
        card = await here.card(ts, "At work", channel="shared")
        await here.world.agent.busy.wait()
        await slack.press(eve, card.ts, "Stop")
        await slack.until(lambda: "At work" not in text_of(here.said(ts, "shared")[0]))
        assert not slack.ephemeral(eve) and await tasks(here) == 1


@pytest.mark.parametrize("allowed", [False, True])
async def test_guests(tmp_path: Path, allowed: bool) -> None:
    async with slack_world(tmp_path, choices=Choices(guests=allowed)) as here:
        for one, more in (("gus", {"is_restricted": True}), ("una", {"is_ultra_restricted": True})):
            here.slack.space.channel("general").members.append(here.slack.add_user(one, **more).id)
            ts = await here.ask(user=one)
            if allowed:
                await here.card(ts, "Ready to merge")
            else:
                await here.slack.until(lambda one=one: here.slack.ephemeral(one))  # type: ignore[misc]
                assert "guests are not heard" in here.slack.ephemeral(one)[0].text.lower() and not here.said(ts)


async def test_whose_account_was_deactivated_is_not_heard_and_whom_the_policy_names_is(here: SlackWorld) -> None:
    slack, eve = here.slack, shared(here)
    slack.space.user("ben").deleted = True
    await here.ask(user="ben")
    await slack.until(lambda: slack.ephemeral("ben") or slack.calls_of("chat.postEphemeral"))
    await here.link("eve")
    ts = await here.ask(user="eve", channel="shared")
    await here.card(ts, "Ready to merge", channel="shared")
    assert await tasks(here) == 1 and slack.space.user("ben").deleted and eve.team != slack.app.team


async def test_what_is_another_workspaces_is_ignored(here: SlackWorld) -> None:
    slack, sent = here.slack, here.slack.deliveries.send
    ts = await here.ask()
    await here.message(ts, "Before and after")
    card = await here.card(ts, "Ready to merge")
    await slack.open_home("ada")
    await slack.press("ada", card.ts, "Review")
    await slack.command("ada", "general", "/honk", "help")
    await slack.until(lambda: slack.ephemeral("ada"))
    kept = list(slack.deliveries.all)
    before = (await tasks(here), len(slack.calls_of("views.open")), len(slack.ephemeral("ada")), len(here.said(ts)))
    for one in kept:
        strange = json.loads(
            json.dumps(one.payload).replace(slack.app.team, "T0OTHER").replace(slack.app.bot_id, "B0X")
        )
        for key in ("ts", "trigger_id", "action_ts", "event_id"):
            text = json.dumps(strange)
            strange = json.loads(text.replace(f'"{key}": "1', f'"{key}": "2'))
        sent(one.kind, strange)
    await settled(here)
    after = (await tasks(here), len(slack.calls_of("views.open")), len(slack.ephemeral("ada")), len(here.said(ts)))
    assert before == after


async def test_a_shared_channel_may_be_delivered_under_the_other_workspaces_name(here: SlackWorld) -> None:
    slack, eve = here.slack, shared(here)
    ts = await slack.say("ada", "shared", f"{slack.mention} fix the crash")
    (first, *_) = [one for one in slack.deliveries.all if one.event.get("ts") == ts]
    await here.card(ts, "Ready to merge", channel="shared")
    other = json.loads(json.dumps(first.payload))
    other["team_id"] = eve.team
    slack.app.subscribed = set()
    other["event"]["ts"] = await slack.say("ada", "shared", f"{slack.mention} fix the crash")
    other["event"].pop("thread_ts", None)
    slack.deliveries.send("events_api", other)
    await here.card(other["event"]["ts"], "Ready to merge", channel="shared")
