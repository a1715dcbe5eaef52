"""What every implementation of the `Gate` port promises, on small Python repositories with real git and sandboxes."""

from pathlib import Path

import pytest

from honk.domain.event import VerifierFinished, VerifierStarted
from honk.domain.verdict import Answer, Kind
from honk.testing.gate_world import GateWorld, finding

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

PLAYER = "def first(tracks):\n    return tracks[0]\n"
FIXED = "def first(tracks):\n    return tracks[0] if tracks else None\n"
TESTS = """import unittest
from player import first

class TestFirst(unittest.TestCase):
    def test_one(self):
        self.assertEqual(first([1]), 1)
"""
MORE_TESTS = TESTS + "\n    def test_empty(self):\n        self.assertIsNone(first([]))\n"
DEFECT = "Fix the crash when a playlist is empty"


@pytest.fixture
def world(short_tmp: Path) -> GateWorld:
    world = GateWorld(short_tmp)
    world.commit({"player.py": PLAYER, "test_player.py": TESTS})
    return world


async def test_a_fix_with_its_test_passes_and_is_proven(world: GateWorld) -> None:
    verdict = await world.verify({"player.py": FIXED, "test_player.py": MORE_TESTS}, DEFECT)
    assert verdict.answer is Answer.PASS, verdict
    assert finding(verdict, "unittest").summary == "2 tests passed"
    assert verdict.proof is not None
    assert verdict.proof.tests == ("test_player.TestFirst.test_empty",)
    assert verdict.proof.red.exit_code == 1 and verdict.proof.green.exit_code == 0
    assert verdict.not_proven == ()


async def test_the_tests_of_a_fix_without_its_source_fail(world: GateWorld) -> None:
    verdict = await world.verify({"test_player.py": MORE_TESTS}, DEFECT)
    assert verdict.answer is Answer.FAIL
    assert "test_empty" in finding(verdict, "unittest").summary
    assert "IndexError" in world.gate.words(verdict)


async def test_a_fix_that_nothing_shows_is_unsure(world: GateWorld) -> None:
    verdict = await world.verify({"player.py": FIXED}, DEFECT)
    assert verdict.answer is Answer.UNSURE
    assert finding(verdict, "red-green").answer is Answer.UNSURE
    assert any("no test was shown to fail" in sentence for sentence in verdict.not_proven)


async def test_a_fix_whose_test_is_green_on_the_base_is_unsure(world: GateWorld) -> None:
    green = TESTS + "\n    def test_two(self):\n        self.assertEqual(first([2]), 2)\n"
    verdict = await world.verify({"player.py": FIXED, "test_player.py": green}, DEFECT)
    assert verdict.answer is Answer.UNSURE and verdict.proof is None


async def test_a_feature_needs_no_proof(world: GateWorld) -> None:
    verdict = await world.verify({"player.py": FIXED}, "Let first() return None for no tracks")
    assert verdict.answer is Answer.PASS


async def test_breaking_a_test_fails(world: GateWorld) -> None:
    verdict = await world.verify({"player.py": "def first(tracks):\n    return 7\n"}, "Make it simple")
    assert verdict.answer is Answer.FAIL
    evidence = finding(verdict, "unittest").evidence[0]
    assert evidence.exit_code == 1 and evidence.log in world.kept.contents
    assert "7 != 1" in evidence.condensed


async def test_a_removed_test_blocks_unless_asked_for(world: GateWorld) -> None:
    empty = "import unittest\n\nclass T(unittest.TestCase):\n    def test_x(self):\n        self.assertTrue(len('a'))\n"
    verdict = await world.verify({"test_player.py": empty, "player.py": FIXED}, "Make it simple")
    assert verdict.answer is Answer.FAIL
    assert "test_one" in finding(verdict, "weakened tests").summary
    asked = await world.verify({"test_player.py": empty, "player.py": FIXED}, "Remove the old tests of first()")
    assert asked.answer is Answer.PASS


async def test_tests_alone_are_unsure_unless_asked_for(world: GateWorld) -> None:
    green = TESTS + "\n    def test_two(self):\n        self.assertEqual(first([2]), 2)\n"
    assert (await world.verify({"test_player.py": green}, "Improve the player")).answer is Answer.UNSURE
    assert (await world.verify({"test_player.py": green}, "Add a test for two tracks")).answer is Answer.PASS


