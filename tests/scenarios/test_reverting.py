"""A merged change is taken back by a task of its own."""

import pytest

from honk.errors import NotNow
from honk.testing.world import World

pytestmark = pytest.mark.anyio


async def test_a_revert_is_a_task_with_a_pull_request_of_its_own(here: World) -> None:
    here.agents["command"] = here.agent
    async with here.working():
        task = await here.settled(await here.ask())
        await here.app.merge(await here.person(), task, method=here.method)
        task = await here.settled(task)
        merged = here.code.branches["main"]
        person = await here.person("Bo")
        made = await here.app.revert(person, task, id="press")
        again = await here.app.revert(person, task, id="press")
    assert made.id == again.id != task.id
    assert made.options.title == 'Revert "fix the crash" (#1)'
    assert (made.options.agent, made.options.base) == ("command", "main")
    assert f"-m 1 {merged}" in made.instruction
    assert made.requested_by == person.id


async def test_what_was_not_merged_has_nothing_to_revert(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask())
        with pytest.raises(NotNow, match="nothing was merged"):
            await here.app.revert(await here.person(), task)
