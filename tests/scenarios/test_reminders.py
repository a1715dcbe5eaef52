"""Nobody answers: people are reminded once a day, three times, whatever happens to the process meanwhile."""

from datetime import timedelta

import pytest

from honk.domain.event import QuestionReminded
from honk.domain.task import State, Task
from honk.steps.remind import Reminders
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Watch, World

pytestmark = pytest.mark.anyio

DAY = timedelta(hours=24)


async def _asked(here: World) -> Task:
    here.agent.habits = {
        "A person answers": Edit(files={APP: b"fixed"}),
        "fix the crash": Edit(asks=("Blue or red?",)),
    }
    async with here.working():
        return await here.settled(await here.ask("fix the crash"))


async def _reminded(here: World, task: Task) -> list[float]:
    return [event.data.hours for event in await here.log(task) if isinstance(event.data, QuestionReminded)]


async def test_a_question_without_an_answer_is_reminded_of_once_a_day_and_three_times(here: World) -> None:
    task = await _asked(here)
    assert isinstance(here.clock, Watch)
    for hours in (0, 23, 2, 10, 12, 24, 24, 24, 24):
        here.clock.now += timedelta(hours=hours)
        for _ in range(2):  # a process of its own each time, as after a restart
            reminders = Reminders(DAY, ports=here.ports())
            await reminders.look()
            await reminders.look()
    assert await _reminded(here, task) == [24.0, 48.0, 72.0]


async def test_an_answer_ends_the_reminders(here: World) -> None:
    task = await _asked(here)
    reminders = Reminders(DAY, ports=here.ports())
    await reminders.look()
    async with here.working():
        await here.app.reply(await here.person("Bo"), task, "blue")
        task = await here.settled(task)
    assert task.state is State.PROPOSED
    assert isinstance(here.clock, Watch)
    here.clock.now += 2 * DAY
    await reminders.look()
    assert await _reminded(here, task) == []
