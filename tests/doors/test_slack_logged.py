"""What the log keeps of what comes in wrong: where it is wrong, and nothing of anybody's words."""

from pathlib import Path

import pytest
from slack_world import slack_world

pytestmark = pytest.mark.anyio


async def test_a_delivery_of_a_strange_shape_is_logged_without_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with slack_world(tmp_path) as here:
        channel = here.slack.space.channel("general")
        strange = {"type": "message", "channel": channel.id, "user": "U0ADA", "ts": ["1.1"], "text": {"secret": "pass"}}
        sent = here.slack.world.events.emit(strange, channel, name="message.channels")
        assert sent is not None
        assert (await here.slack.deliveries.finished(sent)).acknowledged, "it would be the same the next time"
        await here.card(await here.ask(), "Ready to merge")
    logged = capsys.readouterr().out
    assert "has a shape that nobody knows" in logged
    assert "text: string_type" in logged and "ts: string_type" in logged
    assert "secret" not in logged and "1.1'" not in logged
