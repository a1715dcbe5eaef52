"""What people say while the agent works reaches it once: never lost, never twice, in its order."""

import anyio
import pytest

from honk.domain.event import MessageDelivered, MessageReceived, QuestionAsked, TaskHandedOver
from honk.domain.message import Handling
from honk.domain.task import State, Task
from honk.domain.turn import Outcome
from honk.errors import NotNow, Unknown, Usage
from honk.testing.fake_work import APP, Edit, FakeAgent
from honk.testing.world import Trap, World

pytestmark = pytest.mark.anyio


async def _at_work(here: World, **edit: object) -> tuple[Task, anyio.Event]:
    """A task whose agent is at work until the event is set."""
    until = anyio.Event()
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=until)
    task = await here.ask("fix the crash")
    await here.agent.busy.wait()
    return task, until


async def _delivered(here: World, task: Task) -> list[tuple[str, str]]:
    return [(e.data.message, e.data.how) for e in await here.log(task) if isinstance(e.data, MessageDelivered)]


async def _until_delivered(here: World, task: Task, count: int = 1) -> None:
    with anyio.fail_after(10):
        while len(await _delivered(here, task)) < count:
            await here.store.tasks.news(task.id, 0.02)


async def test_a_reply_reaches_the_agent_at_work_and_counts_as_asked(here: World) -> None:
    person = await here.person("Bo")
    async with here.working():
        task, until = await _at_work(here)
        assert await here.app.reply(person, task, "friendlier", id="m1") is None
        await _until_delivered(here, task)
        until.set()
        task = await here.settled(task)
    assert (task.state, task.turn) == (State.PROPOSED, 1)
    assert here.file(task.branch) == b"fixed, friendly"
    assert await _delivered(here, task) == [("m1", "steer")]
    assert here.gate.instruction == "fix the crash\n\nfriendlier", "the verdict counts it too"
    assert await here.app.messages(task) == ()
    received = [e.data.handling for e in await here.log(task) if isinstance(e.data, MessageReceived)]
    assert received == ["steer"]


async def test_an_interrupt_cuts_what_the_agent_does_and_it_goes_on_with_the_words(here: World) -> None:
    person = await here.person()
    here.agent.step = anyio.Event()  # never comes to its next step
    async with here.working():
        task, _ = await _at_work(here)
        await here.app.reply(person, task, "friendlier", id="m1", handling=Handling.INTERRUPT)
        with anyio.fail_after(10):
            task = await here.settled(task)
    assert (task.state, task.turn, here.file(task.branch)) == (State.PROPOSED, 1, b"fixed, friendly")
    assert await _delivered(here, task) == [("m1", "interrupt")]


async def test_a_queued_message_waits_for_the_next_turn(here: World) -> None:
    person = await here.person()
    async with here.working():
        task, until = await _at_work(here)
        await here.app.reply(person, task, "friendlier", id="m1", handling=Handling.QUEUED)
        await here.app.reply(person, task, "bump", id="m2")
        await _until_delivered(here, task)
        assert [one.message.id for one in await here.app.messages(task)] == ["m1"]
        until.set()
        task = await here.settled(task)
    assert (task.turn, await _delivered(here, task)) == (2, [("m2", "steer")])
    assert here.file(task.branch) == b"fixed, friendly"


async def test_messages_keep_their_order_and_a_redelivery_is_none(here: World) -> None:
    person = await here.person()
    async with here.working():
        task, until = await _at_work(here)
        for number in range(6):
            for _ in range(2):
                await here.app.reply(person, task, f"friendlier {number}", id=f"m{number}")
        await _until_delivered(here, task, 6)
        await here.app.reply(person, task, "friendlier 3", id="m3")
        until.set()
        task = await here.settled(task)
    assert task.turn == 1
    assert [id for id, _ in await _delivered(here, task)] == [f"m{number}" for number in range(6)]
    told = [words for words in next(iter(here.agent.memory.values())) if "friendlier" in words]
    assert [next(n for n in range(6) if f"friendlier {n}" in words) for words in told] == list(range(6))


async def test_words_for_an_agent_that_ended_begin_the_next_turn(here: World) -> None:
    person = await here.person()
    here.trap = Trap(place="gate.verify", after=False)
    async with here.working():
        task = await here.ask("fix the crash")
        await here.trap.reached.wait()
        assert await here.app.reply(person, task, "friendlier", id="m1") is None
        assert [one.handed for one in await here.app.messages(task)] == [False]
        here.trap.number = 0
        await here.journal.cancel(f"turn/{task.id}/1")
        await here.store.tasks.end_turn(task.id, 1, Outcome.ERROR)
        here.trap = Trap(place="nowhere")
        turn = await here.app.next_turn(task)
        assert turn is not None and turn.message.id == "m1"
        task = await here.settled(task)
    assert (task.turn, await _delivered(here, task)) == (2, [])


