"""Slack's limits: kept by counting, honoured where Slack says so, and never a reason to lose a word."""

from pathlib import Path

import anyio
import pytest
from slack_world import QUICK, SlackWorld, door_of, slack_world, text_of

from honk.domain.event import AgentCalledTool
from honk.doors.slack import Choices
from honk.testing.fake_slack import Limits
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio
BUILD = "is ready to try"


def too_many(here: SlackWorld) -> list[str]:
    """What Slack refused because it was too much."""
    return [one.method for one in here.slack.calls if one.status == 429]


async def at_work(here: SlackWorld) -> tuple[str, anyio.Event]:
    """A task whose agent is at work until the event is set."""
    ends = anyio.Event()
    here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=ends)
    ts = await here.ask()
    await here.card(ts, "At work")
    await here.world.agent.busy.wait()
    return ts, ends


async def test_three_hundred_events_are_a_handful_of_changes(tmp_path: Path) -> None:
    async with slack_world(tmp_path, limits=Limits()) as here:
        ts, ends = await at_work(here)
        task = await here.task()
        for number in range(300):
            used = AgentCalledTool(call=str(number), tool="Read", summary=f"read file {number}")
            await here.world.app.ports.events.record(task.id, task.turn, used)
        ends.set()
        await here.card(ts, "Ready to merge")
        await here.message(ts, "Before and after")
        assert len(await here.world.log(task)) > 300
        assert 1 <= len(here.slack.calls_of("chat.update")) <= 10, len(here.slack.calls_of("chat.update"))
        assert not too_many(here)


@pytest.mark.seconds(60)
@pytest.mark.parametrize("many", [4, pytest.param(20, marks=pytest.mark.slow)])
async def test_many_tasks_at_once_end_with_right_cards_and_every_message(tmp_path: Path, many: int) -> None:
    async with slack_world(tmp_path, limits=Limits(channel_seconds=0.02)) as here:
        slack = here.slack
        for number in range(many):
            slack.add_channel(f"team-{number}", members=["ada"])
        asked = {f"team-{number}": await here.ask(channel=f"team-{number}") for number in range(many)}
        ready = lambda: [c for c, ts in asked.items() if any(BUILD in text_of(one) for one in here.said(ts, c))]  # noqa: E731
        await slack.until(lambda: len(ready()) == many, seconds=50)
        for channel, ts in asked.items():
            await slack.until(lambda c=channel, t=ts: "Ready to merge" in text_of(here.said(t, c)[0]), seconds=50)  # type: ignore[misc]
            said = [text_of(one) for one in here.said(ts, channel)]
            assert len([one for one in said if BUILD in one]) == 1, "each is told once"
        assert len(await here.world.store.tasks.list()) == many
        assert len(too_many(here)) <= 2, too_many(here)
        assert len(slack.calls_of("chat.update")) <= many * 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    ["chat.postMessage", "chat.update", "reactions.add", "users.info", "files.getUploadURLExternal"],
)
async def test_a_pause_that_slack_wants_is_made(tmp_path: Path, method: str) -> None:
    async with slack_world(tmp_path) as here:
        here.slack.rate_limit(method, 1)
        ts = await here.ask()
        await here.card(ts, "Ready to merge")
        await here.message(ts, BUILD)
        await here.slack.until(lambda: here.slack.reactions("general", ts).get("eyes"))
        if method.startswith("files."):
            await here.slack.until(lambda: len(here.slack.calls_of(method)) >= 1)
        refused = [one for one in here.slack.calls_of(method) if one.status == 429]
        later = [one for one in here.slack.calls_of(method) if one.status != 429]
        assert len(refused) == 1
        assert all(one.at - refused[0].at >= 0.9 for one in later if one.at > refused[0].at)
        assert len([one for one in here.said(ts) if BUILD in text_of(one)]) == 1


async def test_a_pause_while_something_is_looked_for_or_opened(tmp_path: Path) -> None:
    async with slack_world(tmp_path) as here:
        slack = here.slack
        slack.rate_limit("conversations.replies", 1)
        slack.drop("chat.postMessage", stored=True)
        ts = await here.ask()
        await here.card(ts, "Ready to merge")
        build = await here.message(ts, BUILD)
        assert len([one for one in here.said(ts) if "for ada" in text_of(one)]) == 1, "the card in doubt was found"
        slack.rate_limit("views.open", 1)
        await slack.press("ada", build.ts, "Review")
        assert not slack.views("ada"), "a trigger does not last that long: whoever presses is told by Slack"
        await slack.press("ada", build.ts, "Review")
        await slack.until(lambda: slack.views("ada"))


@pytest.mark.slow
async def test_a_channel_that_is_full_keeps_no_other_waiting(tmp_path: Path) -> None:
    async with slack_world(tmp_path, opened=False) as here:
        slack = here.slack
        slack.add_channel("quiet", members=["ada"])
        async with door_of(here, Choices(), QUICK).opened():
            await slack.until(lambda: slack.connections)
            slack.rate_limit("chat.postMessage", 3)
            first = await here.ask()
            await slack.until(lambda: too_many(here))
            other = await here.ask(channel="quiet")
            await here.card(other, "Ready to merge", channel="quiet")
            assert not here.said(first)
            await here.card(first, "Ready to merge")
