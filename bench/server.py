"""What a running Honk adds to the agent that it wraps, each row beside its alternative in the same run.

Every sample of Honk and of its alternative is taken one after the other, so that a busy machine slows both.
The model is scripted and answers at once. `--rows first,fix,workspace,many` chooses.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import claude_agent_sdk
import httpx

from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel

CLAUDE = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
TEST = (
    "import unittest\n\nfrom total import total\n\n\nclass Test(unittest.TestCase):\n"
    "    def test_it(self):\n        self.assertEqual(total([1, 2]), 3)\n"
)
CODE = "def total(numbers):\n    first, *rest = numbers\n    return first + sum(rest)\n"
FIXED = "def total(numbers):\n    return sum(numbers)\n"
ADDED = "\n    def test_empty(self):\n        self.assertEqual(total([]), 0)\n"
WORDS = "Fix the crash of total() for an empty list"
MANY = "Look around"
#: states of tasks that are at work or in line
BUSY = {"accepted", "queued", "preparing", "coding", "verifying", "merging", "deploying"}
#: prints an access token
TOKEN = """\
import asyncio
from honk.domain.access import Scope
from honk.settings import Settings
from honk.wiring import open_honk

async def main():
    async with open_honk(Settings.load()) as house:
        print((await house.app.ports.tokens.issue(house.person.id, "bench", frozenset(Scope))).secret.reveal())

asyncio.run(main())
"""


def scenarios() -> list[Scenario]:
    def read(path: str) -> Say:
        return Say("", (Call("Bash", {"command": f"cat {path}", "description": "look"}),))

    script = "python3 - <<'END'\n" + (
        f"from pathlib import Path\nPath('total.py').write_text({FIXED!r})\n"
        f"Path('tests/test_it.py').write_text({TEST + ADDED!r})\nEND"
    )
    return [
        Scenario(
            "fix",
            (
                read("total.py"),
                Say("", (Call("Bash", {"command": script, "description": "fix and test"}),)),
                Say("total() of an empty list is 0 now."),
                Say("That is all."),
            ),
            words=WORDS,
            repeat=True,
        ),
        Scenario(
            "many",
            (
                *(Say("", (Call("Bash", {"command": f"echo {n}", "description": "look"}),)) for n in range(20)),
                Say("Seen."),
            ),
            words=MANY,
            repeat=True,
        ),
    ]


class Arrivals:
    """When the model was called, by the words in what it was asked."""

    def __init__(self, model: ScriptedModel) -> None:
        self._model = model

    async def first(self, mark: str) -> float:
        number = 1
        while True:
            asked = await self._model.called(number)
            now = time.perf_counter()
            if mark in json.dumps(asked.body["messages"]):
                return now
            number += 1


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=b", "-c", "user.email=b@example.com")
    subprocess.run(("git", "-C", str(folder), *who, *arguments), check=True, stdout=subprocess.DEVNULL)


def small(path: Path) -> Path:
    (path / "tests").mkdir(parents=True)
    (path / "tests" / "__init__.py").touch()
    (path / "tests" / "test_it.py").write_text(TEST)
    (path / "total.py").write_text(CODE)
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        git(path, *arguments)
    return path


def large(path: Path, commits: int = 20_000, files: int = 4_000) -> Path:
    """A repository of many commits, each changing one of many files."""
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    lines = []
    for number in range(commits):
        content = f"# {number}\n" + f"value_{number} = {number}\n" * 60
        lines.append(
            f"commit refs/heads/main\ncommitter b <b@example.com> {1_600_000_000 + number} +0000\n"
            f"data 4\nwork\nM 100644 inline src/part{number % 40}/file{number % files}.py\n"
            f"data {len(content)}\n{content}\n"
        )
    subprocess.run(("git", "-C", str(path), "fast-import", "--quiet"), input="".join(lines).encode(), check=True)
    git(path, "reset", "-q", "--hard")
    return path


class Server:
    """One `honk serve` with a home of its own, asked over its HTTP API."""

    def __init__(self, pid: int, client: httpx.AsyncClient, home: Path) -> None:
        self._client = client
        self.home = home
        self.pid = pid

    async def submit(self, repository: Path, text: str) -> str:
        wanted = {"repository": str(repository), "instruction": text}
        answer = await self._client.post("/api/v1/tasks", json=wanted)
        answer.raise_for_status()
        return str(answer.json()["task"]["id"])

    async def settled(self, task: str) -> list[Any]:
        """Follows the task to the end of its turn; its events as (at, type, seconds verifying, outcome).

        By one stream: asking again and again would cost the server that is measured.
        """
        address, headers = f"/api/v1/tasks/{task}/events", {"Accept": "text/event-stream"}
        while True:
            follow = self._client.stream("GET", address, headers=headers, params={"until": "settled"}, timeout=None)
            async with follow as answer:
                answer.raise_for_status()
                async for _ in answer.aiter_raw():
                    """Only its end counts."""
            events = await self.events(task)
            if events and events[-1][1] == "task.settled":
                return events

    def cpu(self) -> float:
        """Seconds of a processor that the server itself has used, without the agents and other children."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def events(self, task: str) -> list[Any]:
        answer = await self._client.get(f"/api/v1/tasks/{task}/events", params={"limit": 1000})
        answer.raise_for_status()
        return [
            (
                datetime.fromisoformat(one["at"]).timestamp(),
                one["type"],
                one["data"].get("seconds_verifying", 0.0),
                one["data"].get("outcome", ""),
            )
            for one in answer.json()
        ]

    async def tasks(self) -> dict[str, str]:
        """The latest tasks and their states."""
        answer = await self._client.get("/api/v1/tasks", params={"limit": 1000})
        answer.raise_for_status()
        return {one["id"]: one["state"] for one in answer.json()["tasks"]}

    async def busy(self) -> bool:
        """Whether a task is at work, or in line for it."""
        return bool(set((await self.tasks()).values()) & BUSY)

    async def ready(self, warm: int) -> bool:
        """Waits until that many agents wait, and the machine is calm; whether they do."""
        deadline = time.monotonic() + 150
        while not (filled := len(list(self.home.glob("spares/*/*/agent"))) >= warm):
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.3)
        await asyncio.sleep(0.5)
        return filled


