"""Whatever Slack delivers ten times, and in whatever order, is done once."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from slack_world import SlackWorld, slack_world, text_of

from honk.domain import event as events
from honk.domain.task import State
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


async def everything_again(here: SlackWorld, times: int = 10) -> None:
    """Slack delivers all that it ever delivered so many times more, the latest first, and is answered."""
    deliveries = here.slack.deliveries
    for one in reversed(list(deliveries.all)):
        deliveries.again(one, times=times)
    await acknowledged(here)


async def acknowledged(here: SlackWorld) -> None:
    """Nothing that was delivered waits for its acknowledgement."""
    await anyio.lowlevel.checkpoint()
    links = here.slack.deliveries.links
    await here.slack.until(lambda: not any(link.waiting for link in links))


async def test_a_mention_its_edit_and_its_reactions_ten_times(here: SlackWorld) -> None:
    slack = here.slack
    ts = await here.ask("fix the crash")
    await here.card(ts, "Ready to merge")
    before = slack.mention + " fix the crash"
    await slack.react("ben", "general", ts, "honk")
    await slack.edit("ada", "general", ts, before + ", please")
    await everything_again(here)
    other = await here.ask("fix the crash", user="ben")
    await here.card(other, "Ready to merge")
    assert len(await here.world.store.tasks.list()) == 2
    said = [text_of(one) for one in here.said(ts)]
    assert len(said) == 3 and "is ready to try" in said[1], "a card, an announcement and its pictures"
    assert slack.reactions("general", ts)["eyes"] == [slack.app.user]


async def test_commands_presses_and_modals_ten_times(here: SlackWorld) -> None:
    slack, world = here.slack, here.world
    await here.link("ada")
    await slack.command("ada", "general", "/honk", "fix the crash")
    await here.rests()
    thread = await world.store.chats.threads.of((await here.task()).id, "slack")
    assert thread is not None
    root = thread.place.root
    card = await here.message(root, "Ready to merge")
    await everything_again(here)
    assert len(await world.store.tasks.list()) == 1
    build = await here.message(root, "is ready to try")
    await slack.press("ada", build.ts, "Merge…")
    await slack.until(lambda: any("asked by" in str(one.blocks) for one in slack.views("ada")))
    await slack.submit("ada")
    await here.message(root, "Deployed to production")
    await everything_again(here)
    log = await world.log(await here.task())
    assert len([one for one in log if isinstance(one.data, events.MergeDone)]) == 1
    assert len([one for one in log if isinstance(one.data, events.DeploymentFinished)]) == 1
    assert len([one for one in here.said(root) if "Merged into main" in text_of(one)]) == 1
    assert [one.ts for one in here.said(root) if "fix the crash" in text_of(one)] == [root, card.ts]


async def test_a_press_that_stops_and_replies_ten_times(here: SlackWorld) -> None:
    slack, world = here.slack, here.world
    world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, endless=True)
    ts = await here.ask("fix the crash")
    await world.agent.busy.wait()
    card = await here.card(ts, "At work")
    await slack.say("ada", "general", f"{slack.mention} make it friendlier", thread=ts)
    await slack.press("ada", card.ts, "Stop")
    await here.rests(State.STOPPED)
    await everything_again(here)
    world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"})
    await slack.say("ada", "general", f"{slack.mention} bump it", thread=ts)
    await here.card(ts, "Ready to merge")
    task = await here.task()
    received = [one.data.message for one in await world.log(task) if isinstance(one.data, events.MessageReceived)]
    assert len(received) == len(set(received)) == 2
    assert len(await world.store.tasks.list()) == 1


async def test_a_deletion_and_an_edit_before_their_messages(here: SlackWorld) -> None:
    slack = here.slack
    slack.deliveries.hold()
    gone = await here.ask("fix the crash")
    await slack.delete("ada", "general", gone)
    changed = await here.ask("fix nothing at all")
    await slack.edit("ada", "general", changed, f"{slack.mention} fix the crash")
    slack.deliveries.release(reversed)
    await here.card(changed, "Ready to merge")
    await everything_again(here, times=2)
    tasks = await here.world.store.tasks.list()
    assert [task.instruction for task in tasks] == ["fix the crash"]
    assert here.said(gone) == []


async def test_an_edit_that_comes_too_late_is_refused_once(here: SlackWorld) -> None:
    slack, world = here.slack, here.world
    ends = anyio.Event()
    world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=ends)
    ts = await here.ask("fix the crash")
    await world.agent.busy.wait()
    said = await slack.say("ada", "general", f"{slack.mention} make it friendlier", thread=ts)
    await slack.until(lambda: "eyes" in slack.reactions("general", said))
    await slack.edit("ada", "general", said, f"{slack.mention} bump it")
    await slack.until(lambda: slack.ephemeral("ada"))
    await everything_again(here)
    ends.set()
    await here.card(ts, "Ready to merge")
    assert len(slack.ephemeral("ada")) == 1
    heard = [words for told in world.agent.memory.values() for words in told]
    assert len([words for words in heard if "friendlier" in words]) == 1


async def test_of_what_people_say_to_each_other_no_word_is_kept(here: SlackWorld) -> None:
    slack, deliveries = here.slack, here.world.store.chats.deliveries
    talk = await slack.say("ben", "general", "I do not like the new boss")
    await slack.edit("ben", "general", talk, "I like the new boss")
    ts = await here.ask("fix the crash")
    await here.card(ts, "Ready to merge")
    await slack.say("ben", "general", "who broke it?", thread=ts)
    await slack.command("ada", "general", "/honk", "status")
    await slack.until(lambda: slack.ephemeral("ada"))

    async def words() -> list[str]:
        lanes = [(f"C0GENERAL/{talk}", "message"), (f"C0GENERAL/{talk}", "edited"), (f"C0GENERAL/{ts}", "message")]
        return [one.body for lane in lanes for one in await deliveries.in_lane(*lane)]

    while any(await words()):
        await anyio.sleep(0.01)
    assert len(await words()) == 4
    await everything_again(here, times=2)
    assert len(await here.world.store.tasks.list()) == 1
