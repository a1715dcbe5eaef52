"""The agent wants to end: Honk verifies what it leaves, and it hears what is refused while it still knows its work."""

import anyio
import pytest

from honk.domain.event import AgentFinished, TaskSettled, VerdictGiven
from honk.domain.limits import Limits
from honk.domain.message import Handling
from honk.domain.task import State, Task
from honk.domain.turn import Outcome
from honk.domain.verdict import Answer
from honk.errors import HandBackRefused, RepositoryUnusable
from honk.testing.fake_work import APP, Edit, FakeAgent
from honk.testing.world import Trap, World

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _asks_before_it_ends(here: World) -> None:
    here.agent.closes = True


async def _one_turn(here: World) -> Task:
    async with here.working():
        return await here.settled(await here.ask("fix the crash"))


async def _verdicts(here: World, task: Task) -> list[str]:
    return [event.data.answer for event in await here.log(task) if isinstance(event.data, VerdictGiven)]


def _heard(here: World) -> list[str]:
    [heard] = here.agent.memory.values()
    return heard


async def test_what_is_refused_is_corrected_before_the_agent_leaves(here: World) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"a bug"})
    task = await _one_turn(here)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed")
    assert await _verdicts(here, task) == [Answer.PASS], "one attempt, and one verdict that counts"
    assert [("the app has a bug" in words) for words in _heard(here)] == [False, True]
    assert "<findings>" in _heard(here)[1]


@pytest.mark.parametrize("made", [b"fixed", b"maybe"])
async def test_what_passes_or_cannot_be_proven_may_end_and_is_not_talked_about(here: World, made: bytes) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: made})
    task = await _one_turn(here)
    assert len(_heard(here)) == 1
    assert await _verdicts(here, task) == [Answer.PASS if made == b"fixed" else Answer.UNSURE]


async def test_an_agent_that_leaves_its_files_as_they_were_refused_is_not_kept(here: World) -> None:
    here.agent.habits = {"": Edit(files={APP: b"a bug"})}
    task = await _one_turn(here)
    assert task.state is State.DRAFT
    assert await _verdicts(here, task) == [Answer.FAIL] * 3
    assert len(_heard(here)) == 6, "of each attempt: its order, and the findings once"


class Restless(FakeAgent):
    """Makes a new mistake each time."""

    mistakes = 0

    def edit(self, words: str) -> Edit:
        self.mistakes += 1
        return Edit(files={APP: b"a bug, number %d" % self.mistakes})


async def test_an_agent_that_never_gets_it_right_is_kept_twice_an_attempt(here: World) -> None:
    here.agents["claude"] = agent = Restless({}, closes=True)
    async with here.working():
        task = await here.settled(await here.ask(limits=Limits(usd=None)))
    assert task.state is State.DRAFT
    assert (agent.mistakes, await _verdicts(here, task)) == (9, [Answer.FAIL] * 3)


async def test_files_that_may_not_be_handed_back_are_named_before_the_agent_leaves(here: World) -> None:
    linked, unlinked = Edit(files={"link": b"/etc"}), Edit(files={"link": None, APP: b"fixed"})
    here.agent.habits = {"may not be handed back": unlinked, "fix the crash": linked}
    task = await _one_turn(here)
    assert (task.state, here.file(task.branch)) == (State.PROPOSED, b"fixed")
    assert await _verdicts(here, task) == [Answer.PASS]


@pytest.mark.parametrize("trouble", [RepositoryUnusable("gone"), HandBackRefused("no", "remove it")])
async def test_a_gate_that_cannot_say_keeps_nobody(here: World, trouble: Exception) -> None:
    here.troubles["gate.verify"] = [trouble]
    task = await _one_turn(here)
    assert (task.state, await _verdicts(here, task)) == (State.PROPOSED, [Answer.PASS])
    assert len(_heard(here)) == 1


async def test_a_stop_ends_the_verification_and_none_follows(here: World) -> None:
    here.trap = trap = Trap(place="gate.verify", after=False)
    async with here.working():
        task = await here.ask("fix the crash")
        with anyio.fail_after(10):
            await trap.reached.wait()
            await here.app.stop(await here.person("Bo"), await here.now(task), working=True)
            task = await here.settled(task)
    assert (task.state, (await here.store.tasks.turn(task.id, 1)).outcome) == (State.STOPPED, Outcome.STOPPED)
    assert (trap.passed, here.kept(task.id)) == (1, b"fixed")


async def test_a_message_does_not_wait_for_the_verification(here: World) -> None:
    here.trap = trap = Trap(place="gate.verify", after=False)
    async with here.working():
        task = await here.ask("fix the crash")
        with anyio.fail_after(10):
            await trap.reached.wait()
            await here.app.reply(await here.person("Bo"), task, "bump it", handling=Handling.STEER)
            task = await here.settled(task)
    assert (task.state, task.turn, here.file(task.branch)) == (State.PROPOSED, 1, b"fixed, bumped")
    assert await _verdicts(here, task) == [Answer.PASS]


async def test_the_seconds_of_the_verification_are_not_the_agents(here: World) -> None:
    task = await _one_turn(here)
    events = [event.data for event in await here.log(task)]
    [ended] = [event for event in events if isinstance(event, AgentFinished)]
    [settled] = [event for event in events if isinstance(event, TaskSettled)]
    assert 0 < ended.seconds_verifying < ended.seconds
    assert settled.seconds_verifying == pytest.approx(1.0 + ended.seconds_verifying), "the fake gate takes a second"
