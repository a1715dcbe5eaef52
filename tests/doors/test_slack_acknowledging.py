"""Whoever asks sees soon that they were heard: by a reaction where Slack lets it be soon, by the card always."""

from functools import partial
from pathlib import Path

import anyio
import pytest
from slack_world import slack_world

from honk.testing.fake_slack import Limits

pytestmark = pytest.mark.anyio


async def test_a_reaction_is_there_before_anybody_works_on_it_and_made_once(tmp_path: Path) -> None:
    """More are asked for here than are worked on at once."""
    async with slack_world(tmp_path) as here:
        gate = here.slack.stall("users.info", times=100)
        asked = [await here.ask(f"fix the crash number {number}") for number in range(18)]
        await here.slack.until(lambda: all("eyes" in here.slack.reactions("general", ts) for ts in asked))
        assert not any(here.said(ts) for ts in asked)
        gate.set()
        await here.card(asked[0])
        assert len(here.slack.calls_of("reactions.add")) == len(asked)


async def test_a_reaction_that_slack_does_not_answer_keeps_no_card_waiting(tmp_path: Path) -> None:
    """In a thread and by the emoji it is asked for beside the work, of a mention before it."""
    async with slack_world(tmp_path) as here:
        gate = here.slack.stall("reactions.add", times=3)
        mentioned = await here.ask()
        talked = await here.slack.say("ada", "general", "the search crashes")
        await here.slack.say("ada", "general", f"{here.slack.mention} fix that", thread=talked)
        pointed = await here.slack.say("ada", "general", "the player crashes")
        await here.slack.react("ada", "general", pointed, "honk")
        for ts in (mentioned, talked, pointed):
            await here.card(ts)
        asked_for = here.slack.calls_of("reactions.add")
        assert {call.arguments["name"] for call in asked_for} == {"eyes"}
        assert not any(call.ok for call in asked_for)
        gate.set()
        await here.slack.until(lambda: sum(call.ok for call in here.slack.calls_of("reactions.add")) == 3)


async def test_people_talking_to_each_other_get_no_reaction(tmp_path: Path) -> None:
    async with slack_world(tmp_path) as here:
        await here.slack.say("ada", "general", "lunch?")
        await here.slack.say("ada", "general", "<@U0BEN> lunch?")
        ts = await here.ask()
        await here.card(ts)
        assert {call.arguments["timestamp"] for call in here.slack.calls_of("reactions.add")} == {ts}


async def test_of_many_who_ask_at_once_all_get_a_card_and_nobody_a_reaction_that_is_late(tmp_path: Path) -> None:
    """Slack takes 50 reactions a minute: those that could not come soon are left out, and hold up nothing."""
    async with slack_world(tmp_path, limits=Limits()) as here:
        for number in range(12):
            here.slack.add_channel(f"team-{number}", members=["ada", "ben"])
        asked = []
        for number in range(36):
            channel = f"team-{number % 12}"
            asked.append((channel, await here.ask(f"fix the crash number {number}", channel=channel)))
        async with anyio.create_task_group() as group:
            for channel, ts in asked:
                group.start_soon(here.slack.until, partial(here.said, ts, channel), 40.0)
        reacted = [ts for channel, ts in asked if "eyes" in here.slack.reactions(channel, ts)]
        assert 20 <= len(reacted) < len(asked)
        assert all(call.ok for call in here.slack.calls_of("reactions.add"))
        assert all(call.at - float(call.arguments["timestamp"]) < 5 for call in here.slack.calls_of("reactions.add"))
