"""Weakened tests, changed definitions, scope: what a change may not do in silence."""

from collections.abc import Mapping

import pytest
from checks_tree import changed, tree

from honk.app.reverting import taking_back
from honk.checks import definitions, paths, scope, weakened
from honk.checks.instruction import Instruction
from honk.checks.plan import Verifier
from honk.checks.tally import Tally
from honk.domain.repository import Sha
from honk.domain.task import TaskId
from honk.domain.verdict import Answer, Finding, Kind

pytestmark = pytest.mark.anyio

BASE = """import pytest

class TestA:
    def test_one(self):
        assert f(1) == 1
        assert f(2) == 2

def test_two():
    with pytest.raises(ValueError):
        f(None)
    check_all(f)
"""


async def look(base: Mapping[str, str], change: Mapping[str, str]) -> weakened.Weakened:
    return await weakened.look(await tree(base), await tree(change), changed(base, change))


async def after(old: str, new: str) -> list[str]:
    found = await look({"tests/test_a.py": BASE}, {"tests/test_a.py": BASE.replace(old, new)})
    assert old in BASE
    return found.blocking


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("        assert f(2) == 2\n", "", "1 assertions instead of 2"),
        ("assert f(2) == 2", "assert True", "1 assertions instead of 2"),
        ("assert f(1) == 1", "return", "0 assertions instead of 2"),
        ("assert f(1) == 1", "if False:\n            assert f(1) == 1", "1 assertions instead of 2"),
        (
            "        assert f(1) == 1\n",
            "        try:\n            assert f(1) == 1\n        except Exception:\n            pass\n",
            "1 assertions instead of 2",
        ),
        ("    with pytest.raises(ValueError):\n        f(None)\n", "    f(None)\n", "1 assertions instead of 2"),
        ("def test_two():", "@pytest.mark.skip\ndef test_two():", "skipped"),
        ("def test_two():", "@pytest.mark.xfail(reason='x')\ndef test_two():", "skipped"),
        ("    check_all(f)", "    check_all(f)\n    pytest.skip('x')", "skipped"),
        ("import pytest\n", "import pytest\npytestmark = pytest.mark.skip\n", "no longer collected"),
        ("class TestA:", "@pytest.mark.skip\nclass TestA:", "no longer collected"),
        ("class TestA:", "class TestA:\n    __test__ = False", "no longer collected"),
        ("def test_two():", "def xtest_two():", "test_two removed"),
        ("class TestA:", "class A:", "TestA.test_one"),
    ],
)
async def test_weaker_python_tests_are_named(old: str, new: str, word: str) -> None:
    found = await after(old, new)
    if word != "TestA.test_one":
        assert any(word in sentence for sentence in found), found
    else:
        # The class was renamed with the same test in it: the runner, not the syntax, sees that it is not collected.
        assert found == []


async def test_assertions_that_moved_into_a_helper_are_still_there() -> None:
    moved = BASE.replace("        assert f(1) == 1\n        assert f(2) == 2\n", "        both(1)\n        both(2)\n")
    helper = "def both(x):\n    assert f(x) == x\n"
    assert (await look({"test_a.py": BASE}, {"test_a.py": moved + helper})).blocking == []


async def test_a_later_definition_of_the_same_name_hides_the_test() -> None:
    found = await look({"test_a.py": BASE}, {"test_a.py": BASE + "\ndef test_two():\n    pass\n"})
    assert found.blocking == ["test_a.py: test_two makes 0 assertions instead of 2"]


async def test_more_and_moved_tests_are_fine() -> None:
    assert (
        await look({"test_a.py": BASE}, {"test_a.py": BASE + "\ndef test_three():\n    assert f(3)\n"})
    ).blocking == []
    moved = await look({"test_a.py": BASE}, {"tests/test_b.py": BASE})
    assert moved.blocking == [] and moved.moved == {"test_one": "test_one", "test_two": "test_two"}
    renamed = await after("def test_two():", "def test_none_is_refused():")
    assert renamed == []


async def test_a_deleted_test_file_is_named() -> None:
    found = await look({"tests/test_a.py": BASE, "a.py": ""}, {"a.py": "1"})
    assert found.blocking == ["tests/test_a.py: the test file is deleted, with TestA.test_one, test_two"]
    assert (await look({"a_test.go": "x"}, {})).blocking == ["a_test.go: the test file is deleted"]


