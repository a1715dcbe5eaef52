"""A build that is an app for a phone: from the sandbox's command and from the forge's CI alike."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import ipa
from honk.domain.build import Build
from honk.domain.event import BuildFailed, BuildReady
from honk.domain.remote_check import CheckState
from honk.domain.task import Task
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Trap, World, world

pytestmark = pytest.mark.anyio
MADE = b'[build]\ncommand = "build"\noutput = "built.ipa"\nkind = "ios"\n'
KEPT = b'[build]\nartifact = "ios-app"\noutput = "app.ipa"\nkind = "ios"\n'


async def _built(there: World, content: bytes) -> tuple[Task, Build | None]:
    there.agent.habits[""] = Edit(files={APP: content})
    task = await there.settled(await there.ask("make it play"))
    return task, await there.store.records.build(task.id)


async def test_what_the_command_made_is_known_and_kept_as_itself(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": MADE}) as there, there.working():
        task, made = await _built(there, ipa())
        assert made is not None and made.package is not None and made.package.facts is not None
        assert (made.kind, made.name, made.version) == ("ios", "Music player", f"1.4.0 (57)+{made.commit[:7]}")
        assert await there.app.ports.artifacts.get(made.package.digest) == ipa()
        ready = [one.data for one in await there.log(task) if isinstance(one.data, BuildReady)]
        assert [(one.name, one.package, one.form) for one in ready] == [("Music player", made.package.digest, "ipa")]
        assert list((there.home / "checkouts").iterdir()) == []


async def test_what_could_not_be_read_is_a_build_that_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": MADE}) as there, there.working():
        _, made = await _built(there, ipa(Info=b"rubbish"))
        assert made is not None and made.package is not None and made.package.form == "ipa"
        assert "no property list" in made.package.unread and made.name == "Music player"  # as the repository calls it
        _, made = await _built(there, b"no archive")
        assert made is not None and made.package is not None and made.package.unread != ""


async def test_an_output_without_a_package_fails_with_the_remedy(tmp_path: Path) -> None:
    wrong = MADE.replace(b"built.ipa", b"built")
    async with world(tmp_path, {".honk.toml": wrong}) as there, there.working():
        task, made = await _built(there, ipa())
        failed = [one.data for one in await there.log(task) if isinstance(one.data, BuildFailed)]
        assert made is None and len(failed) == 1 and "no .ipa" in failed[0].reason and "[build]" in failed[0].reason


async def test_a_kill_at_any_place_of_the_build_gives_one_build(tmp_path: Path) -> None:
    for number, place in enumerate(("artifacts.put", "records.save_build", "events.record")):
        async with world(tmp_path / str(number), {".honk.toml": MADE}) as there:
            there.agent.habits[""] = Edit(files={APP: ipa()})
            assert await there.killed_at(Trap(place=place, number=2), lambda: there.ask("make it play"))
            [task] = await there.store.tasks.list()
            there.trap = Trap(place="nowhere")
            async with there.working():
                await there.app.resume(task)
                await there.settled(task)
            ready = [one.data for one in await there.log(task) if isinstance(one.data, BuildReady)]
            assert len(ready) == 1 and ready[0].form == "ipa", place


async def test_what_the_ci_kept_is_known_too(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": KEPT}) as there, there.working():
        there.ci.on, there.ci.demanded = True, ("ios",)
        task = await there.settled(await there.ask())
        head = (await there.pull_request(task)).head
        there.ci.kept[head] = {"ios-app": ipa()}  # the fake unpacks every archive as one app.ipa
        there.ci.says(head, "ios", CheckState.PASSED)
        for _ in range(3):
            await there.app.look(task.id)
            await there.settled(task)
        made = await there.store.records.build(task.id)
        assert made is not None and made.package is not None and made.package.facts is not None
        assert (made.kind, made.name, made.commit) == ("ios", "Music player", head)
        assert await there.app.ports.artifacts.get(made.package.digest) == ipa()