async def test_what_was_failing_before_does_not_count(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    broken = TESTS + "\n    def test_old(self):\n        self.assertEqual(1, 2)\n"
    world.commit({"player.py": PLAYER, "test_player.py": broken})
    base = await world.baseline()
    assert base.base_broken == "" and finding(base, "unittest").answer is Answer.FAIL
    verdict = await world.verify({"player.py": FIXED}, "Let first() return None for no tracks")
    assert verdict.answer is Answer.PASS
    assert finding(verdict, "unittest").failing_before == ("test_player.TestFirst.test_old",)
    worse = await world.verify({"player.py": "def first(tracks):\n    return 7\n"}, "Make it simple")
    assert worse.answer is Answer.FAIL and "test_one" in finding(worse, "unittest").summary


async def test_a_base_on_which_no_test_passes_is_said_at_once(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    world.commit({"player.py": "syntax error", "test_player.py": TESTS})
    verdict = await world.baseline()
    assert "no test passes on the base" in verdict.base_broken


async def test_no_tests_is_unsure_never_pass(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    world.commit({"player.py": PLAYER})
    verdict = await world.verify({"player.py": FIXED}, "Let first() return None")
    assert verdict.answer is Answer.UNSURE
    assert any("No test ran" in sentence for sentence in verdict.not_proven)


async def test_tests_that_are_no_longer_found_are_named(world: GateWorld) -> None:
    verdict = await world.verify({"test_player.py": None, "check_player.py": TESTS}, "Move things")
    assert verdict.answer is not Answer.PASS
    assert finding(verdict, "unittest").summary == "no tests ran"


async def test_the_second_time_is_read_from_the_cache(world: GateWorld) -> None:
    first = await world.verify({"player.py": FIXED}, "Simplify")
    world.events.clear()
    second = await world.gate.verify(await world.exam({"player.py": FIXED}, "Simplify"), world.tell)
    assert second is not None and second.findings == first.findings
    assert not [one for one in world.events if isinstance(one, VerifierStarted)]
    finished = [one for one in world.events if isinstance(one, VerifierFinished)]
    assert finished and all(one.cached for one in finished)


async def test_the_environment_for_the_agent_has_a_python(world: GateWorld) -> None:
    mounts, variables = await world.gate.environment(await world.exam(None), world.tell)
    assert [mount.target for mount in mounts] == ["/env"] and not mounts[0].writable
    assert variables == {"VIRTUAL_ENV": "/env/venv"}


async def test_rules_of_the_repository_come_from_the_base(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    world.commit({".honk.toml": 'verify = ["grep -q good state"]\n[scope]\nprotected = ["keep/**"]\n', "state": "good"})
    fooled = await world.verify({".honk.toml": 'verify = ["true"]\n', "state": "bad"}, "Change the state")
    assert fooled.answer is Answer.FAIL
    assert ".honk.toml" in finding(fooled, "definition of verification").summary
    guarded = await world.verify({"keep/a.txt": "x"}, "Add a file")
    assert finding(guarded, "scope").answer is Answer.FAIL


async def test_commands_of_the_task_replace_the_detected_verifiers(world: GateWorld) -> None:
    verdict = await world.verify({"player.py": FIXED}, "Simplify", "python3 -c 'import player'")
    assert verdict.answer is Answer.PASS
    assert [one.verifier for one in verdict.findings if one.kind is Kind.TEST] == ["python3 -c 'import player'"]
    assert finding(verdict, "python3 -c 'import player'").summary == "passed"


async def test_a_verifier_that_changes_the_tree_fails(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    world.commit(
        {".honk.toml": 'verify = ["sh fmt.sh"]\n', "fmt.sh": "grep -q x data || echo y > data\n", "data": "x\n"}
    )
    verdict = await world.verify({"data": "z\n"}, "Change the data")
    assert verdict.answer is Answer.FAIL
    assert finding(verdict, "sh fmt.sh").summary == "it changes files of the repository: data"


async def test_a_timeout_and_a_crash_are_unsure(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    config = '[[verify]]\nname = "slow"\ncommand = "sleep 60"\ntimeout = 0.5\n'
    config += '[[verify]]\nname = "gone"\ncommand = "kill -9 $$"\n'
    world.commit({".honk.toml": config, "a": "1"})
    verdict = await world.verify({"a": "2"}, "Change a")
    assert verdict.answer is Answer.UNSURE
    assert "time limit" in finding(verdict, "slow").summary
    assert "crashed" in finding(verdict, "gone").summary


async def test_verifiers_have_no_network(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    line = "import socket; s = socket.socket(); s.settimeout(2); print(s.connect_ex(('192.0.2.1', 80)))"
    world.commit({".honk.toml": f"verify = ['''python3 -c \"{line}\" | grep -qx 101''']\n", "a": "1"})
    assert (await world.verify({"a": "2"}, "Change a")).answer is Answer.PASS


async def test_set_up_that_fails_breaks_the_base(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    world.commit({".honk.toml": 'setup = ["echo no such compiler >&2; exit 3"]\nverify = ["true"]\n'})
    verdict = await world.baseline()
    assert "set-up failed" in verdict.base_broken and "no such compiler" in verdict.base_broken
    assert finding(verdict, "set-up").evidence[0].exit_code == 3


async def test_what_set_up_makes_in_the_tree_is_given_to_verifiers(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    config = 'setup = ["mkdir -p node_modules/a && echo 1 > node_modules/a/x && echo 2 > made.txt"]\n'
    config += 'verify = ["sh check.sh"]\n'
    check = "test \"$(cat node_modules/a/x made.txt | tr -d '\\n')\" = 12"
    check += " && touch node_modules/.cache/y && ! touch node_modules/z\n"
    world.commit({".honk.toml": config, "check.sh": check, ".gitignore": "node_modules\nmade.txt\n"})
    verdict = await world.verify({"a": "2"}, "Change a")
    assert verdict.answer is Answer.PASS, verdict
    mounts, _ = await world.gate.environment(await world.exam(None), world.tell)
    assert {mount.target for mount in mounts} == {"/env", "/workspace/node_modules", "/workspace/made.txt"}


async def test_a_changed_conftest_is_named(world: GateWorld) -> None:
    verdict = await world.verify({"player.py": FIXED, "conftest.py": ""}, "Simplify")
    assert verdict.answer is Answer.UNSURE
    assert "conftest.py" in finding(verdict, "definition of verification").summary
