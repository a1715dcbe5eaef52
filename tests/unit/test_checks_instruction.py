"""What instructions ask for."""

import pytest

from honk.checks.instruction import Instruction


@pytest.mark.parametrize(
    "text",
    [
        "fix the crash when a playlist is empty",
        "Bug: the button is gone",
        "The search does not work on Mondays",
        "It raises an exception for unicode",
        "Sorting is wrong",
        "a regression since 1.2",
        "playback isn't working",
    ],
)
def test_reports_a_defect(text: str) -> None:
    assert Instruction(text).reports_defect


@pytest.mark.parametrize(
    "text", ["Add a dark theme", "Make the empty state friendlier", "Rename prefix to suffix", "debugging aid"]
)
def test_reports_no_defect(text: str) -> None:
    assert not Instruction(text).reports_defect


@pytest.mark.parametrize(
    "text",
    [
        "Add tests for the player",
        "write a test",
        "Cover the parser by tests",
        "improve test coverage",
        "tests are missing",
    ],
)
def test_asks_for_tests(text: str) -> None:
    assert Instruction(text).asks_for_tests


@pytest.mark.parametrize("text", ["Make it fast", "Do not add tests", "the contest rules"])
def test_asks_for_no_tests(text: str) -> None:
    assert not Instruction(text).asks_for_tests


@pytest.mark.parametrize(
    "text",
    [
        "Remove the flaky test of the cache",
        "delete test_old_player",
        "skip the slow tests",
        "Update the snapshots",
        "rewrite our unit tests",
        "the tests should be removed",
        "The tests are obsolete now",
        "Drop tests/test_legacy.py",
    ],
)
def test_asks_to_weaken_tests(text: str) -> None:
    assert Instruction(text).asks_to_weaken_tests


@pytest.mark.parametrize(
    "text",
    [
        "Remove the player and add a test",
        "Update the player to handle empty playlists, with a test",
        "Do not remove any tests",
        "Fix the crash. Never skip a test.",
        "drop the cache",
        "Refactor the parser without deleting tests",
    ],
)
def test_asks_for_no_weaker_tests(text: str) -> None:
    assert not Instruction(text).asks_to_weaken_tests


def test_asks_for_a_file_by_its_name() -> None:
    instruction = Instruction(
        "Set the line length in pyproject.toml to 100. Do not touch conftest.py; leave tox.ini alone"
    )
    assert instruction.asks_for_file("pyproject.toml")
    assert instruction.asks_for_file("packages/a/pyproject.toml")
    assert not instruction.asks_for_file("conftest.py")
    assert not instruction.asks_for_file("tox.ini")
    assert not instruction.asks_for_file("setup.cfg")


@pytest.mark.parametrize(
    "text", ["test " * 20_000, "x" * 100_000, "remove " * 15_000, "a_" * 50_000, "cover " * 17_000]
)
def test_a_long_instruction_is_read_at_once(text: str) -> None:
    instruction = Instruction(text)
    _ = (instruction.reports_defect, instruction.asks_for_tests, instruction.asks_to_weaken_tests)
    _ = (instruction.asks_to_fix_tests, instruction.is_about_documentation, instruction.asks_for_file("conftest.py"))


def test_a_tool_that_is_only_mentioned_asks_for_nothing() -> None:
    assert not Instruction("fix the lint errors").asks_for(["lint config", "eslint rule"])
    assert Instruction("Relax one eslint rule").asks_for(["eslint rule"])
