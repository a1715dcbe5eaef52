"""A plan first: nothing is changed before a person says Go, whatever happens in between."""

from datetime import timedelta

import anyio
import pytest

from honk.domain.event import (
    AgentStarted,
    ChangeRefused,
    ChangeTaken,
    PlanProposed,
    QuestionReminded,
    TaskSettled,
)
from honk.domain.limits import Limits
from honk.domain.plan import CANCELLED, LONGEST, WAITS
from honk.domain.policy import Act
from honk.domain.task import State, Task
from honk.domain.turn import Outcome
from honk.errors import NotAllowed, NotNow, Usage
from honk.steps.remind import Reminders
from honk.testing.fake_work import APP, Edit, FakeAgent
from honk.testing.world import Trap, Watch, World
from honk.views import as_json, next_steps
from honk.views.shown import card

pytestmark = pytest.mark.anyio

#: What is in the agent's words while it plans, and only then.
PLANNING = "A plan comes first"


@pytest.fixture(autouse=True)
def teach(here: World) -> None:
    """Whatever it is told, it would write; only the walls keep it from that while it plans."""
    here.agent.habits = {
        "says: go": Edit(files={APP: b"fixed"}, summary="done as planned"),
        "in blue": Edit(files={APP: b"fixed, blue"}, summary="the plan, in blue"),
        "friendlier": Edit(files={APP: b"fixed, friendly"}),
        PLANNING: Edit(files={APP: b"fixed"}, summary="the plan"),
    }


async def _planned(here: World, **options: object) -> Task:
    return await here.settled(await here.ask("fix the crash", plan=True, **options))


async def _plans(here: World, task: Task) -> list[tuple[str, str]]:
    return [(e.data.name, e.data.text) for e in await here.log(task) if isinstance(e.data, PlanProposed)]


def _told(here: World) -> list[str]:
    return next(iter(here.agent.memory.values()))


async def _outcomes(here: World, task: Task) -> list[Outcome | None]:
    now = await here.now(task)
    return [(await here.store.tasks.turn(task.id, number)).outcome for number in range(1, now.turn + 1)]


async def test_a_plan_waits_and_nothing_is_changed_or_proposed(here: World) -> None:
    async with here.working():
        task = await _planned(here)
    assert (task.state, task.reason, task.turn) == (State.WAITING, WAITS, 1)
    assert await _outcomes(here, task) == [Outcome.QUESTION]
    assert await _plans(here, task) == [("1", "the plan")]
    assert PLANNING in _told(here)[0] and "fix the crash" in _told(here)[0]
    assert here.kept(task.id) == b"crash" and task.branch not in here.code.branches
    assert await here.store.records.pull_request(task.id) is None
    kinds = {type(event.data) for event in await here.log(task)}
    assert not kinds & {ChangeTaken, ChangeRefused}
    shown = await card(task, ports=here.ports())
    assert as_json(shown)["plan"] == "the plan"
    assert [step.command.split()[1] for step in next_steps(shown)] == ["go", "reply", "stop"]


async def test_go_carries_the_plan_out_in_the_same_session_and_it_is_verified(here: World) -> None:
    async with here.working():
        task = await _planned(here)
        turn = await here.app.approve_plan(await here.person("Bo"), task)
        task = await here.settled(task)
    assert (turn.number, turn.message.text, turn.message.approves) == (2, "Go", "1")
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed")
    assert await _outcomes(here, task) == [Outcome.QUESTION, Outcome.PASS]
    started = [event.data for event in await here.log(task) if isinstance(event.data, AgentStarted)]
    assert [one.resumed for one in started] == [False, True] and len({one.session for one in started}) == 1
    assert "<plan>\nthe plan\n</plan>" in _told(here)[1] and PLANNING not in _told(here)[1]
    shown = await card(task, ports=here.ports())
    assert as_json(shown)["plan"] is None
    pull_request = await here.pull_request(task)
    assert "## Planned\n\n> the plan" in pull_request.body and "> Go" not in pull_request.body
    head = here.code.commits[pull_request.head]
    assert head.message.startswith("fix the crash\n"), "a commit is not called Go"


@pytest.mark.parametrize("words", ["go", "Go!", "  GO ahead.", "go-ahead"])
async def test_the_word_in_a_reply_is_a_go(here: World, words: str) -> None:
    async with here.working():
        task = await _planned(here)
        begun = await here.app.reply(await here.person(), task, words, id="m1")
        task = await here.settled(task)
    assert begun is not None and begun.message.approves == "1"
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed")


@pytest.mark.parametrize("words", ["go, but in blue", "do not go: in blue", "in blue"])
async def test_any_other_reply_changes_the_plan(here: World, words: str) -> None:
    async with here.working():
        task = await _planned(here)
        await here.app.reply(await here.person(), task, words)
        task = await here.settled(task)
        assert (task.state, task.reason) == (State.WAITING, WAITS)
        assert await _plans(here, task) == [("1", "the plan"), ("2", "the plan, in blue")]
        assert "wants it different" in _told(here)[1] and PLANNING in _told(here)[1]
        assert here.kept(task.id) == b"crash"
        await here.app.approve_plan(await here.person(), task)
        task = await here.settled(task)
    assert (task.state, task.turn) == (State.PROPOSED, 3)
    assert "the plan, in blue" in _told(here)[2]


