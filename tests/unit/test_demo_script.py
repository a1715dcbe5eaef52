"""The replayed session fits the example repository: and its attempts are what they claim to be."""

import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from honk.demo import script
from honk.testing.scripted_model import Call, Say

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "music-player"
FIX, FRIENDLIER = script.SCENARIOS
TURNS = [step for step in FIX.steps if isinstance(step, Say)]
FIRST, SECOND = TURNS[: script.SECOND_ATTEMPT], TURNS[script.SECOND_ATTEMPT :]
REPLY = [step for step in FRIENDLIER.steps if isinstance(step, Say)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    into = tmp_path / "workspace"
    shutil.copytree(EXAMPLE, into, ignore=shutil.ignore_patterns("dist", "__pycache__"))
    return into


def calls(turns: Iterable[Say]) -> list[Call]:
    return [call for turn in turns for call in turn.calls]


def replay(tree: Path, turns: Sequence[Say]) -> set[str]:
    """Applies reads and edits as Claude Code does; returns the files that were changed."""
    read: set[str] = set()
    changed: set[str] = set()
    for call in calls(turns):
        if call.tool not in {"Read", "Edit"}:
            continue
        name = str(call.input["file_path"]).removeprefix("/workspace/")
        text = (tree / name).read_text(encoding="utf-8")
        if call.tool == "Read":
            read.add(name)
            continue
        old, new = str(call.input["old_string"]), str(call.input["new_string"])
        assert name in read, f"{name} is edited before it is read"
        assert text.count(old) == 1, f"{name} holds this {text.count(old)} times, not once:\n{old}"
        assert old != new
        (tree / name).write_text(text.replace(old, new), encoding="utf-8")
        changed.add(name)
    return changed


def unittests(tree: Path) -> tuple[int, str]:
    argv = [sys.executable, "-B", "-m", "unittest", "discover", "-v", "-s", "tests", "-t", "."]
    ran = subprocess.run(argv, cwd=tree, capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode, ran.stderr


def node_tests(tree: Path) -> tuple[int, str]:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    argv = ["node", "--test", "--test-reporter=tap"]
    ran = subprocess.run(argv, cwd=tree, capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode, ran.stdout


def share_page(tree: Path) -> str:
    subprocess.run([sys.executable, "-B", "build.py"], cwd=tree, capture_output=True, timeout=60, check=True)
    return (tree / "dist" / script.STATIC_PAGE).read_text(encoding="utf-8")


def test_the_example_is_green_and_crashes_where_nobody_looks(tree: Path) -> None:
    assert unittests(tree)[0] == 0
    assert script.BEFORE in share_page(tree)


def test_the_first_attempt_weakens_a_test_and_leaves_another_one_red(tree: Path) -> None:
    assert replay(tree, FIRST) == {"api/catalogue.py", "tests/test_catalogue.py"}
    code, said = unittests(tree)
    assert code == 1
    assert "test_it_lists_all_playlists" in said and "FAILED (failures=1)" in said
    before = (EXAMPLE / "tests/test_catalogue.py").read_text(encoding="utf-8").count("self.assert")
    assert (tree / "tests/test_catalogue.py").read_text(encoding="utf-8").count("self.assert") == before - 1


def test_the_second_attempt_is_green_and_takes_the_first_one_back(tree: Path) -> None:
    replay(tree, FIRST)
    replay(tree, SECOND)
    assert unittests(tree)[0] == 0
    for name in ("api/catalogue.py", "tests/test_catalogue.py"):
        assert (tree / name).read_bytes() == (EXAMPLE / name).read_bytes()
    page = share_page(tree)
    assert script.AFTER in page and script.BEFORE not in page


def test_the_new_tests_are_red_without_the_change(tree: Path) -> None:
    replay(tree, FIRST)
    changed = replay(tree, SECOND)
    for name in changed:
        if "tests" not in Path(name).parts:
            shutil.copy(EXAMPLE / name, tree / name)
    code, said = unittests(tree)
    assert code == 1
    assert "test_a_playlist_without_songs_has_a_summary" in said and "FAILED (failures=1, errors=1)" in said


def test_the_web_app_is_red_without_the_change_too(tree: Path) -> None:
    replay(tree, FIRST)
    for name in replay(tree, SECOND):
        if name.startswith("web/js/"):
            shutil.copy(EXAMPLE / name, tree / name)
    code, said = node_tests(tree)
    assert code == 1
    assert "not ok" in said and "a playlist without songs says so and leads to songs" in said


def test_the_reply_goes_on_from_there_and_all_of_it_is_green(tree: Path) -> None:
    replay(tree, FIRST)
    replay(tree, SECOND)
    assert replay(tree, REPLY) == {"web/js/view.js", "web/style.css", "web/tests/view.test.js"}
    code, said = node_tests(tree)
    assert code == 0, said
    assert "a playlist without songs is a friendly place" in said
    assert unittests(tree)[0] == 0


def test_the_first_version_is_one_line(tree: Path) -> None:
    subprocess.run(["sh", "-c", script.FIRST_VERSION], cwd=tree, timeout=10, check=True)
    changed = [
        path.relative_to(tree).as_posix()
        for path in sorted(tree.rglob("*"))
        if path.is_file() and path.read_bytes() != (EXAMPLE / path.relative_to(tree)).read_bytes()
    ]
    assert changed == ["api/__init__.py"]
    assert 'VERSION = "1.0.1"' in (tree / "api/__init__.py").read_text(encoding="utf-8")


def test_every_attempt_verifies_before_it_ends_and_ends_in_words() -> None:
    for turns in (FIRST, SECOND, REPLY):
        used = [call.tool for call in calls(turns)]
        assert used[-1] == "mcp__honk__verify"
        assert "Edit" not in used[len(used) - 1 :]
        assert turns[-1].text and not turns[-1].calls


def test_the_words_of_one_scenario_do_not_call_the_other() -> None:
    said = " ".join(turn.text for turn in [*TURNS, *REPLY])
    for scenario in script.SCENARIOS:
        assert scenario.marker not in said
    assert FIX.marker in script.INSTRUCTION and FIX.marker not in script.FOLLOW_UP
    assert FRIENDLIER.marker in script.FOLLOW_UP and FRIENDLIER.marker not in script.INSTRUCTION
