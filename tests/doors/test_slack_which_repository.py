"""Which repository a request from Slack is about: chosen for a reason, asked for in doubt, never told to strangers."""

from collections.abc import AsyncIterator
from copy import copy
from pathlib import Path

import pytest
from slack_world import SlackWorld, labels, slack_world, text_of

from honk.adapters.roles import RolesPolicy
from honk.domain.person import Identity
from honk.domain.policy import Act, Right
from honk.domain.repository import Named
from honk.domain.rules import Known, Role, Rules
from honk.domain.task import State
from honk.testing.fake_slack import Message
from honk.testing.world import ADDRESS

pytestmark = pytest.mark.anyio
WEB = Named(name="web", address="https://github.com/acme/web", description="The landing page")
OTHER_WEB = Named(name="web", address="https://github.com/umbrella/web")
SECRET = Named(name="secret", address="https://github.com/acme/secret")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        made.listed += [WEB]
        yield made


async def tasks(here: SlackWorld) -> int:
    return len(await here.world.store.tasks.list(limit=10))


async def question(here: SlackWorld, ts: str) -> Message:
    return await here.card(ts, "Which repository?")


async def whispered(here: SlackWorld, user: str, words: str) -> str:
    found = await here.slack.until(lambda: [one for one in here.slack.ephemeral(user) if words in one.text], 5)
    return found[-1].text


async def test_in_doubt_three_buttons_of_which_only_the_one_who_asked_presses_one(here: SlackWorld) -> None:
    here.listed += [OTHER_WEB]
    ts = await here.ask("fix the crash")
    asked = await question(here, ts)
    assert sorted(labels(asked)) == ["Search…", "acme/web", "music-player", "umbrella/web"]
    assert "your message does not say in which repository" in text_of(asked)
    await here.slack.press("ben", asked.ts, "music-player")
    assert await whispered(here, "ben", "") == "Somebody else asked for this. Ask for it yourself."
    for _ in range(2):
        await here.slack.press("ada", asked.ts, "music-player")
    await here.slack.until(lambda: [one for one in here.said(ts) if "Ready to merge" in text_of(one)])
    settled = await question(here, ts)
    assert "music-player (/somewhere/music-player)" in text_of(settled) and not labels(settled)
    assert await tasks(here) == 1
    assert "chosen by you" in " ".join(text_of(one) for one in here.said(ts))


async def test_another_button_pressed_too_late_is_refused_in_words(here: SlackWorld) -> None:
    ts = await here.ask("fix the crash")
    asked = copy(await question(here, ts))  # as a phone shows it that has not heard of the change yet
    await here.slack.press("ada", asked, "music-player")
    await here.rests(State.PROPOSED)
    await here.slack.press("ada", asked, "web")
    assert "It was begun in music-player already" in await whispered(here, "ada", "")
    assert await tasks(here) == 1


async def test_found_by_typing_and_too_old(here: SlackWorld) -> None:
    ts = await here.ask("fix the crash")
    asked = await question(here, ts)
    await here.slack.press("ada", asked.ts, "Search…")
    [view] = await here.slack.until(lambda: here.slack.views("ada"))
    found = await here.slack.type_ahead("ada", view, "honk:find", "PLAYER")
    assert [one["text"]["text"] for one in found] == ["music-player · /somewhere/music-player"]
    await here.slack.submit("ada", {"honk:find": ADDRESS})
    await here.rests(State.PROPOSED)
    assert await tasks(here) == 1

    ts = await here.ask("fix the crash", user="ben")
    asked = await question(here, ts)
    now, kept = here.world.store.now(), here.world.store.chats.deliveries
    while await kept.get(f"slack/ask/slack-T0ACME-C0GENERAL-{ts}/U0BEN") is not None:
        await kept.forget(now.replace(year=now.year + 1))
    await here.slack.press("ben", asked.ts, "web")
    assert await whispered(here, "ben", "") == "This request is too old. Ask again."


async def test_the_channels_own_until_it_is_forgotten_and_another_one_that_is_named(here: SlackWorld) -> None:
    await here.slack.command("ada", "general", "/honk", "here music-player")
    assert "From now on this channel's repository is music-player" in await whispered(here, "ada", "From now on")
    card = await here.card(await here.ask("fix the crash"), "Ready to merge")
    assert "music-player: this channel's repository" in text_of(card)
    asked = await question(here, await here.ask("fix the crash in web"))
    assert "web" in labels(asked) and "another repository than this channel's" in text_of(asked)
    await here.slack.command("ada", "general", "/honk", "here off")
    await whispered(here, "ada", "no repository of its own")
    assert labels(await question(here, await here.ask("fix the crash")))
    card = await here.card(await here.ask("fix the crash in the music-player repo"), "Ready to merge")
    assert "music-player: named in your message" in text_of(card)