async def test_an_agent_that_cannot_hear_leaves_the_words_for_the_next_turn(here: World) -> None:
    here.agent.steers = False
    person = await here.person()
    async with here.working():
        task, until = await _at_work(here)
        await here.app.reply(person, task, "friendlier")
        received = [e.data.handling for e in await here.log(task) if isinstance(e.data, MessageReceived)]
        assert received == ["queued"]
        until.set()
        task = await here.settled(task)
    assert (task.turn, await _delivered(here, task)) == (2, [])


@pytest.mark.parametrize("place", ["tasks.hand_messages", "tasks.deliver"])
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
async def test_a_message_on_its_way_when_the_process_dies_is_said_once(here: World, place: str, after: bool) -> None:
    """The agent's memory tells whether it has the message, so nobody needs to guess."""
    person = await here.person()
    until = anyio.Event()
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=until)
    here.trap = Trap(place=place, after=after)
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
        await here.app.reply(person, task, "friendlier", id="m1")
        with anyio.fail_after(10):
            await here.trap.reached.wait()
    here.trap = Trap(place="nowhere")
    until.set()
    async with here.working():
        await here.app.resume(task)
        with anyio.fail_after(10):
            task = await here.settled(task)
    told = [words for words in next(iter(here.agent.memory.values())) if "friendlier" in words]
    assert len(told) == 1, told
    assert task.state is State.PROPOSED
    assert len(await _delivered(here, task)) + (task.turn - 1) == 1
    assert await here.app.messages(task) == ()


async def test_a_waiting_message_can_be_edited_and_withdrawn_until_the_agent_has_it(here: World) -> None:
    person = await here.person()
    async with here.working():
        task, until = await _at_work(here)
        await here.app.reply(person, task, "bump", id="keep", handling=Handling.QUEUED)
        await here.app.reply(person, task, "nonsense", id="drop", handling=Handling.QUEUED)
        await here.app.edit(person, task, "ke", "friendlier")
        await here.app.withdraw(person, task, "drop")
        with pytest.raises(Unknown):
            await here.app.edit(person, task, "drop", "again")
        await here.app.reply(person, task, "nonsense", id="drop")  # delivered again by the door
        until.set()
        task = await here.settled(task)
        with pytest.raises(Unknown, match="keep"):
            await here.app.withdraw(person, task, "keep")
    assert (task.turn, here.file(task.branch)) == (2, b"fixed, friendly")
    types = [event.type for event in await here.log(task)]
    assert types.count("message.edited") == types.count("message.withdrawn") == 1


async def test_a_message_that_is_being_said_is_not_edited_any_more(here: World) -> None:
    person = await here.person()
    here.agent.step = anyio.Event()
    async with here.working():
        task, until = await _at_work(here)
        await here.app.reply(person, task, "friendlier", id="m1")
        with anyio.fail_after(10):
            while not any(one.handed for one in await here.app.messages(task)):
                await here.store.tasks.news(task.id, 0.02)
        with pytest.raises(NotNow):
            await here.app.edit(person, task, "m1", "bump")
        with pytest.raises(NotNow):
            await here.app.withdraw(person, task, "m1")
        until.set()  # the agent ends without another step
        task = await here.settled(task)
    assert (task.turn, await _delivered(here, task)) == (2, []), "it was not heard, so it begins the next turn"
    assert here.file(task.branch) == b"fixed, friendly"


async def test_what_the_first_attempt_did_not_hear_the_second_one_does(here: World) -> None:
    person = await here.person()
    ends, ends_again = anyio.Event(), anyio.Event()
    here.agent.habits["the app has a bug"] = Edit(files={APP: b"fixed"}, until=ends_again)
    here.agent.habits["fix the crash"] = Edit(files={APP: b"a bug"}, until=ends)
    here.agent.step = anyio.Event()
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
        await here.app.reply(person, task, "friendlier", id="m1")
        with anyio.fail_after(10):
            while not any(one.handed for one in await here.app.messages(task)):
                await here.store.tasks.news(task.id, 0.02)
            here.agent.busy = anyio.Event()
            ends.set()
            await here.agent.busy.wait()
        assert "verdict.given" in [event.type for event in await here.log(task)]
        here.agent.step.set()
        await _until_delivered(here, task)
        ends_again.set()
        task = await here.settled(task)
    assert (task.turn, here.file(task.branch)) == (1, b"fixed, friendly")


