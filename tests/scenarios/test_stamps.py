"""Builds carry a number that only grows, a version and a name of their own; what was not taken is said."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import info, ipa
from honk.domain.app_package import AppFacts
from honk.domain.landing import Consent
from honk.domain.repository import Sha
from honk.domain.repository_config import BuildConfig
from honk.domain.stamp import Stamp, missed, stamp_of
from honk.domain.task import Task, TaskId
from honk.errors import NotAllowed, Usage
from honk.steps.build import given
from honk.testing.fake_work import APP, Edit
from honk.testing.world import World, world

pytestmark = pytest.mark.anyio
MADE = b'[build]\ncommand = "build"\noutput = "built.ipa"\nkind = "ios"\nfirst_number = 57\n'
CARRIES = MADE + b'version = "1.4.{number}"\nside_by_side = "app"\n'


async def _built(there: World, words: str, content: bytes) -> Task:
    there.agent.habits[""] = Edit(files={APP: content})
    return await there.settled(await there.ask(words))


def _stamps(there: World) -> list[dict[str, str]]:
    """What build commands were given, in the order in which their sandboxes were opened."""
    boxes = there.app.ports.sandboxes.boxes  # type: ignore[attr-defined]
    found = ({name: one for name, one in box.environment.items() if name.startswith("HONK_")} for box in boxes)
    return [one for one in found if one]


async def test_the_number_grows_across_tasks_and_a_commit_keeps_its_own(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": MADE}) as there, there.working():
        first, second = [await _built(there, f"make it play {one}", ipa()) for one in "ab"]
        numbers = []
        for task in (first, second):
            made = await there.store.records.build(task.id)
            assert made is not None and made.stamp is not None and made.stamp.version == ""
            numbers.append(made.stamp.number)
            again = await there.app.stamp_build(await there.person(), task, made.commit)
            assert again == (made.commit, made.stamp)
        assert numbers == [57, 58]
        assert {"HONK_BUILD_NUMBER": "57"} in _stamps(there) and {"HONK_BUILD_NUMBER": "58"} in _stamps(there)
        await there.app.reply(await there.person(), first, "friendlier")
        await there.settled(first)
        made = await there.store.records.build(first.id)
        assert made is not None and made.stamp is not None and made.stamp.number == 59


async def test_a_command_finds_all_that_the_repository_wants(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": CARRIES}) as there, there.working():
        task = await _built(there, "make it play", ipa())
        wanted = {
            "HONK_BUILD_NUMBER": "57",
            "HONK_VERSION": "1.4.57",
            "HONK_APP_ID_SUFFIX": ".honk",
            "HONK_APP_NAME_SUFFIX": " (Honk)",
        }
        assert _stamps(there)[-1] == wanted
        made = await there.store.records.build(task.id)
        assert made is not None and made.package is not None and made.package.facts is not None
        assert made.stamp is not None and len(missed(made.stamp, made.package.facts)) == 3, "all but the number"


async def test_an_uploaded_build_is_checked_against_what_the_ci_was_given(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": CARRIES}) as there, there.working():
        task = await _built(there, "make it play", b"fixed")
        person, head = await there.person(), (await there.pull_request(task)).head
        file = tmp_path / "app"
        file.write_bytes(ipa())
        made = await given(task, Sha("a" * 40), file, ports=there.app.ports)
        assert made.stamp is None, "nobody asked for one"
        commit, stamp = await there.app.stamp_build(person, task, head[:9])
        assert commit == head
        good = info(
            CFBundleVersion=f"{stamp.number}.2",
            CFBundleShortVersionString=stamp.version,
            CFBundleIdentifier=f"com.example.player{stamp.id_suffix}",
            CFBundleDisplayName=f"Player{stamp.name_suffix}",
        )
        for content, taken in ((ipa(Info=good), True), (ipa(Info=info(CFBundleVersion="3")), False)):
            file.write_bytes(content)
            made = await given(task, head, file, ports=there.app.ports)
            assert made.stamp == stamp and made.package is not None and made.package.facts is not None
            assert (missed(stamp, made.package.facts) == ()) is taken
        with pytest.raises(Usage):
            await there.app.stamp_build(person, task, "f" * 40)
        there.policy.refused.add((person.id, "steer"))  # type: ignore[arg-type]
        with pytest.raises(NotAllowed):
            await there.app.stamp_build(person, task, head)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ()),
        ({"number": "56"}, ("version code is 56", "refuses it")),
        ({"number": "58"}, ("version code is 58",)),
        ({"number": ""}, ("not set",)),
        ({"version": "2.0"}, ("version is 2.0",)),
        ({"id": "com.example.player"}, ("takes the place",)),
        ({"name": "Player"}, ("name does not end",)),
    ],
    ids=["all", "lower", "greater", "no number", "version", "identifier", "name"],
)
def test_what_was_not_taken_is_said(changes: dict[str, str], said: tuple[str, ...]) -> None:
    stamp = Stamp(number=57, version="1.4.57", id_suffix=".honk", name_suffix=" (Honk)")
    facts = AppFacts(form="apk", id="com.example.player.honk", name="Player (Honk)", version="1.4.57", number="57")
    found = missed(stamp, replace(facts, **changes))  # type: ignore[arg-type]
    assert len(found) == len(said) and all(word in one for word, one in zip(said, found, strict=True))


def test_an_identifier_of_a_tasks_own_is_one_for_both_systems() -> None:
    config = BuildConfig(command="x", output="y", side_by_side="task")
    stamps = [stamp_of(config, TaskId(one), Sha("a" * 40)) for one in ("fix-the-crash-1a2b3c", "fix-the-crash-1a2b3d")]
    assert stamps[0].id_suffix != stamps[1].id_suffix
    for one in stamps:
        last = one.id_suffix.removeprefix(".honk.")
        assert last[0].isalpha() and last.isalnum() and one.name_suffix.startswith(" (fix-the-crash")


async def test_a_workflow_that_deploys_is_told_number_and_version(tmp_path: Path) -> None:
    config = (
        b'[build]\nversion = "2.{number}"\nfirst_number = 7\n[deploy]\nworkflow = "deploy.yml"\n'
        b'inputs = { number = "{number}", name = "v{version} of {commit}" }\n'
    )
    async with world(tmp_path, {".honk.toml": config}) as there, there.working():
        there.ci.on = True
        task = await there.settled(await there.ask())
        assert await there.store.records.build(task.id) is None, "somebody's CI makes it"
        await there.app.merge(await there.person(), task, method=there.method, consent=Consent(accept_unsure=True))
        await there.settled(task)
        [release] = there.deployer.releases.values()
        assert dict(release.inputs) == {"number": "7", "name": f"v2.7 of {release.commit}"}
