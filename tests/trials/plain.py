"""The same fix without Honk: is the recipe true? Red with the tests alone, green with the fix."""

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from recipe import Trial
from sources import Cut, git


class NotInstalled(Exception):
    """The project's dependencies cannot be had here."""


def check(trial: Trial, cut: Cut, folder: Path) -> Iterator[tuple[str, int, str, float]]:
    """Branch, exit code, last lines and seconds of the project's own tests: on `main`, `tests-only` and `fix`."""
    _install(trial, cut.truth, folder)
    for branch in ("main", "tests-only", "fix"):
        git(cut.truth, "checkout", "-q", branch)
        began = time.monotonic()
        code, tail = _command(_inside(trial, folder), cut.truth)
        yield branch, code, tail, time.monotonic() - began


def _inside(trial: Trial, folder: Path) -> list[str]:
    if trial.language == "python":
        program, *rest = shlex.split(trial.command)
        return [str(folder / "venv" / "bin" / program), *rest]
    return ["bash", "-O", "globstar", "-c", trial.command]


def _install(trial: Trial, truth: Path, folder: Path) -> None:
    git(truth, "checkout", "-q", "main")
    if trial.language == "node":
        _must("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent", cwd=truth)
        return
    _must(sys.executable, "-m", "venv", str(folder / "venv"), cwd=truth)
    pip = str(folder / "venv" / "bin" / "pip")
    _must(pip, "install", "--quiet", "--editable", ".", "pytest", *trial.needs, cwd=truth)


def _must(*argv: str, cwd: Path) -> None:
    code, tail = _command(list(argv), cwd)
    if code:
        raise NotInstalled(f"{' '.join(argv)}: exit {code}\n{tail}")


def _command(argv: list[str], cwd: Path) -> tuple[int, str]:
    done = subprocess.run(
        argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return done.returncode, "\n".join(lines[-6:])
