"""Trying, reviewing, merging, deploying and undoing from Slack."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_world import SlackWorld, labels, slack_world, text_of

from honk.domain.policy import Act
from honk.domain.task import State
from honk.testing.fake_slack import Message
from honk.testing.fake_work import APP, Edit
from honk.testing.world import ADDRESS, CONFIG

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


async def modal(here: SlackWorld, user: str, words: str):  # type: ignore[no-untyped-def]
    """The modal in front, once it shows these words."""
    return await here.slack.until(
        lambda: next((one for one in here.slack.views(user) if words in str(one.blocks)), None)
    )


async def test_from_the_ask_to_undo(here: SlackWorld) -> None:
    await here.link("ada")
    ts = await here.ask("fix the crash")
    build = await here.built(ts)
    assert labels(build) == ["Install / Open", "Merge…", "Review"]
    await here.slack.press("ada", build.ts, "Merge…")
    view = await modal(here, "ada", "asked by")
    assert "Undo" in str(view.blocks) and "commit" in str(view.blocks)
    done = await here.slack.submit("ada")
    assert done.acknowledged and not here.slack.views("ada")
    await here.message(ts, "Merged into main")
    deployed = await here.message(ts, "Deployed to production")
    assert here.world.production() == b"fixed"
    await here.slack.press("ada", deployed.ts, "Undo…")
    await modal(here, "ada", "*Undo:*")
    await here.slack.submit("ada")
    await here.rests(State.MERGED, State.DEPLOYED)


async def test_a_merged_change_is_reverted_from_its_card_in_the_same_thread(here: SlackWorld) -> None:
    here.world.agents["command"] = here.world.agent
    here.world.agent.habits = {"git revert": Edit(files={APP: b"crash"}), **here.world.agent.habits}
    await here.link("ada")
    ts = await here.ask("fix the crash")
    build = await here.built(ts)
    await here.slack.press("ada", build.ts, "Merge…")
    await modal(here, "ada", "asked by")
    await here.slack.submit("ada")
    await here.message(ts, "Deployed to production")
    first = await here.task()
    await here.slack.choose("ada", (await here.card(ts, "Deployed")).ts, "honk:menu", "Revert by a pull request")
    await here.message(ts, 'Revert "fix the crash"')
    made = await here.task()
    assert made.id != first.id and made.options.title.startswith("Revert")


async def test_who_is_not_linked_may_ask_and_not_merge(here: SlackWorld) -> None:
    ts = await here.ask("fix the crash", user="ben")
    build = await here.built(ts)
    await here.slack.press("ben", build.ts, "Merge…")
    view = await modal(here, "ben", "who you are")
    assert "/honk link" in str(view.blocks) and "submit" not in view.content
    assert (await here.task()).state is State.PROPOSED


async def test_a_branch_that_moved_is_not_merged(here: SlackWorld) -> None:
    await here.link("ada")
    ts = await here.ask("fix the crash")
    build = await here.built(ts)
    await here.slack.press("ada", build.ts, "Merge…")
    await modal(here, "ada", "asked by")
    task = await here.task()
    here.world.somebody_commits(task.branch, {"other.txt": b"by hand"})
    await here.slack.submit("ada")
    refused = await here.message(ts, "Not merged")
    assert "branch" in text_of(refused)
    assert here.world.file("main") == b"crash"


async def test_the_second_build_is_of_the_same_pull_request(here: SlackWorld) -> None:
    ts = await here.ask("fix the crash")
    first = await here.message(ts, "is ready to try")
    before = await here.world.pull_request(await here.task())
    reply = await here.slack.say("ada", "general", f"{here.slack.mention} make it friendlier", thread=ts)
    await here.slack.until(lambda: len([one for one in here.said(ts) if "is ready to try" in text_of(one)]) == 2)
    after = await here.world.pull_request(await here.task())
    assert (after.number, after.task) == (before.number, before.task) and after.head != before.head
    assert "eyes" in here.slack.reactions("general", reply)
    assert first.ts != (await here.message(ts, "is ready to try")).ts


async def test_a_review_in_a_minute_and_an_approval(here: SlackWorld) -> None:
    await here.link("ben")
    ts = await here.ask("fix the crash")
    build = await here.message(ts, "is ready to try")
    await here.slack.press("ben", build.ts, "Review")
    view = await modal(here, "ben", "Look at these first")
    assert "Approve" in str(view.content["submit"])
    await here.slack.submit("ben", {"words": "well done"})
    await here.slack.press("ada", build.ts, "Review")
    assert await modal(here, "ada", "Approved by Ben")


async def test_whoever_may_merge_is_named_where_the_requester_may_not(here: SlackWorld) -> None:
    ts = await here.ask("fix the crash", user="cleo")
    alone = await here.message(ts, "is ready to try")
    assert mentioned(alone) == ["U0CLEO"]
    await here.link("ada")
    await here.link("ben")
    ben = await here.world.person("Ben")
    here.world.policy.refused.add((ben.id, Act.MERGE))
    second = await here.ask("bump", user="cleo")
    assert mentioned(await here.message(second, "is ready to try")) == ["U0CLEO", "U0ADA"]
    third = await here.ask("make it friendlier", user="ada")
    assert mentioned(await here.message(third, "is ready to try")) == ["U0ADA"]


async def test_after_a_hand_over_another_person_is_named(here: SlackWorld) -> None:
    await here.link("ada")
    await here.link("ben")
    ts = await here.ask("fix the crash", user="ada")
    assert mentioned(await here.message(ts, "is ready to try")) == ["U0ADA"]
    ada, ben = await here.world.person("Ada"), await here.world.person("Ben")
    await here.world.app.name_contact(ada, await here.task(), ben.id)
    await here.slack.say("ada", "general", f"{here.slack.mention} make it friendlier", thread=ts)

    def ready() -> list[Message]:
        return [one for one in here.said(ts) if "is ready to try" in text_of(one)]

    await here.slack.until(lambda: len(ready()) == 2)
    assert mentioned(ready()[-1]) == ["U0BEN"]


def mentioned(message: Message) -> list[str]:
    """The users whom a message notifies."""
    return re.findall(r"<@(U\w+)>", str(message.blocks))


STAGED = (
    CONFIG.partition(b"[deploy]")[0]
    + b'[[deploy]]\nenvironment = "staging"\ncommand = "deploy"\n[[deploy]]\ncommand = "deploy"\n'
)


async def test_it_is_promoted_from_its_card_and_deployed_now_where_it_waits(here: SlackWorld) -> None:
    here.world.somebody_commits("main", {".honk.toml": STAGED})
    await here.link("ada")
    ts = await here.ask("fix the crash")
    build = await here.built(ts)
    await here.slack.press("ada", build.ts, "Merge…")
    view = await modal(here, "ada", "asked by")
    assert "To production it may be promoted from there" in str(view.blocks)
    await here.slack.submit("ada")
    await here.message(ts, "Deployed to staging")
    ada = await here.world.person()
    await here.world.app.freeze(ada, ADDRESS, "launch day", environment="production")
    card = await here.slack.until(lambda: _with(here, ts, "Promote…"))
    await here.slack.press("ada", card.ts, "Promote…")
    view = await modal(here, "ada", "goes from staging to production")
    assert "roduction is frozen by Ada" in str(view.blocks)
    await here.slack.submit("ada")
    card = await here.slack.until(lambda: _with(here, ts, "Deploy now"))
    await here.slack.press("ada", card.ts, "Deploy now")
    await here.message(ts, "Deployed to production")
    assert here.world.production() == b"fixed"


def _with(here: SlackWorld, ts: str, label: str) -> Message | None:
    return next((one for one in here.said(ts, "general") if label in labels(one)), None)
