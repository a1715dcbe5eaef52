"""Instruction → first model request, and → end: `honk run` beside the same Claude Code started alone.

Both are cold processes that ask the same scripted model; Claude Code alone has no sandbox, no gate, no
journal. Honk's time includes reading the repository, the baseline and, after the agent, the verdict.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import claude_agent_sdk

from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel

HONK = Path(sys.executable).with_name("honk")
CLAUDE = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
TEST = "import unittest\n\n\nclass Test(unittest.TestCase):\n    def test_it(self):\n        self.assertTrue(True)\n"


def scenario() -> Scenario:
    return Scenario(
        "bench",
        (
            Say("", (Call("Bash", {"command": "echo hello > greeting.txt", "description": "greet"}),)),
            Say("There is a greeting now."),
        ),
        words="Add a greeting",
        repeat=True,
    )


def repository(root: Path, name: str) -> Path:
    path = root / name
    (path / "tests").mkdir(parents=True)
    (path / "tests" / "__init__.py").touch()
    (path / "tests" / "test_it.py").write_text(TEST)
    git = ("git", "-C", str(path), "-c", "user.name=b", "-c", "user.email=b@example.com")
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run((*git, *arguments), check=True)
    return path


async def measure(command: tuple[str, ...], environment: dict[str, str], folder: Path) -> tuple[float, float]:
    """(seconds to the first request, seconds to the end)."""
    async with ScriptedModel([scenario()], strict=False) as model:
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env={**environment, "ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "sk-ant-bench"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await model.called(1)
        first = time.perf_counter() - started
        await process.wait()
        return first, time.perf_counter() - started


async def main(runs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        base = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC_", "CLAUDE", "HONK_"))}
        base["HOME"] = name
        alone, honk = [], []
        for number in range(runs + 1):
            work = repository(root, f"alone-{number}")
            plain = (str(CLAUDE), "-p", "Add a greeting", "--allowedTools", "Bash")
            alone.append(await measure(plain, {**base, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}, work))
            work = repository(root, f"honk-{number}")
            run = (str(HONK), "run", str(work), f"Add a greeting ({number})", "--json")
            honk.append(await measure(run, {**base, "HONK_HOME": str(root / "home")}, work))
    print(f"medians of {runs} runs after one that warms caches")
    for index, what in enumerate(("to the first model request", "to the end")):
        ours = statistics.median(one[index] for one in honk[1:])
        theirs = statistics.median(one[index] for one in alone[1:])
        print(f"{what:28} honk run {ours:6.2f} s   Claude Code alone {theirs:6.2f} s   ratio {ours / theirs:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    asyncio.run(main(parser.parse_args().runs))
