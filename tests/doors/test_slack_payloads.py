"""Everything that the open door sends: Slack's types take it, and words of strangers mean nothing in it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_world import SlackWorld, slack_world

from honk.domain.task import State
from honk.service.repositories import Named
from partners.slack_schemas import check_calls, check_view

pytestmark = pytest.mark.anyio
EVIL = "fix the crash <!channel> <https://evil.example|honk> @here :x: *b* `c` &lt; \u202e " + "x" * 3000
#: what would reach people, or lead them away
_REACHES = re.compile(r"<!(?:channel|here|everyone|subteam)|<https?://evil|@(?:here|channel)\b|:x:")


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        made.listed.append(Named(name="music <!here> *player*", address="/srv/other.git"))
        yield made


async def test_a_story_of_evil_words(here: SlackWorld) -> None:
    await here.link("ada")
    ts = await here.ask(f"in music-player {EVIL}")
    build = await here.message(ts, "is ready to try")
    await here.rests(State.PROPOSED)
    for label in ("Review", "Merge…"):
        await here.slack.press("ada", build.ts, label)
        await here.slack.until(
            lambda: "Undo" in str(here.slack.views("ada")) or "Checks" in str(here.slack.views("ada"))
        )
        await here.slack.close("ada")
    await asked_in_other_ways(here)
    await here.slack.open_home("ada")
    home = await here.slack.until(lambda: here.slack.home("ada"))
    check_view(home.content)
    check_calls(here.slack)
    for call in here.slack.calls:
        for text in _mrkdwn(call.arguments):
            assert not _REACHES.search(text), (call.method, text[:300])


async def asked_in_other_ways(here: SlackWorld) -> None:
    """Commands that work and that do not, a repository in doubt, a message that is edited too late."""
    for typed in ("help", "status", f"here {EVIL[14:60].split()[0]}", "stop <!channel>", "quiet <!channel>", "link"):
        before = len(here.slack.ephemeral("ben"))
        await here.slack.command("ben", "general", "/honk", typed)
        await here.slack.until(lambda before=before: here.slack.ephemeral("ben")[before:])  # type: ignore[misc]
    doubt = await here.ask("make it nicer", user="ben")
    await here.slack.until(lambda: here.said(doubt) or len(here.slack.ephemeral("ben")) > 6)


def _mrkdwn(node: object, key: str = "") -> list[str]:
    """What Slack reads as mrkdwn: such objects, and the text of a message itself."""
    if isinstance(node, dict):
        if node.get("type") == "mrkdwn":
            return [str(node["text"])]
        return [one for name, each in node.items() for one in _mrkdwn(each, name if "type" not in node else "")]
    if isinstance(node, list):
        return [one for each in node for one in _mrkdwn(each)]
    return [node] if isinstance(node, str) and key == "text" else []
