"""The recipes of the trials: complete, pinned, and without third-party code."""

import re
from pathlib import PurePosixPath

import pytest
from recipe import Trial, load

TRIALS = load()


def test_there_are_enough_of_both_languages():
    languages = [trial.language for trial in TRIALS]
    assert languages.count("python") >= 3
    assert languages.count("node") >= 3
    assert len({trial.name for trial in TRIALS}) == len(TRIALS)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_a_recipe_is_pinned_and_names_source_and_tests(trial: Trial):
    for release in (trial.old, trial.new):
        assert re.fullmatch(r"[0-9a-f]{64}", release.sha256)
        assert re.fullmatch(r"\d+(\.\d+)+", release.version)
    assert trial.old.version != trial.new.version
    assert trial.source
    assert trial.tests
    assert set(trial.hunks) <= set(trial.paths)
    assert all(not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts for path in trial.paths)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_an_instruction_reports_a_defect_and_names_its_source(trial: Trial):
    assert trial.instruction.startswith("Fix ")
    assert trial.evidence.startswith(trial.new.version)