async def test_whose_requests_go_where_is_changed_by_who_may_steer_there(here: SlackWorld) -> None:
    here.listed += [SECRET]
    ada = Known(key="ada", name="Ada", identities=(Identity.parse("slack:U0ADA"),))
    roles = (
        Role(repositories=("*",), people=("ada",), may=frozenset({Right.ASK, Right.STEER})),
        Role(repositories=("github.com/acme/web",), people=("*",), may=frozenset({Right.ASK})),
    )
    here.world.policy.written = RolesPolicy(lambda: Rules(people=(ada,), roles=roles))
    await here.slack.command("ben", "general", "/honk", "here web")
    await whispered(here, "ben", "steer")
    await here.slack.command("ada", "general", "/honk", "here secret")
    await whispered(here, "ada", "repository is secret")
    for number, words in enumerate(("here off", "here web")):
        await here.slack.command("ben", "general", "/honk", words)
        told = await here.slack.until(lambda number=number: here.slack.ephemeral("ben")[1 + number :])  # type: ignore[misc]
        assert told[0].text.startswith("You may not change this channel's repository.")
    asked = [(one.act, one.allowed) for one in await here.world.store.audit.read() if one.act is Act.STEER]
    assert asked == [(Act.STEER, False), (Act.STEER, False), (Act.STEER, True), (Act.STEER, False)]
    await here.slack.command("ada", "general", "/honk", "here")
    assert "acme/secret" in await whispered(here, "ada", "This channel's")


async def test_after_landing_words_in_the_thread_begin_something_new_in_the_same_repository(here: SlackWorld) -> None:
    await here.link("ada")
    ts = await here.ask("fix the crash in the music-player repo")
    build = await here.built(ts)
    await here.slack.press("ada", build.ts, "Merge…")
    await here.slack.until(lambda: here.slack.views("ada") and "asked by" in str(here.slack.views("ada")[-1].blocks))
    await here.slack.submit("ada")
    await here.message(ts, "Deployed to production")
    await here.rests(State.DEPLOYED)
    first = await here.task()
    habits = here.world.agent.habits  # the conversation has the first request as well: the last one counts
    here.world.agent.habits = {"bump": habits["bump"], **habits}
    await here.slack.say("ben", "general", "shall we celebrate?", thread=ts)
    await here.slack.say("ben", "general", f"{here.slack.mention} bump the version", thread=ts)
    await here.message(ts, "music-player: that of this thread's earlier task")
    second = await here.rests(State.PROPOSED)
    assert second.id != first.id and second.instruction == "bump the version"
    assert await tasks(here) == 2


async def test_what_the_policy_does_not_allow_is_neither_offered_nor_told_of(here: SlackWorld) -> None:
    here.listed += [SECRET]
    ada = Known(key="ada", name="Ada", identities=(Identity.parse("slack:U0ADA"),))
    rights = frozenset({Right.ASK, Right.STEER})
    roles = (
        Role(repositories=("*",), people=("ada",), may=rights),
        Role(repositories=("github.com/acme/web",), people=("*",), may=rights),
    )
    here.world.policy.written = RolesPolicy(lambda: Rules(people=(ada,), roles=roles))
    await here.slack.command("ada", "general", "/honk", "here secret")
    await whispered(here, "ada", "repository is secret")
    await here.slack.command("ben", "general", "/honk", "here")
    assert await whispered(here, "ben", "") == "You may not use this channel's repository."
    await here.slack.command("ben", "general", "/honk", "here secret")
    assert await whispered(here, "ben", "fits") == (
        "No repository that you may use fits 'secret'. /honk here NAME takes a part of its name."
    )
    asked = await question(here, await here.ask("fix the crash in the secret repo", user="ben"))
    assert labels(asked) == ["web", "Search…"] and "acme/secret" not in text_of(asked)
    await here.slack.press("ben", asked.ts, "Search…")
    [view] = await here.slack.until(lambda: here.slack.views("ben"))
    offered = await here.slack.type_ahead("ben", view, "honk:find", "")
    assert [one["value"] for one in offered] == [WEB.address]

    here.world.policy.written = RolesPolicy(lambda: Rules(people=(ada,), roles=roles[:1]))
    await here.ask("fix the crash", user="ben")
    assert await whispered(here, "ben", "There is no") == "There is no repository that you may use here."
    assert await here.world.latest() is None
