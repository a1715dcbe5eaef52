"""The gate on small Node and Make repositories, with real git, node, npm and real sandboxes."""

import json
from pathlib import Path

import pytest

from honk.domain.verdict import Answer
from honk.testing.gate_world import GateWorld, finding

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

PACKAGE = json.dumps({"name": "player", "scripts": {"test": "node --test", "build": "node build.js"}})
PLAYER = "exports.first = (tracks) => tracks[0].name;\n"
FIXED = "exports.first = (tracks) => (tracks.length ? tracks[0].name : null);\n"
TESTS = """const test = require('node:test');
const assert = require('node:assert');
const { first } = require('./player');
test('one track', () => { assert.strictEqual(first([{name: 'a'}]), 'a'); });
"""
MORE_TESTS = TESTS + "test('no tracks', () => { assert.strictEqual(first([]), null); });\n"
BUILD = "require('fs').mkdirSync('dist', {recursive: true}); require('fs').writeFileSync('dist/a', 'x');\n"


@pytest.fixture
def world(short_tmp: Path) -> GateWorld:
    world = GateWorld(short_tmp)
    world.commit({"package.json": PACKAGE, "player.js": PLAYER, "player.test.js": TESTS, "build.js": BUILD})
    return world


async def test_a_fix_with_its_test_passes_and_is_proven(world: GateWorld) -> None:
    verdict = await world.verify({"player.js": FIXED, "player.test.js": MORE_TESTS}, "Fix the crash on an empty list")
    assert verdict.answer is Answer.PASS, verdict
    assert verdict.proof is not None and verdict.proof.tests == ("no tracks",)
    assert finding(verdict, "npm run build").answer is Answer.PASS


async def test_its_tests_alone_fail(world: GateWorld) -> None:
    verdict = await world.verify({"player.test.js": MORE_TESTS}, "Fix the crash on an empty list")
    assert verdict.answer is Answer.FAIL
    assert finding(verdict, "npm test").summary == "1 failing: no tracks"
    assert "TypeError" in world.gate.words(verdict)


async def test_a_skipped_test_blocks(world: GateWorld) -> None:
    skipped = TESTS.replace("test('one", "test.skip('one") + "test('x', () => { assert.ok(first([{name: 'b'}])); });\n"
    verdict = await world.verify({"player.test.js": skipped, "player.js": FIXED}, "Return null for no tracks")
    assert verdict.answer is Answer.FAIL
    assert "skipped" in finding(verdict, "weakened tests").summary


async def test_a_changed_script_is_named_and_not_followed_to_a_pass(world: GateWorld) -> None:
    package = PACKAGE.replace("node --test", "true")
    verdict = await world.verify({"package.json": package}, "Return null for no tracks")
    assert verdict.answer is Answer.UNSURE
    assert "package.json" in finding(verdict, "definition of verification").summary


async def test_a_broken_build_fails(world: GateWorld) -> None:
    verdict = await world.verify({"build.js": "throw new Error('no bundler')\n"}, "Edit build.js")
    assert verdict.answer is Answer.FAIL
    assert "no bundler" in finding(verdict, "npm run build").evidence[0].condensed


async def test_output_that_cannot_be_read_is_unsure(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    world.commit({"package.json": json.dumps({"name": "p", "scripts": {"test": "echo fine"}}), "a.js": "1\n"})
    verdict = await world.verify({"a.js": "2\n"}, "Change a")
    assert verdict.answer is Answer.UNSURE
    assert "could not be read" in finding(verdict, "npm test").summary


async def test_make_is_asked_when_nothing_else_tests(short_tmp: Path) -> None:
    world = GateWorld(short_tmp)
    make = "test:\n\t@sh check.sh\n"
    world.commit(
        {
            "Makefile": make,
            "check.sh": "echo 'TAP version 13'; echo \"$(cat state) 1 - state\"; echo 1..1; grep -q ^ok state\n",
        }
    )
    world.commit({"state": "ok\n"})
    assert (await world.verify({"other": "x"}, "Add a file")).answer is Answer.PASS
    verdict = await world.verify({"state": "not ok\n"}, "Change the state")
    assert finding(verdict, "make test").summary == "1 failing: state"
    scripted = await world.verify({"check.sh": "echo 'ok 1 - state'; echo 1..1\n"}, "Change the state")
    assert "check.sh" in finding(scripted, "definition of verification").summary
