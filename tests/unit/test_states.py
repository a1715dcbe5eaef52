"""The one table of allowed moves, every pair of states tried."""

from datetime import UTC, datetime

import pytest

from honk.domain.person import PersonId
from honk.domain.repository import Repository
from honk.domain.task import BUSY, LANDING, NEXT, State, Task, TaskId
from honk.errors import Defect

_ENDS = "proposed draft waiting stopped failed"
#: a turn begins, or is done again from one of its steps
_BEGINS = "queued preparing coding verifying"
#: By hand, from docs/reference/states-and-exits.md and the life of a task.
ALLOWED = {
    "accepted": f"{_BEGINS} {_ENDS}",
    "queued": f"preparing coding verifying {_ENDS} merging deploying",
    "preparing": f"queued coding verifying {_ENDS}",
    "coding": f"queued preparing verifying {_ENDS}",
    "verifying": f"queued preparing coding {_ENDS}",
    "proposed": f"{_BEGINS} merging waiting draft stopped",
    "draft": f"{_BEGINS} merging proposed waiting stopped",
    "waiting": f"{_BEGINS} merging proposed draft stopped failed",
    "merging": "merged proposed draft waiting stopped",
    "merged": "deploying waiting",
    "deploying": "deployed merged waiting",
    "deployed": "deploying merged",
    "stopped": f"{_BEGINS} merging",
    "failed": f"{_BEGINS} stopped",
}


def _task(state: State) -> Task:
    return Task(
        id=TaskId("t"),
        repository=Repository(url="/r", name="r", key="k"),
        instruction="fix",
        requested_by=PersonId("p"),
        state=state,
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
    )


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_every_move_is_allowed_or_refused_as_the_table_says(before: State, after: State) -> None:
    task = _task(before)
    if after is before or after in ALLOWED[before].split():
        moved = task.to(after, "why")
        assert (moved.state, moved.reason, moved.id) == (after, "why", task.id)
    else:
        with pytest.raises(Defect, match=f"{before} may not become {after}"):
            task.to(after)


def test_no_state_is_left_out() -> None:
    assert set(NEXT) == set(State)
    assert set(State) >= LANDING and set(State) >= BUSY


@pytest.mark.parametrize("state", sorted(BUSY - LANDING))
def test_whatever_is_at_work_can_be_stopped(state: State) -> None:
    assert State.STOPPED in NEXT[state]


@pytest.mark.parametrize("state", sorted(set(State) - BUSY - LANDING))
def test_from_every_rest_before_the_merge_a_reply_leads_back_to_work(state: State) -> None:
    assert {State.PREPARING, State.CODING} <= NEXT[state]


def test_every_state_can_be_reached_and_none_is_a_trap() -> None:
    reached = {State.ACCEPTED}
    while more := {after for before in reached for after in NEXT[before]} - reached:
        reached |= more
    assert reached == set(State)
    assert all(NEXT.values())
