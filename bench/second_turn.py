"""The gate's second verdict, and reply → next build, beside the same commands typed by hand in a prepared checkout.

A repository with dependencies, some hundred tests and a build command. The instruction and the reply are
carried out by the `command` agent, so that no model's time is in any figure. By hand means: a checkout whose
dependencies are installed and whose bytecode is warm, and nothing but the test command and the build command.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

HONK = Path(sys.executable).with_name("honk")
CONFIG = """
[build]
command = "mkdir -p dist && python3 -m compileall -q src && python3 make_pages.py dist"
output = "dist"
"""
MODULE = """\"\"\"Renders a page of a playlist.\"\"\"

from jinja2 import Environment

PAGE = Environment(autoescape=True).from_string("{% for s in songs %}<li>{{ s }} %WORD%</li>{% endfor %}")


def render(songs: list[str]) -> str:
    return PAGE.render(songs=songs)
"""
TEST = """import pytest
from player.page_%NUMBER% import render


@pytest.mark.parametrize("count", range(1, 41))
def test_every_song_is_shown(count: int) -> None:
    for _ in range(20):
        assert render([str(one) for one in range(count * 20)]).count("<li>") == count * 20
"""
MAKE_PAGES = """import sys
from pathlib import Path

sys.path.insert(0, "src")
from importlib import import_module

for number in range(20):
    module = import_module(f"player.page_{number}")
    for page in range(40):
        Path(sys.argv[1], f"{number}-{page}.html").write_text(module.render([str(one) for one in range(2000)]))
"""


def repository(root: Path) -> Path:
    """20 modules, 800 tests, jinja2 and pytest as dependencies."""
    path = root / "player"
    for folder in ("src/player", "tests"):
        (path / folder).mkdir(parents=True)
    (path / "pyproject.toml").write_text(
        '[project]\nname = "player"\nversion = "1"\ndependencies = ["jinja2"]\n'
        '[project.optional-dependencies]\ntest = ["pytest"]\n'
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[tool.pytest.ini_options]\npythonpath = ["src"]\n'
    )
    (path / ".honk.toml").write_text(CONFIG)
    (path / ".gitignore").write_text("dist/\n__pycache__/\n.pytest_cache/\n*.egg-info/\n")
    (path / "make_pages.py").write_text(MAKE_PAGES)
    (path / "src/player/__init__.py").touch()
    for number in range(20):
        (path / f"src/player/page_{number}.py").write_text(MODULE.replace("%WORD%", f"of {number}"))
        (path / f"tests/test_page_{number}.py").write_text(TEST.replace("%NUMBER%", str(number)))
    git = ("git", "-C", str(path), "-c", "user.name=b", "-c", "user.email=b@example.com")
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run((*git, *arguments), check=True)
    return path


class ByHand:
    """A prepared checkout of the change before, in which a person would run the two commands."""

    def __init__(self, root: Path, source: Path) -> None:
        self._checkout = root / "by-hand"
        subprocess.run(("git", "clone", "-q", str(source), str(self._checkout)), check=True)
        self._python = root / "venv" / "bin" / "python"
        # The interpreter that Honk takes: builds of different makers differ by a fifth.
        interpreter = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
        subprocess.run((interpreter, "-m", "venv", "--without-pip", str(root / "venv")), check=True)
        pip = (sys.executable, "-m", "pip", "--python", str(self._python), "install", "-q")
        subprocess.run((*pip, "-e", f"{self._checkout}[test]"), check=True, stderr=subprocess.DEVNULL)
        self._environment = {**os.environ, "PATH": f"{self._python.parent}:{os.environ['PATH']}"}

    def change(self, number: int) -> None:
        _edit(self._checkout, number)

    def test(self) -> float:
        return self._timed((str(self._python), "-m", "pytest", "-q"))

    def build(self) -> float:
        command = CONFIG.split('command = "')[1].split('"')[0]
        return self._timed(("sh", "-c", command))

    def _timed(self, command: tuple[str, ...]) -> float:
        started = time.perf_counter()
        subprocess.run(command, cwd=self._checkout, env=self._environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


def _edit(checkout: Path, number: int) -> None:
    page = checkout / f"src/player/page_{number % 20}.py"
    page.write_text(page.read_text().replace("</li>", f" ({number})</li>"))


def words(number: int) -> str:
    """The same edit, as an instruction for the `command` agent."""
    return f"sed -i 's#</li>#  ({number})</li>#' src/player/page_{number % 20}.py"


class Honk:
    """A running server, and commands that ask it."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self._environment = {**environment, "HONK_HOME": str(home)}
        self._server = subprocess.Popen(
            (str(HONK), "serve", "--port", "0"), env=self._environment, stdout=subprocess.PIPE, text=True
        )
        assert self._server.stdout is not None
        for line in self._server.stdout:
            if "serving" in line:
                return
        raise SystemExit("honk serve did not come up")

    def begin(self, source: Path) -> str:
        """A first turn; returns the task's id."""
        events = self._ask("run", str(source), words(0), "--agent", "command", "--json")
        return str(events[0]["task"])

    def reply(self, task: str, number: int) -> tuple[float, float]:
        """(seconds of the gate, seconds from the reply to the next build without the agent's own)."""
        events = [one for one in self._ask("reply", task, words(number), "--json") if "at" in one]
        at = {one["event"]: one["at"] for one in events}
        agent = sum(one["data"]["seconds"] for one in events if one["event"] == "agent.finished")
        verdict = next(one["data"] for one in events if one["event"] == "verdict.given")
        received, built = at["message.received"], at["build.ready"]
        return verdict["seconds"], _between(received, built) - agent

    def _ask(self, *arguments: str) -> list[dict[str, Any]]:
        done = subprocess.run((str(HONK), *arguments), env=self._environment, capture_output=True, text=True)
        if done.returncode not in {0, 4}:
            raise SystemExit(f"honk {arguments[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def close(self) -> None:
        self._server.terminate()
        self._server.wait()


def _between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/var/tmp") as name:
        root = Path(name)
        root.chmod(0o711)
        source = repository(root)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC_", "CLAUDE", "HONK_"))}
        hand = ByHand(root, source)
        hand.test(), hand.build()
        honk = Honk(root / "home", environment)
        tests, builds, gates, replies = [], [], [], []
        try:
            task = honk.begin(source)
            for number in range(1, runs + 1):
                hand.change(number)
                tests.append(hand.test())
                builds.append(hand.build())
                gate, reply = honk.reply(task, number)
                gates.append(gate)
                replies.append(reply)
        finally:
            honk.close()
    test, both = statistics.median(tests), statistics.median(map(sum, zip(tests, builds, strict=True)))
    gate, reply = statistics.median(gates), statistics.median(replies)
    print(f"medians of {runs} replies to one task")
    print(f"{'measure':44} {'Honk':>8} {'by hand':>8} {'ratio':>6}")
    print(f"{'the gate, second turn, beside the test command':44} {gate:7.2f}s {test:7.2f}s {gate / test:6.2f}")
    print(f"{'reply to next build, beside test and build':44} {reply:7.2f}s {both:7.2f}s {reply / both:6.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    main(parser.parse_args().runs)