JAVASCRIPT = "test('one', () => { expect(f(1)).toBe(1); });\nit('two', () => { expect(f(2)).toBe(2); });\n"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (JAVASCRIPT.replace("test('one'", "test.skip('one'"), "skipped"),
        (JAVASCRIPT.replace("it('two'", "xit('two'"), "skipped"),
        (JAVASCRIPT.replace("it('two'", "it.only('two'"), "`.only`"),
        (JAVASCRIPT.replace("test('one', ", "test('one', { skip: true }, "), "skipped"),
        (JAVASCRIPT.splitlines()[0], "“two” is gone"),
        (JAVASCRIPT.replace("expect(f(2)).toBe(2);", ""), "1 expectations instead of 2"),
        (JAVASCRIPT.replace("it(", "// it("), "“two” is gone"),
    ],
)
async def test_weaker_javascript_tests_are_named(change: str, word: str) -> None:
    found = await look({"src/a.test.js": JAVASCRIPT}, {"src/a.test.js": change})
    assert any(word in sentence for sentence in found.blocking), found.blocking


async def test_a_new_title_alone_is_no_weaker_test() -> None:
    assert (await look({"a.test.ts": JAVASCRIPT}, {"a.test.ts": JAVASCRIPT.replace("'two'", "'2'")})).blocking == []


@pytest.mark.parametrize("text", ["it('" * 50_000, "/*" * 100_000, "expect(" * 50_000, "test.each" * 30_000])
async def test_no_test_file_keeps_the_look_busy(text: str) -> None:
    await look({"a.test.js": JAVASCRIPT}, {"a.test.js": text})


async def test_what_the_gate_runs_of_a_change_is_named() -> None:
    found = definitions.executed(changed({}, {"tests/helper.py": "x", "setup.py": "y", "src/a.py": "z"}))
    assert found is not None and not found.counts
    assert found.summary.endswith("tests: tests/helper.py; set-up: setup.py")
    assert definitions.executed(changed({}, {"src/a.py": "z"})) is None


async def test_snapshots() -> None:
    old = {"__snapshots__/a.snap": "one\ntwo\n"}
    assert (await look(old, {})).blocking and not (await look(old, {})).doubtful
    assert (await look(old, {"__snapshots__/a.snap": "one\n2\n"})).doubtful
    added = await look(old, {"__snapshots__/a.snap": "one\ntwo\nthree\n"})
    assert not added.blocking and not added.doubtful


def answer(words: str) -> Finding | None:
    found = weakened.Weakened(blocking=["test_a.py: test_one removed"])
    return weakened.finding(found, [], Instruction(words))


def test_weaker_tests_block_unless_asked_for() -> None:
    assert answer("Make it fast").answer is Answer.FAIL  # type: ignore[union-attr]
    assert answer("Remove the old tests").answer is Answer.PASS  # type: ignore[union-attr]
    assert weakened.finding(weakened.Weakened(), [], Instruction("x")) is None


def test_a_revert_takes_its_tests_back_and_reports_no_defect() -> None:
    command = taking_back(TaskId("fix-the-crash-12ab34"), Sha("a" * 40))
    assert answer(command).answer is Answer.UNSURE  # type: ignore[union-attr]
    assert not Instruction(command).reports_defect


@pytest.mark.parametrize(
    ("before", "after_", "missing"),
    [
        (("t.py::a", "t.py::b"), ("t.py::a",), ["t.py::b"]),
        (("t.py::a", "t.py::b"), ("t.py::a", "t.py::c"), ["t.py::b"]),
        (("t.py::a[1]", "t.py::a[2]"), ("t.py::a[x]",), []),
        (("t.py::a",), ("u.py::a",), []),
        (("m.T.a",), ("m.T.b",), ["m.T.a"]),
        (("does a",), ("does b",), []),
        (("does a", "does b"), ("does a",), ["does b"]),
        (("same", "same #2"), ("same",), []),
    ],
)
def test_tests_that_no_longer_run(before: tuple[str, ...], after_: tuple[str, ...], missing: list[str]) -> None:
    old = Tally(ran=len(before), passed=before, failed=())
    new = Tally(ran=len(after_), passed=after_, failed=())
    assert weakened.no_longer_run(old, new, {}) == missing


def test_a_renamed_test_is_excused_only_when_its_new_self_ran() -> None:
    old = Tally(ran=1, passed=("t.py::TestA::test_one",), failed=())
    renamed = {"test_one": "test_first"}
    assert weakened.no_longer_run(old, Tally(ran=1, passed=("t.py::TestA::test_first",), failed=()), renamed) == []
    assert weakened.no_longer_run(old, Tally(ran=1, passed=("t.py::x",), failed=()), renamed)
    assert weakened.no_longer_run(old, Tally(ran=1, passed=("t.py::x",), failed=()), {"test_one": "test_one"})


def test_a_module_that_cannot_be_imported_is_red_and_not_missing() -> None:
    old = Tally(ran=2, passed=("t.py::a", "t.py::b"), failed=())
    assert weakened.no_longer_run(old, Tally(ran=1, passed=(), failed=("t.py",)), {}) == []