@asynccontextmanager
async def serving(
    root: Path,
    name: str,
    model: ScriptedModel,
    *,
    more: str = "",
    environ: Mapping[str, str] | None = None,
    **work: int,
) -> AsyncIterator[Server]:
    """A server; `more` is for its honk.toml, `environ` for its environment."""
    home = root / name
    home.mkdir()
    settings = "[work]\n" + "".join(f"{key} = {value}\n" for key, value in work.items())
    (home / "honk.toml").write_text(settings + "[limits]\nusd = 1000.0\ncalls = 100000\n" + more)
    base = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC_", "CLAUDE", "HONK_"))}
    environment = {**base, "HONK_HOME": str(home), "ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": "sk-ant-bench"}
    environment |= environ or {}
    made = subprocess.run((sys.executable, "-c", TOKEN), env=environment, check=True, capture_output=True, text=True)
    profile = os.environ.get("BENCH_PROFILE", "").split()
    process = await asyncio.create_subprocess_exec(
        *profile, sys.executable, "-m", "honk", "serve", "--port", "0", env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=(root / f"{name}.log").open("wb"),
    )  # fmt: skip
    assert process.stdout
    said = (await process.stdout.readline()).decode()
    found = re.search(r"http://[^; ]+", said)
    if found is None:
        raise SystemExit(said + (root / f"{name}.log").read_text())
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    try:
        async with httpx.AsyncClient(base_url=found[0], headers=headers, timeout=60) as client:
            await client.get("/api/v1/about")
            yield Server(process.pid, client, home)
    finally:
        process.terminate()
        await process.wait()


def bare(model: ScriptedModel, folder: Path, home: Path) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "ANTHROPIC_BASE_URL": model.url,
        "ANTHROPIC_API_KEY": "sk-ant-bench", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1", "PWD": str(folder),
    }  # fmt: skip


