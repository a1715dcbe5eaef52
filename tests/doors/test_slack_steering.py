"""Steering from Slack: what is said while the agent works, what is left alone, and the buttons of the card."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from slack_world import SlackWorld, labels, slack_world, text_of

from honk.domain.task import State
from honk.testing.fake_work import APP, Edit, FakeAgent

pytestmark = pytest.mark.anyio
QUEUED, SEEN = "hourglass_flowing_sand", "eyes"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


async def at_work(here: SlackWorld, *, hears: bool = True) -> tuple[str, anyio.Event]:
    """A thread whose agent is at work until the event is set; it hears what is said only where it is to."""
    until = anyio.Event()
    here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=until)
    if not hears:
        here.world.agent.step = anyio.Event()
    ts = await here.ask()
    await here.world.agent.busy.wait()
    await here.card(ts, "At work")
    return ts, until


async def reply(here: SlackWorld, ts: str, words: str, *, user: str = "ada", named: bool = True) -> str:
    return await here.slack.say(user, "general", f"{here.slack.mention} {words}" if named else words, thread=ts)


async def marked(here: SlackWorld, ts: str, *names: str) -> None:
    await here.slack.until(lambda: set(here.slack.reactions("general", ts)) == set(names))


def heard(here: SlackWorld) -> str:
    """Everything that the agent was told."""
    return "\n".join(words for told in here.world.agent.memory.values() for words in told)


async def test_replies_are_queued_then_seen_and_count_and_afterwards_begin_a_turn(here: SlackWorld) -> None:
    ts, until = await at_work(here, hears=False)
    first = await reply(here, ts, "friendlier", user="ben")
    await marked(here, first, QUEUED)
    here.world.agent.step.set()  # type: ignore[union-attr]
    await marked(here, first, SEEN)
    second = await reply(here, ts, "bump it")
    await marked(here, second, SEEN)
    until.set()
    await here.card(ts, "Ready to merge")
    task = await here.rests(State.PROPOSED)
    assert (task.turn, here.world.file(task.branch)) == (1, b"fixed, bumped")
    before = await here.world.pull_request(task)
    third = await reply(here, ts, "friendlier again", user="cleo")
    await marked(here, third, SEEN)
    await here.slack.until(lambda: len([one for one in here.said(ts) if "is ready to try" in text_of(one)]) == 2)
    task = await here.rests(State.PROPOSED)
    assert task.turn == 2 and (await here.world.pull_request(task)).number == before.number
    assert len(here.slack.calls_of("reactions.add")) == 5


async def test_now_interrupts_and_so_does_the_button(here: SlackWorld) -> None:
    ts, _ = await at_work(here, hears=False)
    card = await here.card(ts)
    await here.slack.press("ben", card.ts, "Interrupt…")
    await here.slack.until(lambda: here.slack.views("ben"))
    await here.slack.submit("ben", {"words": "friendlier"})
    await here.card(ts, "Ready to merge")
    task = await here.rests(State.PROPOSED)
    assert (task.turn, here.world.file(task.branch)) == (1, b"fixed, friendly")

    here.world.agent.busy, here.world.agent.step = anyio.Event(), anyio.Event()
    here.world.agent.habits["longer"] = Edit(until=anyio.Event())
    await reply(here, ts, "longer")
    await here.world.agent.busy.wait()
    now = await reply(here, ts, "now: bump it")
    await marked(here, now, SEEN)
    task = await here.rests(State.PROPOSED)
    assert (task.turn, here.world.file(task.branch)) == (2, b"fixed, bumped")
    assert "now:" not in heard(here)


async def test_a_queued_message_is_changed_and_taken_back_until_the_agent_has_it(here: SlackWorld) -> None:
    here.world.agent.steers = False  # what is said waits for the next turn
    ts, until = await at_work(here)
    changed = await reply(here, ts, "crash it")
    await marked(here, changed, QUEUED)
    gone = await reply(here, ts, "delete everything")
    await marked(here, gone, QUEUED)
    added = await reply(here, ts, "bump it", named=False)
    await here.slack.edit("ada", "general", changed, f"{here.slack.mention} friendlier")
    await here.slack.delete("ada", "general", gone)
    await here.slack.edit("ada", "general", added, f"bump it {here.slack.mention}")
    await marked(here, added, QUEUED)
    until.set()
    await here.slack.until(lambda: SEEN in here.slack.reactions("general", added))
    task = await here.rests(State.PROPOSED)
    assert here.world.file(task.branch) == b"fixed, bumped"
    assert "friendlier" in heard(here) and "crash it" not in heard(here) and "delete" not in heard(here)
    await here.slack.edit("ada", "general", changed, f"{here.slack.mention} friendlier, quickly")
    [told] = await here.slack.until(lambda: here.slack.ephemeral("ada"))
    assert told.text.startswith("The agent has that message already.") and told.thread_ts == ts
    assert not here.slack.ephemeral("ben")


async def test_people_who_talk_to_each_other_are_left_alone_until_every_reply_counts(here: SlackWorld) -> None:
    ts, until = await at_work(here)
    await reply(here, ts, "shall we crash it?", user="ben", named=False)
    await reply(here, ts, "<@U0BEN> friendlier?", named=False)
    await marked(here, await reply(here, ts, "bump it"), SEEN)
    card = here.said(ts)[0]
    await here.slack.choose("ada", card.ts, "honk:menu", "Hear every reply")
    await here.slack.until(lambda: "Hear only what names me" in text_of(card))
    await marked(here, await reply(here, ts, "bump it more", user="ben", named=False), SEEN)
    await here.slack.choose("ada", card.ts, "honk:menu", "Hear only what names me")
    await here.slack.until(lambda: "Hear every reply" in text_of(card))
    await reply(here, ts, "friendlier", user="ben", named=False)
    await marked(here, await reply(here, ts, "bump it most"), SEEN)
    until.set()
    await here.rests(State.PROPOSED)
    assert heard(here).count("bump") == 3 and "friendlier" not in heard(here) and "crash it" not in heard(here)


async def test_stop_as_a_button_and_as_a_word_within_two_seconds_and_retry(here: SlackWorld) -> None:
    ts, until = await at_work(here)
    card = await here.card(ts)
    with anyio.fail_after(2):
        await here.slack.press("ben", card.ts, "Stop")
        await here.card(ts, "Stopped")
    assert "Retry" in labels(card) and "Stop" not in labels(card)
    here.world.agent.busy = anyio.Event()
    await here.slack.press("ada", card.ts, "Retry")
    await here.world.agent.busy.wait()
    await here.card(ts, "At work")
    with anyio.fail_after(2):
        await reply(here, ts, "Stop!")
        await here.card(ts, "Stopped")
    here.world.agent.busy = anyio.Event()
    await reply(here, ts, "fix the crash")
    await here.world.agent.busy.wait()
    until.set()
    await here.card(ts, "Ready to merge")


async def test_handed_over_muted_and_taken_along_as_a_branch(here: SlackWorld) -> None:
    other = FakeAgent(dict(here.world.agent.habits))
    here.world.agents["command"] = other
    ts, until = await at_work(here)
    card = here.said(ts)[0]
    await here.slack.choose("ada", card.ts, "honk:menu", "Mute")
    await here.slack.until(lambda: "Unmute" in text_of(card))
    until.set()
    await here.card(ts, "Ready to merge")
    assert len(here.said(ts)) == 1, "nothing but the card"
    await here.slack.choose("ada", card.ts, "honk:menu", "Give me the branch")
    task = await here.task()
    await here.slack.until(lambda: task.branch in str(here.slack.views("ada")[-1].blocks))
    await here.slack.close("ada")
    await here.slack.choose("ada", card.ts, "honk:menu", "Hand over to…")
    await here.slack.until(
        lambda: here.slack.views("ada") and "Who goes on?" in str(here.slack.views("ada")[-1].blocks)
    )
    await here.slack.submit("ada", {"agent": "command", "words": "friendlier"})
    await here.slack.until(lambda: other.memory)
    task = await here.rests(State.PROPOSED)
    assert task.options.agent == "command" and here.world.file(task.branch) == b"fixed, friendly"


async def test_who_may_not_is_told_alone(here: SlackWorld) -> None:
    from honk.domain.policy import Act

    ts, until = await at_work(here)
    ben = await here.world.person("Ben")
    await here.link("ben")
    here.world.policy.refused |= {(ben.id, Act.STEER), (ben.id, Act.STOP)}
    await reply(here, ts, "friendlier", user="ben")
    [told] = await here.slack.until(lambda: here.slack.ephemeral("ben"))
    assert told.text == "Ben may not steer here." and told.thread_ts == ts
    await here.slack.press("ben", here.said(ts)[0].ts, "Stop")
    await here.slack.until(lambda: len(here.slack.ephemeral("ben")) == 2)
    assert (await here.task()).state is State.CODING and "friendlier" not in heard(here)
    until.set()
