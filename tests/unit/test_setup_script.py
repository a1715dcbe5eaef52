"""What `make setup` says on a machine that lacks something: one sentence with the one command."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("sh", "dirname", "sha256sum", "cut", "rm", "touch")


class Machine:
    """A machine on which nobody may install packages, and where only the given programs are."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.bin = folder / "checkout", folder / "bin"
        (self.checkout / "scripts").mkdir(parents=True)
        self.bin.mkdir()
        shutil.copy(ROOT / "scripts" / "setup", self.checkout / "scripts")
        for name in ("requirements.lock", "pyproject.toml"):
            (self.checkout / name).touch()
        for name in NEEDED:
            (self.bin / name).symlink_to(shutil.which(name) or "/bin/false")
        self.program("cat", 'case "$1" in /proc/sys/*) echo 0;; *) exec /bin/cat "$@";; esac')
        self.program("id", "echo 1000")
        self.program("python3", "exit 0")
        self.program("bwrap", "exit 0")
        self.program("git", "exit 0")

    def program(self, name: str, script: str) -> None:
        # What stands there may be a link to this machine's own program.
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def without(self, *names: str) -> None:
        for name in names:
            (self.bin / name).unlink()

    def said(self) -> str:
        """What it says before it gives up; it must have changed nothing."""
        argv = [str(self.checkout / "scripts" / "setup")]
        ran = subprocess.run(argv, env={"PATH": str(self.bin)}, capture_output=True, text=True, timeout=15)
        assert ran.returncode == 1 and not ran.stdout
        assert not (self.checkout / ".venv").exists()
        return ran.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_each_missing_thing_is_named_with_its_command(machine: Machine) -> None:
    machine.without("bwrap", "git")
    machine.program("python3", 'case "$*" in *ensurepip*) exit 1;; esac')
    packages = "python3-venv bubblewrap git"
    assert machine.said() == f"Honk needs {packages}: run `sudo apt-get install {packages}` and then this again.\n"


def test_no_python(machine: Machine) -> None:
    machine.without("python3")
    assert "run `sudo apt-get install python3 python3-venv` and then this again" in machine.said()


def test_an_older_python_gets_a_newer_one_beside_it(machine: Machine) -> None:
    machine.program("python3", 'case "$*" in --version) echo Python 3.10.12;; *) exit 1;; esac')
    said = machine.said()
    assert "python3 is 3.10.12; Honk needs 3.11 or newer" in said
    assert "run `sudo apt-get install python3.11 python3.11-venv` and then this again" in said


def test_the_venv_of_the_python_that_is_used(machine: Machine) -> None:
    machine.program("python3", "exit 1")
    machine.program("python3.12", 'case "$*" in *ensurepip*) exit 1;; esac')
    assert "run `sudo apt-get install python3.12-venv` and then this again" in machine.said()


def test_apparmor(machine: Machine) -> None:
    machine.program("cat", 'case "$1" in /proc/sys/*) echo 1;; *) exec /bin/cat "$@";; esac')
    machine.program("bwrap", "exit 1")
    said = machine.said()
    assert "run `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` and then this again" in said
    assert len(said.splitlines()) == 1
