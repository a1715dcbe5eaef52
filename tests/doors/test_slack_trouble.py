"""Places that are gone, tokens that are refused, and a Slack that is in trouble: nothing is lost, nobody is flooded."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import anyio
import pytest
from slack_world import SlackWorld, door_of, slack_world, text_of

from honk.domain.task import State
from honk.doors.slack import Choices
from honk.errors import StoreUnavailable
from honk.testing.fake_slack import Message
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


async def note(here: SlackWorld, *, there: bool = True) -> Mapping[str, str]:
    """What `honk doctor` reads of the door, once there is trouble, or none."""
    while bool((found := await here.world.store.chats.preferences.read("slack/door")).get("trouble")) is not there:
        await anyio.sleep(0.01)
    return found


async def at_work(here: SlackWorld, **more: str) -> tuple[str, anyio.Event]:
    """A task whose agent is at work until the event is set."""
    ends = anyio.Event()
    here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=ends)
    ts = await here.ask(**more)
    await here.card(ts, "At work", channel=more.get("channel", "general"))
    await here.world.agent.busy.wait()
    return ts, ends


def alone(here: SlackWorld, user: str = "ada") -> list[Message]:
    """What Honk says to that person alone."""
    said = here.slack.messages(here.slack.dm(user))
    return [one for one in said if one.user == here.slack.app.user]


async def test_a_token_that_is_revoked_and_works_again(here: SlackWorld) -> None:
    slack = here.slack
    ts, ends = await at_work(here)
    slack.revoke()
    assert "token" in (await note(here))["trouble"]
    before = len(slack.calls)
    ends.set()
    await here.rests()
    await slack.until(lambda: len(slack.calls) >= before + 3)
    assert {one.method for one in slack.calls[before:]} == {"auth.test"}, "nothing else is tried meanwhile"
    slack.app.revoked.clear()
    await here.card(ts, "Ready to merge")
    await here.message(ts, "is ready to try")
    await note(here, there=False)


async def test_somebody_elses_token_is_no_trouble(here: SlackWorld) -> None:
    slack = here.slack
    tokens = {"oauth": [slack.space.user("ada").id], "bot": []}
    slack.world.events.emit({"type": "tokens_revoked", "tokens": tokens, "event_ts": slack.space.ts()})
    await here.card(await here.ask(), "Ready to merge")
    assert not (await here.world.store.chats.preferences.read("slack/door")).get("trouble")


async def test_an_app_that_is_removed_and_installed_again(here: SlackWorld) -> None:
    here.slack.uninstall()
    await note(here)
    here.slack.app.installed = True
    await note(here, there=False)
    await here.card(await here.ask(), "Ready to merge")


async def test_an_archived_channel_is_told_afterwards_what_it_missed(here: SlackWorld) -> None:
    slack = here.slack
    slack.add_channel("music", members=["ada", "ben"])
    ts, ends = await at_work(here, channel="music")
    await slack.archive("ben", "music")
    (told,) = await slack.until(lambda: alone(here))
    assert "archived" in text_of(told) and "http://honk/tasks/" in str(told.blocks)
    ends.set()
    task = await here.rests()
    thread = await here.world.store.chats.threads.of(task.id, "slack")
    assert thread is not None and thread.broken
    await here.card(await here.ask(user="ben"), "Ready to merge")
    await slack.unarchive("ben", "music")
    await here.card(ts, "Ready to merge", channel="music")
    await here.message(ts, "is ready to try", channel="music")
    await slack.archive("ben", "music")
    await here.card(await here.ask(user="ben"), "Ready to merge")
    assert len(alone(here)) == 1, "it is said once"


@pytest.mark.parametrize("way", ["removed", "deleted", "root"])
async def test_a_thread_that_is_gone_is_told_to_whoever_asked(here: SlackWorld, way: str) -> None:
    slack = here.slack
    slack.add_channel("music", members=["ada", "ben"])
    _, ends = await at_work(here, channel="music")
    if way == "removed":
        await slack.remove("ben", "music")
    elif way == "deleted":
        await slack.delete_channel("ben", "music")
    else:
        slack.fail("chat.postMessage", "thread_not_found")
    ends.set()
    await here.rests()
    (told,) = await slack.until(lambda: alone(here))
    assert "fix the crash" in text_of(told) and "http://honk/tasks/" in str(told.blocks)
    await here.card(await here.ask(user="ben"), "Ready to merge")
    assert len(alone(here)) == 1 and not alone(here, "ben")


async def test_a_card_that_somebody_deleted_is_put_up_anew(here: SlackWorld) -> None:
    ts, ends = await at_work(here)
    first = await here.card(ts)
    here.slack.world.remove(first)
    ends.set()
    await here.slack.until(lambda: [one for one in here.said(ts) if "Ready to merge" in text_of(one)])
    await here.message(ts, "Before and after")
    assert len([one for one in here.said(ts) if "for ada" in text_of(one)]) == 1


async def test_a_slack_that_is_down_for_a_while(here: SlackWorld) -> None:
    slack = here.slack
    slack.break_down("*", times=4)
    slack.drop("*", times=3)
    ts = await here.ask()
    await here.card(ts, "Ready to merge")
    slack.drop("chat.update", times=2, stored=True)
    slack.break_down("reactions.add", times=3)
    other = await here.ask(user="ben")
    await here.card(other, "Ready to merge")
    await here.message(other, "is ready to try")
    assert len(await here.world.store.tasks.list()) == 2


async def test_a_message_in_doubt_is_looked_for_before_it_is_sent_again(here: SlackWorld) -> None:
    slack = here.slack
    slack.drop("chat.postMessage", times=1, stored=True)
    ts = await here.ask()
    await here.card(ts)
    slack.drop("chat.postMessage", times=1, stored=True)
    await here.message(ts, "Before and after")
    await here.card(ts, "Ready to merge")
    assert len([one for one in here.said(ts) if "for ada" in text_of(one)]) == 1
    assert len([one for one in here.said(ts) if "is ready to try" in text_of(one)]) == 1
    assert slack.calls_of("conversations.replies")


async def test_a_place_that_refuses_does_not_stop_others(here: SlackWorld) -> None:
    slack = here.slack
    slack.fail("chat.postMessage", "some_new_error", times=2)
    ts = await here.ask()
    other = await here.ask(user="ben")
    await here.card(other, "Ready to merge")
    await here.card(ts, "Ready to merge")


async def test_a_server_that_was_down_goes_on_with_what_was_kept(tmp_path: Path) -> None:
    async with slack_world(tmp_path, opened=False) as here:
        slack = here.slack
        slack.break_down("auth.test", times=3)
        ts = await here.ask()
        async with here.door.opened():
            assert "500" in (await note(here))["trouble"]
            await note(here, there=False)
            await here.card(ts, "Ready to merge")
        assert not slack.connections
        again = await here.ask(user="ben")
        async with door_of(here, Choices()).opened():
            await here.card(again, "Ready to merge")


async def test_a_defect_is_tried_again_and_then_said(here: SlackWorld) -> None:
    class Broken(Exception):
        """Nobody knows it."""

    here.world.troubles["tasks.add"] = [Broken() for _ in range(20)]
    ts = await here.ask()
    await here.slack.until(lambda: here.slack.ephemeral("ada"), seconds=20)
    assert "defect of Honk" in here.slack.ephemeral("ada")[-1].text
    assert 3 < 20 - len(here.world.troubles["tasks.add"]) < 10
    here.world.troubles["tasks.add"] = []
    assert not here.said(ts)
    await here.card(await here.ask(), "Ready to merge")


async def test_a_store_in_trouble_ends_nothing(here: SlackWorld) -> None:
    here.world.troubles["events.read"] = [RuntimeError("broken"), StoreUnavailable("down")]
    here.world.troubles["tasks.get"] = [StoreUnavailable("down") for _ in range(3)]
    ts = await here.ask()
    await here.card(ts, "Ready to merge")
    assert (await here.task()).state is State.PROPOSED
