"""What opens over a thread: a form that begins with what was said, and refusals for who has no terminal."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_world import SlackWorld, slack_world

from honk.testing.fake_slack import View

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


async def modal(here: SlackWorld, user: str, words: str) -> View:
    """The modal in front of somebody, once it says this."""
    return await here.slack.until(
        lambda: next((one for one in here.slack.views(user)[-1:] if words in str(one.content)), None)
    )


async def test_what_is_refused_names_no_command_of_a_terminal(here: SlackWorld) -> None:
    await here.link("ada")
    ts = await here.ask()
    build = await here.built(ts)
    await here.slack.press("ada", build.ts, "Merge…")
    await modal(here, "ada", "asked by")
    await here.slack.say("ben", "general", f"{here.slack.mention} bump it", thread=ts)
    await here.slack.until(lambda: len([one for one in here.said(ts) if "is ready to try" in str(one.blocks)]) == 2)
    await here.slack.submit("ada")
    view = await modal(here, "ada", "The branch moved since")
    assert "Look at it again." in str(view.content) and "honk diff" not in str(view.content)
    await here.slack.press("ben", build.ts, "Merge…")
    view = await modal(here, "ben", "/honk link")
    assert "Link yourself once" in str(view.content)


async def test_the_shortcut_on_a_monitors_message_begins_with_what_its_blocks_say(here: SlackWorld) -> None:
    here.slack.add_user("monitor", is_bot=True)
    here.slack.space.channel("general").members.append("U0MONITOR")
    said = [{"type": "section", "text": {"type": "mrkdwn", "text": "ZeroDivisionError in <#C1|player>"}}]
    ts = await here.slack.say("monitor", "general", "", blocks=said)
    await here.slack.shortcut("ada", "ask_honk", ts)
    view = await modal(here, "ada", "ZeroDivisionError in #player")
    [words] = [one for _, one in view.elements() if one["type"] == "plain_text_input"]
    assert words["initial_value"] == "ZeroDivisionError in #player"
