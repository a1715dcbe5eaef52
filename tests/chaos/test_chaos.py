"""The short form of `make chaos`: a few kills of a real server at work, always the same ones."""

import pytest
from run import chaos
from story import redone

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]


@pytest.mark.seconds(180)
async def test_nothing_is_lost_or_doubled_whoever_is_killed() -> None:
    score = await chaos(8, 4, say=False, at_once=2, pauses=(0.1, 1.5))
    assert score.good, score.table()
    assert score.trials == 8 and len(score.lives) >= 2


def test_a_tool_call_that_was_made_twice_is_counted() -> None:
    assert redone("step-1\nstep-2\nstep-2\n") == 1
