"""The home tab: what concerns one person, right when they open it and for some time after."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from slack_world import SlackWorld, slack_world

from honk.domain.budget import Budget
from honk.domain.task import State
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


async def home(here: SlackWorld, user: str, *words: str) -> str:
    """What the home tab shows, once it shows these words."""

    def shown() -> str:
        view = here.slack.home(user)
        blocks = str(view.blocks) if view else ""
        return blocks if blocks and all(one in blocks for one in words) else ""

    return await here.slack.until(shown)


async def test_my_tasks_what_waits_builds_money_and_settings_and_it_stays_right(here: SlackWorld) -> None:
    here.world.budget = Budget(day_usd=10.0)
    await here.slack.open_home("ada", "messages")
    await here.slack.open_home("ada")
    shown = await home(here, "ada", "Nothing yet", "of $10.00 are left for everybody today", "Quiet hours: none")
    assert "You can ask, but not merge" in shown and "http://honk/link/" in shown
    here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=anyio.Event())
    ts = await here.ask()
    await here.card(ts, "At work")
    await here.ask("friendlier", user="ben")
    await here.slack.open_home("ada")
    shown = await home(here, "ada", "At work", "fix the crash", "Stop", "Open the thread", "/archives/C0GENERAL/")
    assert "friendlier" not in shown and "Nothing yet" not in shown
    view = here.slack.home("ada")
    assert view is not None
    await here.slack.press("ada", view, "Stop")
    await here.card(ts, "Stopped")
    await home(here, "ada", "Over", "Stopped")
    until = here.world.agent.habits["fix the crash"].until
    assert until is not None
    until.set()
    await here.slack.press("ada", here.said(ts)[0].ts, "Retry")
    shown = await home(here, "ada", "Waits for you", "Merge…", "Builds", "http://honk/builds/")
    assert f"http://honk/tasks/{(await here.task()).id}" not in shown or "Details" in shown
    await here.slack.command("ada", "general", "/honk", "quiet 20:00-08:00")
    await home(here, "ada", "Quiet hours: 20:00-08:00")


async def test_who_does_not_look_costs_nothing_and_nothing_is_said_twice(here: SlackWorld) -> None:
    await here.link("cleo")
    await here.slack.open_home("cleo")
    await home(here, "cleo", "You are Cleo")
    await here.ask()
    await here.rests(State.PROPOSED)
    await here.slack.command("cleo", "general", "/honk", "quiet 21:00-07:00")
    await home(here, "cleo", "21:00-07:00")
    published = [call.arguments["user_id"] for call in here.slack.calls_of("views.publish")]
    assert published == ["U0CLEO", "U0CLEO"]


async def test_links_only_where_a_phone_reaches_them(here: SlackWorld) -> None:
    here.world.previews.obstacle = "only this machine can open Honk's pages"
    await here.card(await here.ask(), "Ready to merge")
    await here.rests(State.PROPOSED)
    await here.slack.open_home("ada")
    shown = await home(here, "ada", "Waits for you", "only this machine")
    assert "http://honk" not in shown and "Builds" not in shown and "Open the thread" in shown


async def test_a_guest_sees_that_it_is_not_for_them(here: SlackWorld) -> None:
    here.slack.add_user("gus", is_restricted=True)
    await here.slack.open_home("gus")
    shown = await home(here, "gus", "guests are not heard here")
    assert "/honk" not in shown