async def test_after_the_go_replies_change_the_code(here: World) -> None:
    async with here.working():
        task = await _planned(here)
        await here.app.approve_plan(await here.person(), task)
        await here.settled(task)
        await here.app.reply(await here.person(), task, "friendlier")
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed, friendly")
    assert len(await _plans(here, task)) == 1


# ── once ───────────────────────────────────────────────────────────────────────────────────────
async def test_a_go_delivered_ten_times_is_one(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        turns = {(await here.app.approve_plan(person, task, id="press")).number for _ in range(5)}
        task = await here.settled(task)
        turns |= {(await here.app.approve_plan(person, task, id="press")).number for _ in range(5)}
    assert turns == {2} and task.turn == 2
    assert await here.app.messages(task) == ()


async def test_the_word_delivered_ten_times_is_one(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        for _ in range(5):
            await here.app.reply(person, task, "go", id="m1")
        await here.settled(task)
        for _ in range(5):
            await here.app.reply(person, task, "go", id="m1")
        task = await here.settled(task)
    assert task.turn == 2 and len(_told(here)) == 2


async def test_of_two_who_press_at_once_one_begins_the_turn(here: World) -> None:
    async with here.working():
        task = await _planned(here)
        refused: list[NotNow] = []

        async def press(name: str) -> None:
            try:
                await here.app.approve_plan(await here.person(name), task)
            except NotNow as error:
                refused.append(error)

        async with anyio.create_task_group() as group:
            for name in ("Ada", "Bo", "Cy"):
                group.start_soon(press, name)
        task = await here.settled(task)
    assert (task.turn, len(refused)) == (2, 2)


async def test_a_go_for_a_plan_that_was_changed_since_is_refused(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        await here.app.reply(person, task, "in blue")
        task = await here.settled(task)
        with pytest.raises(NotNow, match="changed since"):
            await here.app.approve_plan(person, task, plan="1")
        await here.app.approve_plan(person, task, plan="2")
        assert (await here.settled(task)).turn == 3


async def test_a_go_that_crosses_a_change_does_not_approve_what_nobody_has_seen(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        here.trap = Trap(place="tasks.approve_plan", after=False)
        here.trap.goes_on = anyio.Event()
        async with anyio.create_task_group() as group:

            async def press() -> None:
                with pytest.raises(NotNow):
                    await here.app.approve_plan(person, task)

            group.start_soon(press)
            await here.trap.reached.wait()
            await here.app.reply(person, task, "in blue")
            here.trap.goes_on.set()
        task = await here.settled(task)
    assert (task.state, task.turn, here.kept(task.id)) == (State.WAITING, 2, b"crash")


async def test_without_a_plan_there_is_nothing_to_go(here: World) -> None:
    person = await here.person()
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"})
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        with pytest.raises(NotNow, match="no plan"):
            await here.app.approve_plan(person, task)
    assert task.state is State.PROPOSED and not await _plans(here, task)


async def test_go_and_cancel_are_for_those_who_may(here: World) -> None:
    person = await here.person("Eve")
    async with here.working():
        task = await _planned(here)
        here.policy.refused |= {(person.id, Act.STEER), (person.id, Act.STOP)}
        with pytest.raises(NotAllowed):
            await here.app.approve_plan(person, task)
        with pytest.raises(NotAllowed):
            await here.app.stop(person, task, working=True)
    assert (await here.now(task)).state is State.WAITING


# ── cancel ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("working", [True, False])
async def test_a_stop_cancels_the_plan_once(here: World, working: bool) -> None:
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        for _ in range(3):
            stopped = await here.app.stop(person, task, working=working)
        assert (stopped.state, stopped.reason) == (State.STOPPED, CANCELLED)
        with pytest.raises(NotNow):
            await here.app.approve_plan(person, task)
    settled = [e.data.outcome for e in await here.log(task) if isinstance(e.data, TaskSettled)]
    assert settled == ["question", "stopped"]
    assert as_json(await card(stopped, ports=here.ports()))["plan"] is None
    assert await here.store.tasks.stop_asked(task.id) is None


async def test_a_cancelled_plan_may_be_planned_anew_and_nothing_else(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        await here.app.stop(person, task, working=True)
        await here.app.reply(person, task, "go")  # of no plan that waits: words like any others
        task = await here.settled(task)
    assert (task.state, task.reason, here.kept(task.id)) == (State.WAITING, WAITS, b"crash")


async def test_a_stop_while_it_plans_leaves_no_plan(here: World) -> None:
    here.agent.habits = {PLANNING: Edit(summary="half", endless=True)}
    person = await here.person()
    async with here.working():
        task = await here.ask("fix the crash", plan=True)
        await here.agent.busy.wait()
        await here.app.stop(person, task, working=True)
        task = await here.settled(task)
    assert (task.state, await _plans(here, task)) == (State.STOPPED, [])


# ── honest ─────────────────────────────────────────────────────────────────────────────────────
async def test_an_empty_plan_is_said_to_be_none(here: World) -> None:
    here.agent.habits = {PLANNING: Edit(summary=" \n")}
    async with here.working():
        task = await _planned(here)
    assert (task.state, task.reason) == (State.FAILED, "the agent wrote no plan")
    assert await _plans(here, task) == []


async def test_a_question_comes_before_the_plan(here: World) -> None:
    here.agent.habits = {"answers": Edit(summary="in red then"), PLANNING: Edit(asks=("Blue or red?", "blue", "red"))}
    async with here.working():
        task = await _planned(here)
        assert (task.state, task.reason) == (State.WAITING, "Blue or red?\n1. blue\n2. red")
        with pytest.raises(NotNow):
            await here.app.approve_plan(await here.person(), task)
        await here.app.reply(await here.person(), task, "2")
        task = await here.settled(task)
    assert "A person answers:\n\nred" in _told(here)[1]
    assert (task.reason, await _plans(here, task)) == (WAITS, [("2", "in red then")])


async def test_a_limit_ends_it_without_half_a_plan(here: World) -> None:
    here.agent.habits = {PLANNING: Edit(summary="half", calls=3)}
    async with here.working():
        task = await _planned(here, limits=Limits(usd=2.0, calls=None, seconds=None))
    assert (task.state, await _outcomes(here, task)) == (State.WAITING, [Outcome.LIMIT])
    assert "$2.00" in task.reason and not await _plans(here, task)


async def test_a_long_plan_is_shortened_and_says_so(here: World) -> None:
    here.agent.habits = {PLANNING: Edit(summary="x" * (LONGEST + 1))}
    async with here.working():
        task = await _planned(here)
    plan = next(e.data for e in await here.log(task) if isinstance(e.data, PlanProposed))
    assert (len(plan.text), plan.shortened) == (LONGEST, True)


async def test_what_was_changed_all_the_same_is_thrown_away_and_told(here: World) -> None:
    here.agent.breaks_out = True
    async with here.working():
        task = await _planned(here)
        assert here.kept(task.id) == b"crash"
        assert [e.data.reason for e in await here.log(task) if isinstance(e.data, ChangeRefused)] == [
            "a plan changes nothing: what was changed is thrown away"
        ]
        assert (task.reason, await _plans(here, task)) == (WAITS, [("1", "the plan")])
        await here.app.approve_plan(await here.person(), task)
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed")


async def test_people_are_reminded_of_a_plan(here: World) -> None:
    async with here.working():
        task = await _planned(here)
    assert isinstance(here.clock, Watch)
    here.clock.now += timedelta(hours=25)
    await Reminders(timedelta(hours=24), ports=here.ports()).look()
    assert [e.data.question for e in await here.log(task) if isinstance(e.data, QuestionReminded)] == [WAITS]


# ── agents ─────────────────────────────────────────────────────────────────────────────────────
async def test_an_agent_that_makes_no_plan_is_not_asked_for_one(here: World) -> None:
    here.agents["command"] = FakeAgent({}, name="command", corrects=False, plans=False)
    with pytest.raises(Usage, match="makes no plan"):
        await here.ask("fix the crash", plan=True, agent="command")
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        with pytest.raises(Usage, match="makes no plan"):
            await here.app.hand_over(person, task, agent="command", text="make fix")
        assert (await here.now(task)).options.agent == "claude"


async def test_another_model_plans_anew(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        await here.app.hand_over(person, task, model="better", text="in blue")
        task = await here.settled(task)
        assert (task.reason, here.kept(task.id)) == (WAITS, b"crash")
        await here.app.approve_plan(person, task)
        task = await here.settled(task)
    assert (task.state, task.options.model) == (State.PROPOSED, "better")


# ── done again ─────────────────────────────────────────────────────────────────────────────────
async def test_a_plan_may_be_made_again(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        await here.app.retry(person, task, point="code")
        task = await here.settled(task)
        assert (task.reason, task.turn) == (WAITS, 1)
        assert [name for name, _ in await _plans(here, task)] == ["1", "1.1"]
        with pytest.raises(NotNow, match="changed since"):
            await here.app.approve_plan(person, task, plan="1")
        await here.app.approve_plan(person, task, plan="1.1")
        task = await here.settled(task)
    assert task.state is State.PROPOSED


async def test_a_go_whose_turn_failed_is_done_again_without_another_plan(here: World) -> None:
    person = await here.person()
    async with here.working():
        task = await _planned(here)
        here.agent.habits["says: go"] = Edit(cut_short="model", reason="the model's server is away")
        await here.app.approve_plan(person, task)
        task = await here.settled(task)
        assert task.state is State.FAILED
        here.agent.habits["says: go"] = Edit(files={APP: b"fixed"})
        await here.app.retry(person, task)
        task = await here.settled(task)
    assert (task.state, here.file(task.branch), task.turn) == (State.PROPOSED, b"fixed", 3)
    assert "says: go" in _told(here)[-1] and len(await _plans(here, task)) == 1
