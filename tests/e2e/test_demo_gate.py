"""The gate on the replayed session: the first attempt is refused, the second and the reply are accepted."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from honk.demo import script
from honk.demo.example import example
from honk.domain.verdict import Answer
from honk.testing.gate_world import GateWorld, finding
from honk.testing.scripted_model import Say

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

STEPS = [step for step in script.SCENARIOS[0].steps if isinstance(step, Say)]
FIRST, SECOND = STEPS[: script.SECOND_ATTEMPT], STEPS[script.SECOND_ATTEMPT :]
REPLY = [step for step in script.SCENARIOS[1].steps if isinstance(step, Say)]


@pytest.fixture
def world(short_tmp: Path) -> GateWorld:
    world = GateWorld(short_tmp)
    left_out = shutil.ignore_patterns("dist", "__pycache__")
    shutil.copytree(example(), world.origin, dirs_exist_ok=True, ignore=left_out)
    world.commit({})
    return world


def edited(world: GateWorld, turns: Iterable[Say]) -> dict[str, str | None]:
    """What the files are after these turns."""
    files: dict[str, str | None] = {}
    for call in (call for turn in turns for call in turn.calls if call.tool == "Edit"):
        name = str(call.input["file_path"]).removeprefix("/workspace/")
        text = files.get(name) or (world.origin / name).read_text(encoding="utf-8")
        files[name] = text.replace(str(call.input["old_string"]), str(call.input["new_string"]))
    return files


async def test_first_refused_then_accepted(world: GateWorld) -> None:
    """One story, because the findings on the base are shared by all of its verdicts."""
    baseline = await world.baseline()
    assert (baseline.answer, baseline.base_broken) == (Answer.PASS, "")

    first = await world.verify(edited(world, FIRST), script.INSTRUCTION)
    assert first.answer is Answer.FAIL
    assert "test_it_lists_all_playlists" in finding(first, "unittest").summary
    said = world.gate.words(first)
    assert "tests/test_catalogue.py" in said and "assertion" in said

    second = await world.verify(edited(world, [*FIRST, *SECOND]), script.INSTRUCTION)
    assert second.answer is Answer.PASS, world.gate.words(second)
    assert second.proof is not None
    proven = " ".join(second.proof.tests)
    assert "test_a_playlist_without_songs_has_a_summary" in proven
    assert "test_a_playlist_without_songs_has_a_page_that_says_so" in proven

    words = f"{script.INSTRUCTION}\n\n{script.FOLLOW_UP}"
    reply = await world.verify(edited(world, [*FIRST, *SECOND, *REPLY]), words)
    assert reply.answer is Answer.PASS, world.gate.words(reply)


async def test_the_first_version_is_accepted(world: GateWorld) -> None:
    text = (world.origin / "api/__init__.py").read_text(encoding="utf-8")
    verdict = await world.verify({"api/__init__.py": text.replace("1.0.0", "1.0.1")}, script.FIRST_VERSION)
    assert verdict.answer is Answer.PASS, world.gate.words(verdict)
