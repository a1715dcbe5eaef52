"""Seconds from a person's stop to the rest of the task, in every state, at a running server.

The server is `honk serve`; the stop is asked in this other process, over the store. In each state something
runs that would take five minutes, and the agents hear no signal. Real: server, sandboxes, Claude Code, git,
SQLite. Scripted: the model.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from honk.domain.event import Event
from honk.domain.pull_request import MergeMethod
from honk.domain.task import BUSY, Options, Task
from honk.settings import Settings
from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel
from honk.wiring.house import OpenHonk, open_honk

LONG = "trap '' INT TERM HUP; python3 -c 'import time; time.sleep(300)' & wait; wait"
WRITE = "echo lala >> song.txt"
DEAF = Scenario(
    "deaf",
    [Say("I write.", (Call("Bash", {"command": WRITE}),)), Say("I wait.", (Call("Bash", {"command": LONG}),))],
)
QUICK = 'verify = ["grep -q la song.txt"]\n'
Wanted = Callable[[Event], bool]


def event(type: str, **data: object) -> Wanted:
    """An event of that type with that data."""
    return lambda one: one.type == type and all(getattr(one.data, name) == value for name, value in data.items())


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is at work when the stop comes, and how one knows that it is."""

    name: str
    at: Wanted
    config: str = QUICK
    words: str = WRITE
    agent: str = "command"
    #: seconds after the event
    later: float = 0.3
    land: bool = False
    address: str = ""
    behind: bool = False


def cases(silent: str) -> list[Case]:
    """`silent` is the address of a git server that never answers."""
    only_changed = f"if grep -q lala song.txt; then {LONG}; fi"
    return [
        Case(name="queued", at=event("task.accepted"), behind=True, later=1.5),
        Case(name="preparing: a clone hangs", at=event("task.moved", state="preparing"), address=silent, later=1.0),
        Case(
            name="preparing: set-up",
            at=event("task.moved", state="preparing"),
            config=f'setup = ["""{LONG}"""]\n' + QUICK,
            later=2.0,
        ),
        Case(name="preparing: baseline", at=event("verifier.started"), config=f'verify = ["""{LONG}"""]\n'),
        Case(name="coding: a command", at=event("agent.started"), words=f"{WRITE}; {LONG}"),
        Case(name="coding: Claude Code", at=event("agent.called_tool", summary=LONG), agent="claude", words="[[deaf]]"),
        Case(name="verifying", at=event("verifier.started", on="change"), config=f'verify = ["""{only_changed}"""]\n'),
        Case(
            name="building",
            at=event("step.progressed", step="build"),
            config=f'{QUICK}[build]\ncommand = """{LONG}"""\noutput = "x"\n',
        ),
        Case(
            name="deploying",
            at=event("deployment.started"),
            config=f'{QUICK}[build]\ncommand = "cp song.txt out"\noutput = "out"\n[deploy]\ncommand = """{LONG}"""\n',
            land=True,
        ),
    ]


def repository(root: Path, name: str, config: str) -> Path:
    """A new repository with that `.honk.toml`."""
    path = root / name
    path.mkdir()
    (path / "song.txt").write_text("la\n")
    (path / ".honk.toml").write_text(f"# {name}\n{config}")
    git = ("git", "-C", str(path), "-c", "user.name=b", "-c", "user.email=b@example.com")
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run((*git, *arguments), check=True)
    # bare, because Honk pushes to no branch that somebody has checked out
    bare = root / f"{name}.git"
    subprocess.run(("git", "clone", "-q", "--bare", str(path), str(bare)), check=True)
    return bare


async def until(house: OpenHonk, task: Task, wanted: Wanted) -> None:
    after = 0
    while True:
        for one in await house.app.ports.events.read(task.id, after):
            after = one.seq
            if wanted(one):
                return
        await asyncio.sleep(0.02)


async def at_rest(house: OpenHonk, task: Task) -> Task:
    while (now := await house.app.ports.tasks.get(task.id)).state in BUSY:
        await asyncio.sleep(0.01)
    return now


async def shown(house: OpenHonk, task: Task) -> str:
    """The events so far, for a case that never came to its moment."""
    return ", ".join(one.type for one in await house.app.ports.events.read(task.id))


async def measure(house: OpenHonk, root: Path, case: Case, number: int) -> tuple[float, str]:
    """Seconds to the rest, and the state."""
    app, person = house.app, house.person
    name = f"{number}-{''.join(one for one in case.name if one.isalnum())}"
    address = case.address or str(repository(root, name, case.config))
    first = None
    if case.behind:
        busy = repository(root, name + "-busy", QUICK)
        first = await app.submit(person, str(busy), LONG, Options(agent="command"))
        await until(house, first, event("agent.started"))
    task = await app.submit(person, address, case.words, Options(agent=case.agent))
    if case.land:
        await at_rest(house, task)
        await app.merge(person, await app.ports.tasks.get(task.id), method=MergeMethod.MERGE)
    try:
        with anyio.fail_after(60):
            await until(house, task, case.at)
    except TimeoutError:
        await app.stop(person, task, working=True)
        return float("nan"), f"never came to its moment: {await shown(house, task)}"
    await asyncio.sleep(case.later)
    began = time.perf_counter()
    await app.stop(person, task, working=True)
    with anyio.fail_after(60):
        rests = await at_rest(house, task)
    seconds = time.perf_counter() - began
    if first is not None:
        await app.stop(person, first, working=True)
        await at_rest(house, first)
    return seconds, rests.state


@asynccontextmanager
async def serving(environment: dict[str, str]) -> AsyncIterator[None]:
    """`honk serve`, until the context is left."""
    command = (sys.executable, "-m", "honk", "serve", "--port", "0")
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    await process.stdout.readline()
    drained = asyncio.ensure_future(process.stdout.read())
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
        await drained


async def main(rounds: int, only: str) -> None:
    async with (
        ScriptedModel([DEAF], strict=False) as model,
        await anyio.create_tcp_listener(local_host="127.0.0.1") as silent,
    ):
        port = silent.extra(anyio.abc.SocketAttribute.local_port)
        with tempfile.TemporaryDirectory(prefix="hk", dir="/tmp", ignore_cleanup_errors=True) as folder:
            root = Path(folder)
            environment = {
                **os.environ,
                "HONK_HOME": str(root / "h"),
                "ANTHROPIC_BASE_URL": model.url,
                "ANTHROPIC_API_KEY": "sk-ant-bench",
                "HONK_CONFIG": str(root / "honk.toml"),
            }
            (root / "honk.toml").write_text("[work]\nconcurrency = 1\nwarm_agents = 0\nspares = 0\n")
            async with serving(environment), open_honk(Settings.load(environment)) as house:
                print(f"{'state':28} {'seconds':>8} {'worst':>8}  rests as")
                for case in cases(f"http://127.0.0.1:{port}/x.git"):
                    if only in case.name:
                        seen = [await measure(house, root, case, number) for number in range(rounds)]
                        seconds = [one for one, _ in seen]
                        states = ", ".join(sorted({state for _, state in seen}))
                        print(
                            f"{case.name:28} {statistics.median(seconds):8.2f} {max(seconds):8.2f}  {states}",
                            flush=True,
                        )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--only", default="", help="part of a state's name")
    given = arguments.parse_args()
    asyncio.run(main(given.rounds, given.only))
