"""Environments with packages of this machine's own registries, through the broker, by real pip."""

import os
from pathlib import Path

import pytest

from honk.adapters.registries import discover
from honk.domain.event import EnvironmentReady
from honk.domain.verdict import Answer
from honk.ports import Registries
from honk.testing.gate_world import GateWorld, finding

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

PYPROJECT = """[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"
[project]
name = "player"
version = "1.0"
[project.optional-dependencies]
test = ["pytest"]
[tool.setuptools]
py-modules = ["player"]
"""
TESTS = """import pytest
from player import first

@pytest.mark.parametrize("tracks", [[1], [1, 2]])
def test_first(tracks):
    assert first(tracks) == 1
"""


@pytest.mark.slow
async def test_pytest_from_an_index_and_a_proof_by_its_report(short_tmp: Path) -> None:
    world = GateWorld(short_tmp, registries=discover(os.environ, home=Path.home()))
    world.commit(
        {"pyproject.toml": PYPROJECT, "player.py": "def first(t):\n    return t[0]\n", "tests/test_player.py": TESTS}
    )
    base = await world.baseline()
    if base.base_broken and "No matching distribution" in base.base_broken:
        pytest.skip("no package index can be reached from here")
    assert base.base_broken == "" and base.answer is Answer.PASS, base
    made = [one for one in world.events if isinstance(one, EnvironmentReady)]
    assert [(one.toolchain, one.ok) for one in made] == [("python", True)]

    more = TESTS + "\ndef test_none():\n    assert first([]) is None\n"
    fixed = {"player.py": "def first(t):\n    return t[0] if t else None\n", "tests/test_player.py": more}
    verdict = await world.verify(fixed, "fix the crash for no tracks")
    assert verdict.answer is Answer.PASS, verdict
    assert verdict.proof is not None and verdict.proof.tests == ("tests/test_player.py::test_none",)
    assert len([one for one in world.events if isinstance(one, EnvironmentReady)]) == 1

    broken = await world.verify({"player.py": "def first(t)\n"}, "fix the crash for no tracks")
    assert broken.answer is Answer.FAIL
    assert "SyntaxError" in finding(broken, "pytest").evidence[0].condensed

    silent = await world.verify({"player.py": "import os\nos._exit(0)\n"}, "make it quick")
    assert finding(silent, "pytest").answer is Answer.UNSURE

    left_out = await world.verify(
        {"pyproject.toml": PYPROJECT + '[tool.pytest.ini_options]\naddopts = "-k nothing"\n'}, "make it quick"
    )
    assert left_out.answer is not Answer.PASS
    assert "pyproject.toml" in finding(left_out, "definition of verification").summary

    newer = await world.verify({"pyproject.toml": PYPROJECT.replace("1.0", "2.0")}, "release 2.0")
    assert newer.answer is Answer.PASS
    assert len([one for one in world.events if isinstance(one, EnvironmentReady)]) == 2


async def test_an_index_with_credentials_is_refused_before_anything_runs(short_tmp: Path) -> None:
    refusal = "pip's index-url: the address of example.org holds credentials"
    world = GateWorld(short_tmp, registries=Registries(refusals=(refusal,)))
    world.commit({"pyproject.toml": PYPROJECT, "player.py": "x = 1\n", "tests/test_player.py": TESTS})
    assert (await world.baseline()).base_broken == refusal
