"""`/honk …`: what it answers, to whoever typed and to nobody else; and how a user of Slack becomes a person."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from slack_world import SlackWorld, slack_world, text_of

from honk.adapters.roles import RolesPolicy
from honk.domain.access import Scope
from honk.domain.person import Identity
from honk.domain.policy import Act, Right
from honk.domain.rules import Known, Role, Rules
from honk.domain.task import State
from honk.testing.fake_slack import FakeSlack
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio


def places(slack: FakeSlack) -> None:
    slack.add_channel("elsewhere", members=["ada"], app=False)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path, prepare=places) as made:
        yield made


async def answer(here: SlackWorld, words: str, *, user: str = "ada", channel: str = "general") -> str:
    """What whoever typed it sees then, in one line."""
    before = len(here.slack.ephemeral(user))
    await here.slack.command(user, channel, "/honk", words)
    told = await here.slack.until(lambda: here.slack.ephemeral(user)[before:])
    others = [name for name in ("ada", "ben", "cleo") if name != user]
    assert not any(here.slack.ephemeral(name) for name in others)
    return text_of(told[0])  # type: ignore[arg-type]


async def test_words_that_are_no_command_ask_below_a_message_that_everybody_sees(here: SlackWorld) -> None:
    await here.slack.command("ada", "general", "/honk", "fix the crash <!channel> quickly")
    [root] = await here.slack.until(lambda: here.slack.messages("general")[:1])
    assert "asks:" in text_of(root) and "<!channel>" not in root.text
    card = (await here.slack.until(lambda: here.said(root.ts)[1:]))[0]
    await here.slack.until(lambda: "Ready to merge" in text_of(card))
    task = await here.rests(State.PROPOSED)
    assert task.instruction == "fix the crash @channel quickly"
    await here.slack.say("ben", "general", "bump it", thread=root.ts)  # nobody needs to be named there
    await here.slack.until(lambda: len([one for one in here.said(root.ts) if "is ready to try" in text_of(one)]) == 2)
    assert here.world.file(task.branch) == b"fixed, bumped"


async def test_where_honk_is_not_it_says_so(here: SlackWorld) -> None:
    said = await answer(here, "fix the crash", channel="elsewhere")
    assert "I cannot write here" in said and ".." not in said
    assert await here.world.latest() is None
    assert "How to use Honk" in await answer(here, "help", channel="elsewhere")


async def test_help_status_and_stop(here: SlackWorld) -> None:
    for words in ("", "help"):
        said = await answer(here, words)
        assert "/honk here REPOSITORY" in said and "“now: …” interrupts" in said
    assert "Nothing is at work for you" in await answer(here, "status")
    assert "No task is at work in this channel" in await answer(here, "stop")
    here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=anyio.Event())
    threads = [await here.ask(), await here.ask()]
    for ts in threads:
        await here.card(ts, "At work")
    said = await answer(here, "status")
    assert "2 tasks" in said and "fix the crash" in said and "(At work, music-player)" in said
    said = await answer(here, "stop")
    assert "2 tasks are at work in this channel" in said
    task = await here.task()
    assert f"Stopping {task.id}" in await answer(here, f"stop {task.id}")
    await here.card(threads[1], "Stopped")
    with anyio.fail_after(2):
        await answer(here, "stop")
        await here.card(threads[0], "Stopped")
    said = await answer(here, "stop nothing")
    assert "There is no such task here." in said and "`" not in said, "no command of a terminal"


async def test_of_tasks_that_somebody_may_not_stop_they_are_told_nothing(here: SlackWorld) -> None:
    here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=anyio.Event())
    threads = [await here.ask("fix the crash"), await here.ask("fix the crash again")]
    for ts in threads:
        await here.card(ts, "At work")
    newest, ben = await here.task(), await here.link("ben")
    here.world.policy.refused |= {(ben.id, Act.STOP)}
    before = await here.world.store.audit.read()
    for words in ("stop last", "stop fix", f"stop {newest.id}", f"stop {newest.id[:-2]}", "stop nothing"):
        said = await answer(here, words, user="ben")
        assert "There is no such task here." in said and "again" not in said
    assert "No task is at work in this channel that you may stop" in await answer(here, "stop", user="ben")
    assert await here.world.store.audit.read() == before
    here.world.policy.refused.clear()
    said = await answer(here, "stop fix", user="ben")
    assert "2 tasks begin with 'fix'" in said and newest.id in said
    assert f"Stopping {newest.id}" in await answer(here, f"stop {newest.id[:-2]}", user="ben", channel="elsewhere")
    await here.card(threads[1], "Stopped")


async def test_quiet_hours_with_and_without_sense(here: SlackWorld) -> None:
    assert "You have no quiet hours" in await answer(here, "quiet")
    said = await answer(here, "quiet late")
    assert "'late' are no quiet hours" in said and "20:00-08:00, or off" in said
    assert "Nothing new is said to you 20:00-08:00" in await answer(here, "quiet 20:00-08:00")
    assert "Your quiet hours are 20:00-08:00" in await answer(here, "quiet")
    assert "No quiet hours from now on" in await answer(here, "quiet off")


async def test_linked_by_the_code_of_the_page_and_nobody_again(here: SlackWorld) -> None:
    slack = here.slack
    await slack.command("ada", "general", "/honk", "link")
    [told] = await slack.until(lambda: slack.ephemeral("ada"))
    [address] = [one["url"] for _, one in told.elements() if one.get("url")]
    assert address.startswith("http://honk/link/")
    offer = here.linking.read(address.rpartition("/")[2])
    assert offer.place == "Acme" and "ada" in offer.shown and "U0ADA" in offer.shown
    person = await here.world.person("Ada")
    code = await here.linking.begin(offer, person, frozenset(Scope))
    await slack.press("ada", told, "I have the code…")
    await slack.until(lambda: slack.views("ada"))
    await slack.submit("ada", {"code": "00000000"})
    [view] = slack.views("ada")
    assert view.errors == {"code": "That is not the code, or it is too old. Take the link again: /honk link."}
    await slack.submit("ada", {"code": f"{code[:4]} {code[4:]}"})
    assert not slack.views("ada")
    ts = await here.ask()
    await here.card(ts, "Ready to merge")
    assert (await here.task()).requested_by == person.id
    assert "You are Ada." in await answer(here, "link")
    assert "You are not linked any more" in await answer(here, "unlink")
    assert "You were not linked" in await answer(here, "unlink")


async def test_while_a_phone_cannot_open_the_pages_linking_says_so(here: SlackWorld) -> None:
    here.world.previews.obstacle = "only this machine can open Honk's pages: set public_url"
    said = await answer(here, "link")
    assert "which a phone cannot open now:" in said and "only this machine can open" in said
    assert not [one for told in here.slack.ephemeral("ada") for _, one in told.elements()]


async def test_whom_the_policy_names_is_linked_by_that(here: SlackWorld) -> None:
    ada = Known(key="ada", name="Ada Lovelace", identities=(Identity.parse("slack:U0ADA"),))
    role = Role(repositories=("*",), people=("ada",), may=frozenset(Right))
    rules = here.world.who_is_who = Rules(people=(ada,), roles=(role,))
    here.world.policy.written = RolesPolicy(lambda: rules)
    assert "You are Ada Lovelace." in await answer(here, "link")
    assert "honk.toml says who you are" in await answer(here, "unlink")
