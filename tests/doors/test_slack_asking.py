"""Asking from Slack: every way in, once, and which repository."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from slack_world import SlackWorld, labels, slack_world, text_of

from honk.domain.task import State

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


async def test_a_mention_becomes_a_task_with_one_card(here: SlackWorld) -> None:
    ts = await here.ask("fix the crash when a playlist is empty")
    card = await here.card(ts, "Ready to merge")
    task = await here.rests(State.PROPOSED)
    assert task.instruction == "fix the crash when a playlist is empty"
    assert "fix the crash when a playlist is empty" in text_of(card)
    assert "eyes" in here.slack.reactions("general", ts)
    assert "Merge…" in labels(card)
