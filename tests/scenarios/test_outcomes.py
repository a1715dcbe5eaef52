"""Every outcome of a turn, as settled: the state, the pull request, the exit code, and what is told."""

from dataclasses import dataclass

import pytest

from honk.domain.event import TaskSettled
from honk.domain.limits import Limits
from honk.domain.pull_request import PullRequestState
from honk.domain.task import State
from honk.domain.turn import Outcome
from honk.errors import ModelRefused
from honk.testing.fake_work import APP, Edit
from honk.testing.world import World
from honk.views import EXITS, as_json, settled_json
from honk.views.shown import card

pytestmark = pytest.mark.anyio

FIXED = {APP: b"fixed"}


@dataclass(frozen=True, kw_only=True)
class Row:
    does: Edit
    outcome: Outcome
    state: State
    pull_request: PullRequestState | None
    exits: int
    base: bytes = b"crash"
    limits: Limits = Limits()


ROWS = {
    "pass": Row(
        does=Edit(files=FIXED),
        outcome=Outcome.PASS,
        state=State.PROPOSED,
        pull_request=PullRequestState.OPEN,
        exits=0,
    ),
    "fail": Row(
        does=Edit(files={APP: b"a bug"}),
        outcome=Outcome.FAIL,
        state=State.DRAFT,
        pull_request=PullRequestState.DRAFT,
        exits=3,
    ),
    "limit with a change": Row(
        does=Edit(files=FIXED, calls=2),
        limits=Limits(calls=1),
        outcome=Outcome.LIMIT,
        state=State.DRAFT,
        pull_request=PullRequestState.DRAFT,
        exits=3,
    ),
    "limit without a change": Row(
        does=Edit(files=FIXED),
        limits=Limits(calls=0),
        outcome=Outcome.LIMIT,
        state=State.DRAFT,
        pull_request=None,
        exits=3,
    ),
    "unsure": Row(
        does=Edit(files={APP: b"maybe"}),
        outcome=Outcome.UNSURE,
        state=State.DRAFT,
        pull_request=PullRequestState.DRAFT,
        exits=4,
    ),
    "question": Row(
        does=Edit(files=FIXED),
        base=b"broken",
        outcome=Outcome.QUESTION,
        state=State.WAITING,
        pull_request=None,
        exits=4,
    ),
    "no change": Row(
        does=Edit(),
        outcome=Outcome.NO_CHANGE,
        state=State.FAILED,
        pull_request=None,
        exits=1,
    ),
    "stopped": Row(
        does=Edit(files=FIXED, cut_short="stopped", reason="stopped by a person"),
        outcome=Outcome.STOPPED,
        state=State.STOPPED,
        pull_request=None,
        exits=1,
    ),
    "error with a change": Row(
        does=Edit(files=FIXED, cut_short="agent", reason="it crashed"),
        outcome=Outcome.ERROR,
        state=State.DRAFT,
        pull_request=None,
        exits=1,
    ),
    "error without a change": Row(
        does=Edit(cut_short="agent", reason="it crashed"),
        outcome=Outcome.ERROR,
        state=State.FAILED,
        pull_request=None,
        exits=1,
    ),
    "error raised": Row(
        does=Edit(error=ModelRefused("no such model")),
        outcome=Outcome.ERROR,
        state=State.FAILED,
        pull_request=None,
        exits=1,
    ),
}


def test_no_outcome_is_left_out() -> None:
    assert {row.outcome for row in ROWS.values()} == set(Outcome)


@pytest.mark.parametrize("name", ROWS)
async def test_an_outcome_is_as_settled(here: World, name: str) -> None:
    row = ROWS[name]
    here.agent.habits = {"": row.does}
    if row.base != b"crash":
        here.somebody_commits("main", {APP: row.base})
    async with here.working():
        task = await here.settled(await here.ask("fix the crash", limits=row.limits))
    pull_request = await here.store.records.pull_request(task.id)
    settled = (await here.log(task))[-1].data
    assert isinstance(settled, TaskSettled)
    assert (task.state, settled.state, settled.outcome) == (row.state, row.state, row.outcome)
    assert (await here.store.tasks.turn(task.id, 1)).outcome is row.outcome
    assert (pull_request and pull_request.state) == row.pull_request
    assert EXITS[row.outcome] == row.exits
    assert bool(task.reason) is (row.outcome is not Outcome.PASS), "whatever is not as hoped has a reason"
    line = settled_json(await card(task, ports=here.app.ports))
    assert line["type"] == line["event"]
    assert (line["type"], line["state"], line["outcome"], line["reason"]) == (
        "task.settled",
        row.state,
        row.outcome,
        task.reason,
    )
    assert (line["pull_request"] or {}).get("state") == row.pull_request
    assert line["cost_usd"] == (await here.store.records.spent(task.id)).usd
    assert line["seconds"] >= line["seconds_verifying"] >= 0


async def test_the_card_shows_what_there_is(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash", merge=True))
    shown = as_json(await card(task, ports=here.app.ports))
    assert shown["state"] == "deployed"
    assert shown["requested_by"] == "Ada"
    assert shown["files"] == [APP]
    assert shown["production_url"] == "http://live/production"
    assert shown["build"]["preview_url"].startswith("http://preview/")
    assert shown["verdict"]["answer"] == "pass"
    assert shown["pull_request"]["state"] == "merged"
