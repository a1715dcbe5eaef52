"""Whatever the state, there is something to do next, and its command exists."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from honk.domain.event import PlanProposed
from honk.domain.limits import Spending
from honk.domain.person import PersonId
from honk.domain.repository import Repository
from honk.domain.task import BUSY, State, Task, TaskId
from honk.views import Card, next_steps

COMMANDS = {"diff", "merge", "reply", "retry", "log", "undo", "follow", "stop", "revert"}


def card(state: State) -> Card:
    task = Task(
        id=TaskId("fix-it-1"),
        repository=Repository(url="/r", name="r", key="k"),
        instruction="fix",
        requested_by=PersonId("p"),
        state=state,
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
    )
    return Card(
        task=task,
        requested_by="Ada",
        base=None,
        verdict=None,
        pull_request=None,
        build=None,
        spent=Spending(),
        settled=None,
        notes=(),
        production=None,
        page=None,
        hint="",
        files=(),
        insertions=0,
        deletions=0,
    )


def test_a_plan_that_waits_is_carried_out_changed_or_cancelled() -> None:
    waiting = replace(card(State.WAITING), plan=PlanProposed(name="1", text="first this, then that"))
    assert [step.command.split()[1] for step in next_steps(waiting)] == ["go", "reply", "stop"]


@pytest.mark.parametrize("state", State)
def test_there_is_always_a_next_step(state: State) -> None:
    steps = next_steps(card(state))
    assert steps
    for step in steps:
        program, verb, task = step.command.split()[:3]
        assert program == "honk" and verb in COMMANDS and task == "fix-it-1"
    verbs = {step.command.split()[1] for step in steps}
    assert ("stop" in verbs) is (state in BUSY - {State.MERGING, State.DEPLOYING})
    assert ("merge" in verbs) is (state is State.PROPOSED)
