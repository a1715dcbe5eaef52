"""The home tab: what concerns one person, right when they open it and for some time after."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from slack_world import SlackWorld, slack_world

from honk.domain.budget import Budget
from honk.domain.message import MessageId
from honk.domain.policy import Confirmation
from honk.domain.task import State, TaskId
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


async def test_what_is_mine_is_there_however_many_tasks_others_have(here: SlackWorld) -> None:
    ts = await here.ask()
    await here.card(ts, "Ready to merge")
    first, ben = await here.rests(State.PROPOSED), await here.world.person("Ben")
    turn = await here.world.store.tasks.turn(first.id, 1)
    for number in range(120):
        id, message = TaskId(f"other-{number}"), replace(turn.message, id=MessageId(f"m{number}"), by=ben.id)
        task = replace(first, id=id, requested_by=ben.id, created_at=first.created_at + timedelta(seconds=number))
        await here.world.store.tasks.add(task, replace(turn, task=id, message=message))
    await here.slack.open_home("ada")
    shown = await home(here, "ada", "Waits for you", "fix the crash", "Merge…")
    assert "other-" not in shown and "Nothing yet" not in shown
    await here.slack.command("ada", "general", "/honk", "status")
    [told] = await here.slack.until(lambda: here.slack.ephemeral("ada"))
    assert "1 task" in told.text


async def test_what_only_i_can_approve_waits_for_me_and_not_for_who_asked(here: SlackWorld) -> None:
    here.world.policy.asks = Confirmation.SECOND
    await here.link("ben")
    await here.card(await here.ask(), "Ready to merge")
    await here.rests(State.PROPOSED)
    await here.slack.open_home("ada")
    assert "Waits for your approval" not in await home(here, "ada", "Waits for you")
    await here.slack.open_home("ben")
    shown = await home(here, "ben", "Waits for your approval", "fix the crash", "Review")
    assert "Merge…" not in shown
    view = here.slack.home("ben")
    assert view is not None
    await here.slack.press("ben", view, "Review")
    await here.slack.until(lambda: here.slack.views("ben") and "Approve" in str(here.slack.views("ben")[-1].content))
    await here.slack.submit("ben")
    await here.slack.open_home("ben")
    await here.slack.until(lambda: "Waits for your approval" not in str((here.slack.home("ben") or view).blocks))


async def test_an_address_that_is_another_one_every_second_makes_no_call(here: SlackWorld) -> None:
    await here.slack.open_home("cleo")
    await home(here, "cleo", "/link/")
    here.world.clock.now += timedelta(seconds=5)  # type: ignore[attr-defined]
    ts = await here.ask()
    await here.card(ts, "Ready to merge")
    await here.rests(State.PROPOSED)
    await here.slack.command("cleo", "general", "/honk", "quiet 21:00-07:00")
    await home(here, "cleo", "21:00-07:00", "/link/")
    assert len(here.slack.calls_of("views.publish")) == 2


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
