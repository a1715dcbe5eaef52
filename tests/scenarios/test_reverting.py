"""A merged change is taken back by a task of its own."""

import subprocess
from pathlib import Path

import pytest

from honk.app.reverting import taking_back
from honk.domain.repository import Sha
from honk.domain.task import TaskId
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


def _git(folder: Path, *argv: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(("git", *identity, *argv), cwd=folder, check=True, capture_output=True, text=True).stdout


def _committed(folder: Path, name: str, task: str) -> None:
    folder.joinpath(name).write_text(name)
    _git(folder, "add", ".")
    _git(folder, "commit", "-m", f"Add {name}\n\nHonk-Task: {task}\nRequested-by: Ada\n")


@pytest.mark.parametrize("how", ["rebase", "squash", "merge"])
def test_all_of_a_change_is_taken_back_however_it_was_merged(tmp_path: Path, how: str) -> None:
    _git(tmp_path, "init", "-b", "main")
    _committed(tmp_path, "before", "t1")
    before = _git(tmp_path, "rev-parse", "HEAD^{tree}")
    if how == "merge":
        _git(tmp_path, "switch", "-c", "topic")
    _committed(tmp_path, "one", "t2")
    if how != "squash":
        _committed(tmp_path, "two", "t2")
    if how == "merge":
        _git(tmp_path, "switch", "main")
        _git(tmp_path, "merge", "--no-ff", "topic", "-m", "Merge\n\nHonk-Task: t2\n")
    merged = Sha(_git(tmp_path, "rev-parse", "HEAD").strip())
    _git(tmp_path, "config", "user.name", "x")
    _git(tmp_path, "config", "user.email", "x@example.org")
    subprocess.run(("sh", "-c", taking_back(TaskId("t2"), merged)), cwd=tmp_path, check=True)
    assert _git(tmp_path, "write-tree") == before