async def test_two_messages_race_with_the_end_of_the_turn_and_none_is_lost_or_doubled(here: World) -> None:
    """Whichever step of the end they meet, each is heard exactly once."""
    person = await here.person()
    places = ["tasks.move", "gate.verify", "forge.open", "records.save_build", "tasks.end_turn", "tasks.clear_stop"]
    async with here.working():
        for number, place in enumerate(places):
            here.agent.habits = {"friendlier": Edit(files={APP: b"fixed, friendly"}), f"fix {number}": Edit()}
            here.agent.memory.clear()
            task = await here.ask(f"fix {number}")
            async with anyio.create_task_group() as doors:
                for id in (f"a{number}", f"b{number}"):
                    doors.start_soon(_reply_at, here, task, id, place)
            task = await here.settled(task)
            told = [words for memory in here.agent.memory.values() for words in memory if "friendlier" in words]
            assert sorted(next(i for i in ("a", "b") if f"from {i}{number}" in w) for w in told) == ["a", "b"], place
            assert await here.app.messages(task) == ()
            assert person


async def _reply_at(here: World, task: Task, id: str, place: str) -> None:
    with anyio.move_on_after(0.5):
        while not any(event.type.startswith(place[:4]) for event in await here.log(task)):
            await here.store.tasks.news(task.id, 0.005)
    await here.app.reply(await here.person(), task, f"friendlier from {id}", id=id)


# ── questions ──────────────────────────────────────────────────────────────────────────────────
async def test_a_question_waits_at_no_cost_and_the_answer_goes_on(here: World) -> None:
    here.agent.habits = {
        "You asked: Blue or red?": Edit(files={APP: b"fixed, red"}),
        "fix the crash": Edit(files={APP: b"half"}, asks=("Blue or red?", "blue", "red")),
    }
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        assert (task.state, task.reason) == (State.WAITING, "Blue or red?\n1. blue\n2. red")
        assert (await here.store.tasks.turn(task.id, 1)).outcome is Outcome.QUESTION
        assert (await here.pull_request(task)).state == "draft"
        assert here.kept(task.id) == b"half"
        assert [type(e.data) for e in await here.log(task)].count(QuestionAsked) == 1
        await here.app.reply(await here.person("Bo"), task, "2")
        task = await here.settled(task)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed, red")
    assert (await here.store.tasks.turn(task.id, 2)).message.text == "red"
    assert "A person answers:\n\nred" in next(iter(here.agent.memory.values()))[-1]


async def test_a_question_that_was_asked_before_a_crash_is_not_asked_again(here: World) -> None:
    here.agent.habits = {"fix the crash": Edit(files={APP: b"half"}, asks=("Blue or red?",), endless=True)}
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
    here.agent.habits = {}
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, task.reason) == (State.WAITING, "Blue or red?")
    assert len([e for e in await here.log(task) if isinstance(e.data, QuestionAsked)]) == 1


# ── hand over ──────────────────────────────────────────────────────────────────────────────────
async def test_another_agent_gets_the_story_in_words(here: World) -> None:
    other = FakeAgent({"friendlier": Edit(files={APP: b"fixed, friendly"})}, name="other")
    here.agents["other"] = other
    person = await here.person()
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        turn = await here.app.hand_over(person, task, agent="other", text="friendlier", id="h1")
        assert turn is not None and turn.number == 2
        await here.app.hand_over(person, task, agent="other", model="x", text="friendlier", id="h1")
        task = await here.settled(task)
    assert (task.state, task.turn, task.options.agent) == (State.PROPOSED, 2, "other")
    assert here.file(task.branch) == b"fixed, friendly"
    assert (await here.pull_request(task)).number == 1
    told = next(iter(other.memory.values()))[0]
    assert "<story>" in told and "A person asked:\nfix the crash" in told and "verification's answer: pass" in told
    assert len([e for e in await here.log(task) if isinstance(e.data, TaskHandedOver)]) == 1


async def test_at_work_the_agent_is_ended_and_the_next_one_goes_on_with_what_it_did(here: World) -> None:
    here.agents["other"] = FakeAgent({"Go on with this task": Edit()}, name="other")
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, endless=True)
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
        assert await here.app.hand_over(await here.person(), task, agent="other") is None
        with anyio.fail_after(10):
            task = await here.settled(task)
    assert (task.state, task.turn, here.file(task.branch)) == (State.PROPOSED, 2, b"fixed")


async def test_another_model_of_the_same_agent_resumes_its_session(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        await here.app.hand_over(await here.person(), task, model="cheap", text="friendlier")
        task = await here.settled(task)
        with pytest.raises(Usage, match="already"):
            await here.app.hand_over(await here.person(), task, model="cheap")
        with pytest.raises(Usage, match="no agent"):
            await here.app.hand_over(await here.person(), task, agent="nobody")
    started = [e.data for e in await here.log(task) if e.type == "agent.started"]
    assert [one.model for one in started] == ["fake", "cheap"]  # type: ignore[attr-defined]
    assert len(here.agent.memory) == 1, "one session"
    assert "<story>" not in next(iter(here.agent.memory.values()))[-1]