async def started_with_p(model: ScriptedModel, folder: Path, root: Path, words: str) -> tuple[float, float]:
    """The bare binary with `-p`: seconds to the first request, and to its end."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        str(CLAUDE), "-p", words, "--dangerously-skip-permissions", cwd=folder, env=bare(model, folder, root / "bare"),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    first = await Arrivals(model).first(words)
    await process.wait()
    return first - began, time.perf_counter() - began


class Waiting:
    """The bare binary, started beforehand, waiting for words."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, model: ScriptedModel, folder: Path, root: Path) -> "Waiting":
        flags = ("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
        process = await asyncio.create_subprocess_exec(
            str(CLAUDE), *flags, "--dangerously-skip-permissions", cwd=folder,
            env=bare(model, folder, root / "bare"), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=1 << 26,
        )  # fmt: skip
        waiting = cls(process)
        await waiting._send({"type": "control_request", "request_id": "1", "request": {"subtype": "initialize"}})
        await waiting._until("control_response")
        return waiting

    async def say(self, words: str) -> None:
        content = [{"type": "text", "text": words}]
        await self._send({"type": "user", "message": {"role": "user", "content": content}})

    async def ended(self) -> None:
        await self._until("result")

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _send(self, frame: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(frame).encode() + b"\n")
        await self._process.stdin.drain()

    async def _until(self, kind: str) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            if json.loads(line).get("type") == kind:
                return
        raise SystemExit(f"Claude Code ended before it said {kind!r}")


class Bench:
    def __init__(self, root: Path, model: ScriptedModel, runs: int) -> None:
        self._root = root
        self._model = model
        self._runs = runs
        self._number = 0
        self.table: list[tuple[str, float, str, float, float]] = []

    def _clone(self, source: Path) -> Path:
        self._number += 1
        folder = self._root / f"clone-{self._number}"
        subprocess.run(("git", "clone", "-q", str(source), str(folder)), check=True)
        return folder

    def _row(self, what: str, ours: list[float], beside: str, theirs: list[float], most: float) -> None:
        self.table.append((what, statistics.median(ours), beside, statistics.median(theirs), most))

    async def first(self) -> None:
        """Instruction → first request, warm and cold."""
        source = small(self._root / "small")
        taken: tuple[list[float], ...] = ([], [], [], [])
        warm, cold, waiting, plain = taken
        async with (
            serving(self._root, "warm", self._model, warm_agents=1) as hot,
            serving(self._root, "cold", self._model, warm_agents=0, spares=0) as chilly,
        ):
            for number in range(-2, self._runs):
                samples = (
                    await self._honk_first(hot, source, 1 if number > -2 else 0),
                    await self._honk_first(chilly, source, 0),
                    await self._waiting_first(source),
                    (await started_with_p(self._model, self._clone(source), self._root, self._words()))[0],
                )
                if number >= 0:
                    for into, sample in zip((warm, cold, waiting, plain), samples, strict=True):
                        into.append(sample)
        print("warm", [round(x * 1000) for x in warm], "waiting", [round(x * 1000) for x in waiting])
        print("cold", [round(x * 1000) for x in cold], "plain", [round(x * 1000) for x in plain])
        self._row("first request, warm", warm, "Claude Code waiting", waiting, 1.2)
        self._row("first request, warm", warm, "started with -p", plain, 0.4)
        self._row("first request, cold", cold, "started with -p", plain, 1.5)

    def _words(self) -> str:
        self._number += 1
        return f"{WORDS} (sample {self._number})"

    async def _honk_first(self, server: Server, source: Path, warm: int) -> float:
        await server.ready(warm)
        words = self._words()
        began = time.perf_counter()
        task = await server.submit(source, words)
        first = await Arrivals(self._model).first(words) - began
        events = await server.settled(task)
        if os.environ.get("BENCH_EVENTS"):
            for at, kind, *_ in events:
                print(f"   {(at - events[0][0]) * 1000:7.1f} {kind}")
        return first

    async def _waiting_first(self, source: Path) -> float:
        agent = await Waiting.start(self._model, self._clone(source), self._root)
        await asyncio.sleep(0.5)
        words = self._words()
        began = time.perf_counter()
        await agent.say(words)
        first = await Arrivals(self._model).first(words)
        await agent.ended()
        await agent.close()
        return first - began

    async def fix(self) -> None:
        """Instruction → pull request, less the seconds of verification."""
        source = small(self._root / "fixed")
        ours, theirs, used = [], [], []
        async with serving(self._root, "fix", self._model, warm_agents=1) as server:
            for number in range(-2, self._runs):
                await server.ready(1 if number > -2 else 0)
                words, calls, before = self._words(), len(self._model.calls), server.cpu()
                began = time.time()
                task = await server.submit(source, words)
                events = await server.settled(task)
                used.append((len(self._model.calls) - calls, round(server.cpu() - before, 2)))
                if os.environ.get("BENCH_EVENTS"):
                    for at, kind, *_ in events:
                        print(f"   {(at - events[0][0]) * 1000:7.1f} {kind}")
                took = events[-1][0] - began - events[-1][2]
                assert events[-1][3] == "pass", events[-1]
                plain = await started_with_p(self._model, self._clone(source), self._root, self._words())
                if number >= 0:
                    ours.append(took)
                    theirs.append(plain[1])
        print("fix", [round(x * 1000) for x in ours], "bare", [round(x * 1000) for x in theirs])
        print("calls of the model, and seconds of a processor used by the server", used[2:])
        self._row("pull request, less verifying", ours, "the same edit with -p", theirs, 1.3)

    async def workspace(self) -> None:
        """The workspace of a known repository of 20,000 commits."""
        source = large(self._root / "large")
        ours, theirs = [], []
        async with serving(self._root, "work", self._model, warm_agents=1) as server:
            for number in range(-1, min(self._runs, 5)):
                await server.ready(1 if number > -1 else 0)
                events = await server.settled(await server.submit(source, f"{MANY} ({number})"))
                at = {kind: when for when, kind, *_ in reversed(events)}
                began = time.perf_counter()
                folder = self._clone(source)
                clone = time.perf_counter() - began
                shutil.rmtree(folder)
                if number >= 0:
                    ours.append(at["workspace.ready"] - at["task.moved"])
                    theirs.append(clone)
        print("workspace", [round(x * 1000, 1) for x in ours], "clone", [round(x * 1000) for x in theirs])
        self._row("workspace of 20,000 commits", ours, "git clone", theirs, 0.01)

    async def many(self) -> None:
        """Eight at once, twenty tool calls each: until the last has said its last word."""
        source = small(self._root / "many")
        ours, theirs, processor = [], [], []
        runs = min(self._runs, 5)
        async with serving(self._root, "eight", self._model, warm_agents=8, concurrency=8) as server:
            await server.settled(await server.submit(source, f"{MANY} first"))
            for number in range(-1, 3 * runs):
                filled, before = await server.ready(8), server.cpu()
                began = time.time()
                tasks = [await server.submit(source, f"{MANY} ({number}/{one})") for one in range(8)]
                logs = await asyncio.gather(*map(server.settled, tasks))
                ends = [at for events in logs for at, kind, *_ in events if kind == "agent.finished"]
                used = server.cpu() - before
                if not filled or len(ends) != 8:
                    waited = "8 agents waited" if filled else "fewer than 8 agents waited"
                    print(f"run {number} is not counted: {waited}, {len(ends)} of 8 ended their work")
                    continue
                plain = await self._eight_waiting(source, f"{MANY} (bare {number})")
                if number >= 0:
                    ours.append(max(ends) - began)
                    theirs.append(plain)
                    processor.append(used)
                if len(ours) == runs:
                    break
        print("many", [round(x, 2) for x in ours], "bare", [round(x, 2) for x in theirs])
        print("seconds of a processor used by the server", [round(x, 2) for x in processor])
        if not ours:
            print("8 at once: no run counts")
            return
        self._row("8 at once, 20 calls each", ours, "8 started beforehand", theirs, 1.1)

    async def _eight_waiting(self, source: Path, words: str) -> float:
        agents = [await Waiting.start(self._model, self._clone(source), self._root) for _ in range(8)]
        try:
            await asyncio.sleep(0.5)
            began = time.time()
            await asyncio.gather(*(agent.say(words) for agent in agents))
            await asyncio.gather(*(agent.ended() for agent in agents))
            return time.time() - began
        finally:
            await asyncio.gather(*(agent.close() for agent in agents))

    def show(self) -> None:
        print(f"\n{'':30} {'Honk':>9}  {'beside':24} {'':>9}  {'ratio':>6}  {'at most':>7}")
        for what, ours, beside, theirs, most in self.table:
            ratio = ours / theirs
            met = "" if ratio <= most else "  missed"
            print(f"{what:30} {ours * 1000:6.0f} ms  {beside:24} {theirs * 1000:6.0f} ms  {ratio:6.3f}  {most:7}{met}")


async def main(runs: int, rows: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        Path(name).chmod(0o755)
        async with ScriptedModel(scenarios(), strict=False) as model:
            bench = Bench(Path(name), model, runs)
            row: Callable[[], Awaitable[None]]
            for chosen in rows:
                row = getattr(bench, chosen)
                await row()
            bench.show()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--rows", default="first,fix,workspace,many")
    given = parser.parse_args()
    asyncio.run(main(given.runs, given.rows.split(",")))