VERIFIER = Verifier(name="x", kind=Kind.TEST, argv=("sh", "-c", "scripts/test"), definition=("scripts/test",))


async def define(base: Mapping[str, str], change: Mapping[str, str], words: str = "Make it fast") -> Finding | None:
    files = changed(base, change)
    return await definitions.finding(await tree(base), await tree(change), files, (VERIFIER,), Instruction(words))


@pytest.mark.parametrize(
    "path",
    [
        *(
            "conftest.py",
            "tests/conftest.py",
            "pytest.ini",
            "tox.ini",
            "jest.config.js",
            "vitest.config.ts",
            ".mocharc.json",
        ),
        *(".eslintrc.json", "eslint.config.mjs", "ruff.toml", "mypy.ini", "tsconfig.json", ".github/workflows/ci.yml"),
        *(
            ".gitlab-ci.yml",
            "Makefile",
            ".honk.toml",
            ".ci/run",
            "scripts/test",
            "node_modules/x/i.js",
            "sitecustomize.py",
        ),
        *("pytest.py", "unittest/__init__.py", "json.py"),
    ],
)
async def test_a_changed_definition_is_named(path: str) -> None:
    found = await define({}, {path: "x"})
    assert found is not None and found.answer is Answer.UNSURE and path in found.summary


@pytest.mark.parametrize(
    "path", ["src/app.py", "README.md", "docs/pytest.md", "scripts/other", "src/json.py", "lib/make.js"]
)
async def test_other_files_are_no_definition(path: str) -> None:
    assert await define({}, {path: "x"}) is None


@pytest.mark.parametrize(
    ("path", "old", "new", "named"),
    [
        ("pyproject.toml", "[project]\nversion = '1'\n", "[project]\nversion = '2'\n", False),
        ("pyproject.toml", "[tool.pytest.ini_options]\na = 1\n", "[tool.pytest.ini_options]\na = 2\n", True),
        ("pyproject.toml", "[tool.ruff]\n", "", True),
        ("pyproject.toml", "a = 1", "a = = 1", True),
        ("setup.cfg", "[metadata]\nversion = 1\n", "[metadata]\nversion = 2\n", False),
        ("setup.cfg", "[tool:pytest]\naddopts = -q\n", "[tool:pytest]\naddopts = -k x\n", True),
        ("package.json", '{"version": "1"}', '{"version": "2"}', False),
        ("package.json", '{"scripts": {"test": "a"}}', '{"scripts": {"test": "true"}}', True),
        ("package.json", '{"scripts": {"start": "a"}}', '{"scripts": {"start": "b"}}', False),
        ("package.json", "{}", '{"jest": {}}', True),
    ],
)
async def test_of_a_file_with_other_things_only_the_part_counts(path: str, old: str, new: str, named: bool) -> None:
    assert (await define({path: old}, {path: new}) is not None) is named


async def test_a_definition_may_be_changed_when_it_is_asked_for() -> None:
    found = await define({}, {"tests/conftest.py": "x"}, "Add a fixture for playlists")
    assert found is not None and found.answer is Answer.PASS
    both = await define({}, {"tests/conftest.py": "x", "tox.ini": "y"}, "Add a fixture for playlists")
    assert both is not None and both.answer is Answer.UNSURE and "conftest" not in both.summary


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("src/a.py", "src", True),
        ("src/a.py", "src/*.py", True),
        ("src/b/a.py", "src/*.py", False),
        ("src/b/a.py", "src/**", True),
        ("src/b/a.py", "**/a.py", True),
        ("a.py", "**/a.py", True),
        ("xsrc/a.py", "src", False),
        ("src/a+b.py", "src/a+b.py", True),
    ],
)
def test_patterns_of_scope(path: str, pattern: str, expected: bool) -> None:
    assert scope.matches(path, pattern) is expected


@pytest.mark.parametrize(
    ("path", "test", "code"),
    [
        ("tests/test_a.py", True, False),
        ("src/a.py", False, True),
        ("src/a.test.ts", True, False),
        ("tests/data/x.json", True, False),
        ("README.md", False, False),
        ("docs/conf.py", False, False),
        ("src/contest.py", False, True),
        ("app/latest.py", False, True),
        ("Dockerfile", False, False),
        ("internal/a_test.go", True, False),
    ],
)
def test_what_a_path_says(path: str, test: bool, code: bool) -> None:
    assert (paths.is_test(path), paths.is_code(path)) == (test, code)


def test_a_path_is_shown_in_one_line() -> None:
    assert paths.shown("a\nb\udcff") == "a\\nb\\xff"
