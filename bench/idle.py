"""What an idle server costs: CPU-seconds and memory, beside one with a thousand tasks that wait for people."""

import argparse
import asyncio
import os
import sys
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from honk.adapters.sql import SqlStore
from honk.domain.event import MessageReceived, TaskSettled
from honk.domain.message import Message, MessageId
from honk.domain.person import Identity, IdentityKind
from honk.domain.repository import Repository
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Outcome, Turn

HONK = Path(sys.executable).with_name("honk")
_TICKS = os.sysconf("SC_CLK_TCK")
#: seconds before the measuring begins, in which a start-up's own work ends
_SETTLE = 10.0


def cpu(process: int) -> float:
    """Seconds of CPU that the process and its ended children have used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / _TICKS


def children(process: int) -> list[int]:
    """Processes below it, however deep."""
    found = []
    for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
        found += [int(child), *children(int(child))]
    return found


def memory(process: int) -> float:
    """Resident megabytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


async def fill(home: Path, count: int) -> None:
    """Tasks that ended their turn and wait for a person."""
    home.mkdir(parents=True)
    async with SqlStore(f"sqlite:///{home / 'honk.db'}") as store:
        person = await store.tasks.person(Identity(kind=IdentityKind.LOCAL, value="ada"), "ada")
        for number in range(count):
            at = datetime.now(UTC) - timedelta(minutes=count - number)
            task = Task(
                id=TaskId(f"fix-number-{number}-{uuid.uuid4().hex[:6]}"),
                repository=Repository(key=f"r{number % 20}", url=f"/srv/r{number % 20}", name=f"r{number % 20}"),
                instruction=f"fix number {number}",
                requested_by=person.id,
                state=State.ACCEPTED,
                options=Options(),
                created_at=at,
            )
            message = Message(id=MessageId(uuid.uuid4().hex), by=person.id, text=task.instruction, at=at)
            task = await store.tasks.add(task, Turn(task=task.id, number=1, message=message))
            received = MessageReceived(message=message.id, text=message.text, handling="turn")
            await store.events.record(task.id, 1, received)
            await store.tasks.end_turn(task.id, 1, Outcome.QUESTION)
            await store.tasks.move(task.id, State.WAITING, "which of the two did you mean?")
            await store.events.record(task.id, 1, TaskSettled(state="waiting", outcome="question"))


async def measure(home: Path, seconds: float) -> tuple[float, float, float]:
    """(CPU-seconds a minute, resident MB of the server, of everything below it)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HONK_", "OTEL_"))}
    command = (str(HONK), "serve", "--port", "0")
    log = home / "bench.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command, env={**environment, "HONK_HOME": str(home), "ANTHROPIC_API_KEY": "x"}, stdout=out, stderr=out
        )
    try:
        while b"serving" not in log.read_bytes():
            if process.returncode is not None:
                raise SystemExit(f"the server did not come up:\n{log.read_text()}")
            await asyncio.sleep(0.1)
        await asyncio.sleep(_SETTLE)
        before = cpu(process.pid)
        await asyncio.sleep(seconds)
        used = (cpu(process.pid) - before) * 60 / seconds
        return used, memory(process.pid), sum(memory(child) for child in children(process.pid))
    finally:
        process.terminate()
        await process.wait()


async def main(seconds: float, count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        root = Path(name)
        await fill(root / "empty", 0)
        await fill(root / "full", count)
        await fill(root / "empty-again", 0)
        print(f"an idle `honk serve`, {seconds:.0f} s each after {_SETTLE:.0f} s; CPU of the process in 60 s")
        for what, folder in (
            ("no tasks", "empty"),
            (f"{count:,} tasks that wait", "full"),
            ("no tasks", "empty-again"),
        ):
            used, own, below = await measure(root / folder, seconds)
            print(
                f"{what:28} CPU {used:5.2f} s ({used / 0.6:4.2f} % of a core)   RSS {own:6.1f} MB, children {below:.0f}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tasks", type=int, default=1000)
    options = parser.parse_args()
    asyncio.run(main(options.seconds, options.tasks))
