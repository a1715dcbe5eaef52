""" "Re-run" on Honk's own check verifies the head once more: by leave of whoever pressed, and only while it rests."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from github_world import NAME, GithubWorld, github_world

from honk.domain.discussion import Hint, HintKind
from honk.domain.event import TaskRetried
from honk.domain.policy import Act
from honk.domain.pull_request import PullRequestState
from honk.domain.task import State, Task
from honk.domain.verdict import Answer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[GithubWorld]:
    async with github_world(tmp_path, public=True) as made:
        made.world.ci.on = True
        yield made


async def proposed(here: GithubWorld) -> tuple[Task, int, str]:
    """A task that rests, the number of its pull request at the forge, and the commit that the check stands at."""
    await here.ask()
    task, _ = await here.proposed()
    there = await here.world.pull_request(task)
    return task, there.number, there.head


async def pressed(here: GithubWorld, head: str, by: str = "ada", guid: str = "") -> None:
    """Somebody presses "Re-run", and that is worked on."""
    await here.webhook(Hint(kind=HintKind.RERUN, repository=NAME, id=f"{head}/{by}"), guid)
    await here.settled()


async def rounds(here: GithubWorld, task: Task) -> list[str]:
    """From where it was done again, each time."""
    await here.world.settled(task)
    return [one.data.point for one in await here.world.log(task) if isinstance(one.data, TaskRetried)]


async def test_it_is_verified_once_more_and_the_check_says_so(here: GithubWorld) -> None:
    task, _, head = await proposed(here)
    here.world.ci.reported.clear()
    turn = await here.world.store.tasks.turn(task.id, 1)
    await pressed(here, head)
    assert await rounds(here, task) == ["verify"]
    again = await here.world.store.tasks.turn(task.id, 1)
    assert (turn.again, again.again, again.outcome) == (0, 1, turn.outcome), "no turn of its own"
    assert [one.answer for one in here.world.ci.reported.values()] == [Answer.PASS]
    assert list(here.world.ci.reported) == [f"{task.id}/{head}"], "the same check"


async def test_delivered_again_it_is_done_once_and_pressed_again_twice(here: GithubWorld) -> None:
    task, _, head = await proposed(here)
    for _ in range(3):
        await pressed(here, head, guid="press")
        assert await rounds(here, task) == ["verify"]
    await pressed(here, head, guid="another")
    assert await rounds(here, task) == ["verify", "verify"]


async def test_all_checks_of_a_suite_again(here: GithubWorld) -> None:
    task, _, head = await proposed(here)
    payload = {
        "action": "rerequested",
        "repository": {"full_name": NAME},
        "check_suite": {"head_sha": head},
        "sender": {"login": "ada"},
    }
    assert (await here.post("check_suite", payload, "suite")).status_code == 202
    await here.settled()
    assert await rounds(here, task) == ["verify"]


@pytest.mark.parametrize("who", ["eve", "mallory", "renovate[bot]"])
async def test_whoever_may_not_ask_starts_nothing_hears_it_once_and_the_check_stays(
    here: GithubWorld, who: str
) -> None:
    task, number, head = await proposed(here)
    here.world.ci.reported.clear()
    for _ in range(2):
        await pressed(here, head, by=who)
    assert await rounds(here, task) == []
    said = [one.text for one in here.place.said(number) if one.text.startswith(f"@{who}: ")]
    assert len(said) == 1
    assert [one.answer for one in here.world.ci.reported.values()] == [Answer.PASS], "shown once more as it is"


async def test_honks_own_policy_is_asked_too(here: GithubWorld) -> None:
    task, number, head = await proposed(here)
    here.world.policy.refused.add((task.requested_by, Act.STEER))
    await pressed(here, head)
    assert await rounds(here, task) == []
    assert (number, f"answer/rerun/{head}") in here.place.keys, "and it is said"


async def test_a_task_at_work_is_left_to_it(here: GithubWorld) -> None:
    task, number, head = await proposed(here)
    turn = await here.world.store.tasks.reopen_turn(task.id, 1, "code")
    assert turn is not None
    await pressed(here, head)
    log = [one.data for one in await here.world.log(task)]
    assert not [one for one in log if isinstance(one, TaskRetried)], "it was not begun a second time"
    assert (number, f"answer/rerun/{head}") not in here.place.keys, "nobody has to hear that"


async def test_what_is_merged_closed_or_elsewhere_stays_as_it_is(here: GithubWorld) -> None:
    task, _, head = await proposed(here)
    await pressed(here, "b" * 40)
    records = here.world.store.records
    there = await here.world.pull_request(task)
    for state in (PullRequestState.CLOSED, PullRequestState.MERGED):
        await records.save_pull_request(task.repository.key, replace(there, state=state))
        await pressed(here, head)
    assert await rounds(here, task) == []
    assert (await here.world.now(task)).state is State.PROPOSED
