"""Stories of one turn: from an instruction to something that can be looked at."""

import pytest

from honk.domain.pull_request import PullRequestState
from honk.domain.task import State
from honk.testing.world import World

pytestmark = pytest.mark.anyio


async def test_a_proven_change_becomes_an_open_pull_request_with_a_build(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
    assert task.state is State.PROPOSED
    pull_request = await here.pull_request(task)
    assert pull_request.state is PullRequestState.OPEN
    assert here.file(task.branch) == b"fixed"
    assert here.file("main") == b"crash"
    assert here.production() is None
