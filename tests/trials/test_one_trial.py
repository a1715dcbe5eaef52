"""The short form of `make trials`: one real project with its fix; with only the fix's tests it is slow."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")
#: What pip says when there is no index to ask; anything else is a failure everywhere.
_NO_INDEX = re.compile(r"No matching distribution|Could not find a version|Connection|Temporary failure", re.IGNORECASE)


@pytest.mark.e2e
@pytest.mark.sandbox
@pytest.mark.seconds(400)
@pytest.mark.parametrize("case", ["fix", pytest.param("tests-only", marks=pytest.mark.slow)])
def test_a_real_fix_passes_and_its_tests_alone_are_refused(case: str) -> None:
    argv = [sys.executable, RUN, "--only", "h11", "--case", case]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=380)
    said = ran.stdout + ran.stderr
    if ran.returncode and _NO_INDEX.search(said) and not os.environ.get("CI"):
        pytest.skip("SKIPPED ALTHOUGH IT MATTERS: the package registry could not be reached")
    assert ran.returncode == 0, said
    assert ran.stdout.splitlines()[-1] == "1 passed, 0 failed"
