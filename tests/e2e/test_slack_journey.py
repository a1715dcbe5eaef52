"""A person in Slack drives the demo's repository from ask to undo, with the real server and the real Claude Code."""

import re
from contextlib import AsyncExitStack

import httpx
import pytest
from browser import CHROMIUM
from slack_place import STEERED, Place, labels, place, shown, target

from honk.demo import script
from honk.testing.fake_slack import FakeSlack, Message
from partners.slack_schemas import check_calls

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]
#: what is said in the thread besides the card, in order; pictures only where there is a browser
STORY = ["is ready to try", "Not merged", "is ready to try", "Merged into main", "Deployed to production", "Undone"]


@pytest.mark.partner("local-slack")
async def test_from_ask_to_undo_in_the_partners_slack_killed_on_the_way() -> None:
    async with place(partner=True) as here, AsyncExitStack() as servers:
        await servers.enter_async_context(here.serving())
        address = await here.goes_live()
        assert script.BEFORE in await live(address)
        ts = await asked(here)
        calls = len(here.model.calls)
        await here.heard[-1].killed()
        await servers.enter_async_context(here.serving())
        await here.model.called(calls + 1)
        await steered(here, ts)
        await stopped(here)
        build = await tried_and_refused(here, ts)
        build = await another_build(here, ts, build)
        deployed = await merged(here, ts, build)
        assert script.AFTER in await live(address)
        await undone(here, ts, deployed)
        assert script.BEFORE in await live(address)
        every = [one.text for one in here.said(ts)[1:]]
        assert every.count("Before and after") == (2 if CHROMIUM else 0), every
        said = [one for one in every if one != "Before and after"]
        assert len(said) == len(STORY) and all(one in each for one, each in zip(STORY, said, strict=True)), said


@pytest.mark.slow
async def test_over_http_slack_signs_what_it_delivers_and_nobody_else_is_heard() -> None:
    async with place(partner=False, mode="http") as here, here.serving():
        assert isinstance(here.slack, FakeSlack)
        async with httpx.AsyncClient(trust_env=False) as stranger:
            forged = await stranger.post(f"{here.public}/slack/events", json={"type": "url_verification"})
        assert forged.status_code == 401 and await here.slack.verify_url()
        ts = await asked(here)
        await steered(here, ts)
        build = await tried_and_refused(here, ts)
        await merged(here, ts, build)
        check_calls(here.slack)


async def live(address: str) -> str:
    """A page of what is in production."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(address + script.STATIC_PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


async def asked(here: Place) -> str:
    """Ben asks in the channel; the thread, once the agent is at work and waits for the model."""
    ts = await here.slack.say("ben", "general", f"{here.slack.mention} {script.INSTRUCTION}")
    await here.reacted(ts, "eyes")
    await here.card(ts, "At work")
    await here.model.reached("at work")
    return ts


async def steered(here: Place, ts: str) -> None:
    """He says something more meanwhile: queued, then heard."""
    reply = await here.slack.say("ben", "general", f"{here.slack.mention} {STEERED}", thread=ts)
    await here.reacted(reply, "hourglass_flowing_sand")
    here.model.release("at work")
    await here.reacted(reply, "eyes")
    assert any(STEERED in str(one.messages) for one in here.model.calls)


async def stopped(here: Place) -> None:
    """Another task, which would take a minute and a half, is stopped at once."""
    ts = await here.slack.say("ben", "general", f"{here.slack.mention} [[endless]]")
    card = await here.card(ts, "At work", "python3 -c")
    await here.slack.press("ben", card.ts, "Stop")
    await here.card(ts, "Stopped", seconds=4)  # two for the agent, and two for the card


async def tried_and_refused(here: Place, ts: str) -> Message:
    """The first build is tried; a stranger and somebody without the right are told why they may not merge it."""
    build = await here.message(ts, "is ready to try")
    assert labels(build) == ["Install / Open", "Merge…", "Review"]
    async with here.browser() as browser:
        page = await browser.get(target(build, "Install / Open"))
        found = re.search(r'href="([^"#]*/preview/\w+/)', page.text)
        assert page.status_code == 200 and found is not None, page.text
        assert script.AFTER in (await browser.get(found[1] + script.STATIC_PAGE)).text
        await here.card(ts, "Ready to merge")
        for user, words in (("cleo", "/honk link"), ("ben", "Not now")):
            await here.slack.press(user, build.ts, "Merge…")
            assert "submit" not in (await here.modal(user, words)).content
            await here.slack.close(user)
        await here.link(browser, "ada")
    return build


async def another_build(here: Place, ts: str, build: Message) -> Message:
    """A branch that moved is not merged; it is put back, and a reply makes a second build of the pull request."""
    await here.card(ts, "pull request 2")
    await here.slack.press("ada", build.ts, "Merge…")
    assert "submit" in (await here.modal("ada", "asked by Ben Bitdiddle")).content
    branch = str(here.said(ts)[0].blocks[0]["block_id"]).removesuffix("/card")
    verified = here.somebody_pushes(branch)
    await here.slack.submit("ada")
    refused = await here.message(ts, "Not merged")
    assert "not at the verified" in shown(refused)
    here.git("update-ref", f"refs/heads/{branch}", verified)
    reply = await here.slack.say("ben", "general", f"{here.slack.mention} {script.FOLLOW_UP}", thread=ts)
    second = await here.message(ts, "is ready to try", 2)
    await here.reacted(reply, "eyes")
    await here.card(ts, "Ready to merge", "pull request 2")
    return second


async def merged(here: Place, ts: str, build: Message) -> Message:
    """Ada, who is linked, merges in the modal; where it is deployed."""
    await here.slack.press("ada", build.ts, "Merge…")
    assert "submit" in (await here.modal("ada", "asked by Ben Bitdiddle")).content
    await here.slack.submit("ada")
    await here.message(ts, "Merged into main")
    return await here.message(ts, "Deployed to production")


async def undone(here: Place, ts: str, deployed: Message) -> None:
    await here.card(ts, "Deployed")
    await here.slack.press("ada", deployed.ts, "Undo…")
    assert "submit" in (await here.modal("ada", "*Undo:*")).content
    await here.slack.submit("ada")
    await here.message(ts, "Undone")
