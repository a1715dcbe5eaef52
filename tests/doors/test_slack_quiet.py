"""Quiet hours and mute: what can wait is said in the morning, once; the card is right all the time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from slack_world import SlackWorld, labels, slack_world, text_of

from honk.domain.task import State
from honk.doors.slack import Choices
from honk.doors.slack.quiet import hours_of, seconds_left
from honk.errors import Usage
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio
NIGHT = Choices(quiet_hours="20:00-08:00")
FIXES = Edit(files={APP: b"fixed"})
BUILD = "is ready to try"


def at(here: SlackWorld, hour: int, minute: int = 0, *, day: int = 23) -> None:
    """It is that time in Greenwich; Ada's clock is an hour ahead."""
    here.world.clock.now = datetime(2026, 11, day, hour, minute, tzinfo=UTC)  # type: ignore[attr-defined]
    here.world.clock.step = timedelta(milliseconds=1)  # type: ignore[attr-defined]


async def at_work(
    here: SlackWorld, user: str = "ada", words: str = "fix the crash", edit: Edit = FIXES
) -> tuple[str, anyio.Event]:
    """A task whose agent is at work until the event is set."""
    ends, here.world.agent.busy = anyio.Event(), anyio.Event()
    here.world.agent.habits[words] = replace(edit, until=ends)
    ts = await here.ask(words, user=user)
    await here.card(ts, "At work")
    await here.world.agent.busy.wait()
    return ts, ends


def news(here: SlackWorld, ts: str) -> list[str]:
    """What was said besides the card."""
    return [text_of(one) for one in here.said(ts)[1:]]


async def held_back(here: SlackWorld, ts: str, words: str = "Ready to merge") -> None:
    """The card says it, the place was looked at for it, and nothing else was said."""
    await here.card(ts, words)
    task = await here.task()
    while True:
        thread = await here.world.store.chats.threads.of(task.id, "slack")
        assert thread is not None
        log = await here.world.log(task)
        if thread.told and thread.told < log[-1].seq and words in (here.said(ts)[0].text + text_of(here.said(ts)[0])):
            break
        await anyio.sleep(0.01)
    assert not news(here, ts), "nothing is said at night"


async def test_the_night_of_whoever_asked_ends_with_everything_that_was_held_back(tmp_path: Path) -> None:
    async with slack_world(tmp_path, choices=NIGHT) as here:
        at(here, 18, 30)
        ts, ends = await at_work(here)
        at(here, 22)
        ends.set()
        await here.rests()
        await held_back(here, ts)
        at(here, 6, 59, day=24)
        other = await here.ask(user="ben")  # meanwhile others are told: they are awake
        await here.message(other, BUILD)
        assert not news(here, ts), "it is a minute to eight where Ada is"
        at(here, 7, day=24)
        await here.message(ts, BUILD)
        await here.message(ts, "Before and after")
        assert len([one for one in news(here, ts) if BUILD in one]) == 1


async def test_whoever_asked_and_is_awake_is_told_at_once_and_others_awake_do_not_wake_them(tmp_path: Path) -> None:
    async with slack_world(tmp_path, choices=NIGHT) as here:
        at(here, 21)
        ts, ends = await at_work(here)
        at(here, 21, 40)
        await here.slack.say("ben", "general", f"{here.slack.mention} friendlier", thread=ts)
        await here.slack.until(
            lambda: any("friendlier" in one for told in here.world.agent.memory.values() for one in told)
        )
        ends.set()
        await here.rests()
        await held_back(here, ts)
        await here.slack.say("ada", "general", f"{here.slack.mention} bump it", thread=ts)
        await here.slack.until(lambda: len([one for one in news(here, ts) if BUILD in one]) == 2)


async def test_somebody_who_was_linked_meanwhile_is_still_who_asked(tmp_path: Path) -> None:
    async with slack_world(tmp_path, choices=NIGHT) as here:
        at(here, 21)
        ts, ends = await at_work(here)
        await here.link("ada", "Lovelace")
        at(here, 21, 40)
        await here.slack.say("ada", "general", f"{here.slack.mention} bump it", thread=ts)
        await here.slack.until(lambda: any("bump" in one for told in here.world.agent.memory.values() for one in told))
        ends.set()
        await here.message(ts, BUILD)


@pytest.mark.slow
async def test_each_has_hours_of_their_own_in_their_own_time(tmp_path: Path) -> None:
    async with slack_world(tmp_path, choices=NIGHT) as here:
        slack = here.slack
        slack.space.user("ben").tz_offset = -8 * 3600
        slack.space.user("cleo").tz_offset = 19_800
        await slack.command("cleo", "general", "/honk", "quiet off")
        await slack.command("ada", "general", "/honk", "quiet 12:00-13:30")
        await slack.until(lambda: slack.ephemeral("ada") and slack.ephemeral("cleo"))
        assert "12:00-13:30" in slack.ephemeral("ada")[-1].text.replace("\u2060", "")
        at(here, 20)
        ts = {}
        for user in ("ada", "ben", "cleo"):
            ts[user], ends = await at_work(here, user, f"mend it for {user}")
            at(here, 20 + len(ts))
            ends.set()
            await here.rests()
            await here.message(ts[user], BUILD)  # at night in Zurich, at noon in Oregon, with no hours in Delhi
        at(here, 11, 15, day=24)
        night, ends = await at_work(here, "ada", "mend it at noon")
        at(here, 11, 50, day=24)
        ends.set()
        await held_back(here, night)
        await slack.command("ada", "general", "/honk", "quiet off")
        await here.message(night, BUILD)


async def test_a_question_waits_too(tmp_path: Path) -> None:
    async with slack_world(tmp_path, choices=NIGHT) as here:
        at(here, 21)
        ts, ends = await at_work(here, edit=Edit(asks=("Blue or red?", "Blue", "Red")))
        at(here, 22)
        ends.set()
        await here.rests(State.WAITING)
        await held_back(here, ts, "Waits for a person")
        at(here, 7, 1, day=24)
        assert labels(await here.message(ts, "Blue or red?")) == ["Blue", "Red", "Answer…"]


async def test_who_mutes_sees_the_card_and_who_unmutes_no_old_news(tmp_path: Path) -> None:
    async with slack_world(tmp_path) as here:
        slack = here.slack
        ts, ends = await at_work(here)
        await slack.choose("ada", here.said(ts)[0].ts, "honk:menu", f"mute:{(await here.task()).id}")
        await here.card(ts, "Unmute")
        ends.set()
        await here.card(ts, "Ready to merge")
        await here.rests(State.PROPOSED)
        await slack.choose("ada", here.said(ts)[0].ts, "honk:menu", f"unmute:{(await here.task()).id}")
        await slack.until(lambda: "Unmute" not in text_of(here.said(ts)[0]))
        assert not news(here, ts), labels(here.said(ts)[0])
        await slack.say("ada", "general", f"{slack.mention} friendlier", thread=ts)
        await here.message(ts, BUILD)
        assert len([one for one in news(here, ts) if BUILD in one]) == 1


def minutes(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 23, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "now", "east", "left"),
    [
        ("20:00-08:00", minutes(19, 59), 0, 0),
        ("20:00-08:00", minutes(20), 0, 12 * 3600),
        ("20:00-08:00", minutes(7, 59), 0, 60),
        ("20:00-08:00", minutes(8), 0, 0),
        ("20:00-08:00", minutes(23), 3600, 8 * 3600),
        ("20:00-08:00", minutes(4), -8 * 3600, 12 * 3600),
        ("20:00–08:00", minutes(15), 19_800, 12 * 3600 - 1800),
        ("12:00 - 13:30", minutes(13), 0, 1800),
        ("12:00-13:30", minutes(13, 30), 0, 0),
        ("00:00-23:59", minutes(0), 0, 23 * 3600 + 59 * 60),
        ("8:00-8:00", minutes(8), 0, 0),
        ("off", minutes(3), 0, 0),
        ("", minutes(3), 0, 0),
    ],
)
async def test_how_long_it_is_until_the_morning(text: str, now: datetime, east: int, left: float) -> None:
    assert seconds_left(text, now, east) == left


@pytest.mark.parametrize("text", ["8-9", "24:00-08:00", "20:60-08:00", "at night", "20:00", "20:00-08:00 20:00-08:00"])
async def test_what_are_no_hours_is_said(text: str) -> None:
    with pytest.raises(Usage):
        hours_of(text)
