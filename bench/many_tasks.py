"""list, open, start, and the start of a server with 10,000 tasks stored, beside the same with 10.

Each number is the median of many turns that alternate between the two, so that a noisy machine meets both.
`.venv/bin/python bench/many_tasks.py [tasks]`
"""

import argparse
import asyncio
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from honk.adapters.sql import SqlStore
from honk.domain.codec import dump
from honk.domain.event import TaskMoved, TaskNoted
from honk.domain.message import Message, MessageId
from honk.domain.person import Identity, IdentityKind
from honk.domain.repository import Repository
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Outcome, Turn
from honk.service import Query
from honk.settings import Settings
from honk.wiring import OpenHonk, open_honk

EVENTS = 30
STEPS = 10
ADA = Identity(kind=IdentityKind.LOCAL, value="ada")


async def fill(home: Path, target: Path, count: int) -> TaskId:
    """Finished tasks with their events, and their finished workflows; the id of one of them."""
    settings = Settings.load({"HONK_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home.parent)})
    async with open_honk(settings) as honk:
        repository = honk.app.ports.repositories.identify(str(target))
        person = await honk.app.ports.tasks.person(ADA, "Ada")
        await honk.app.journal.unfinished()
    async with SqlStore(settings.database) as store:
        born = datetime(2026, 1, 1, tzinfo=UTC)
        await one_task(store, person.id, repository, 0, born)
    copies(home / "honk.db", count)
    journal(home / "journal.db", count)
    return TaskId(f"task-{count // 2:06}")


async def one_task(store: SqlStore, by: str, repository: Repository, number: int, born: datetime) -> None:
    id = TaskId(f"task-{number:06}")
    at = born + timedelta(seconds=number)
    message = Message(id=MessageId(f"m{number}"), by=by, text=f"task number {number}", at=at)  # type: ignore[arg-type]
    task = Task(
        id=id,
        repository=repository,
        instruction=message.text,
        requested_by=message.by,
        state=State.ACCEPTED,
        options=Options(agent="command"),
        created_at=at,
        turn=1,
    )
    await store.tasks.add(task, Turn(task=id, number=1, message=message))
    for event in range(EVENTS):
        await store.events.record(id, 1, TaskNoted(text=f"something happened, for the {event}th time " + "x" * 100))
    await store.events.record(id, 1, TaskMoved(state="proposed", before="coding"))
    await store.tasks.end_turn(id, 1, Outcome.PASS)
    await store.tasks.move(id, State.PROPOSED)


def copies(path: Path, count: int) -> None:
    """The first task again and again, each with its own id, moment, turn and events: one commit, not 300,000."""
    connection = sqlite3.connect(path)
    for table, changed in (
        ("tasks", {"id": "?1", "created_at": "datetime('2026-01-01', '+' || ?2 || ' seconds') || '.000000'"}),
        ("turns", {"task": "?1", "message_id": "'m' || ?2"}),
        ("events", {"task": "?1"}),
    ):
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        values = ", ".join(changed.get(name, f'"{name}"') for name in columns)
        key = "id" if table == "tasks" else "task"
        connection.executemany(
            f"INSERT INTO {table} SELECT {values} FROM {table} WHERE {key} = 'task-000000' AND ?2 > 0",
            [(f"task-{number:06}", number) for number in range(1, count)],
        )
    connection.commit()
    connection.close()


def journal(path: Path, count: int) -> None:
    """Finished workflows as DBOS keeps them."""
    connection = sqlite3.connect(path)
    for number in range(count):
        id = f"turn/task-{number:06}/1"
        connection.execute(
            "INSERT INTO workflow_status (workflow_uuid, status, name, queue_name, output, inputs, application_version,"
            " application_name, created_at, updated_at, completed_at) VALUES (?, 'SUCCESS', 'turn', 'honk', '\"\"',"
            " '[]', 'honk-1', 'honk', ?, ?, ?)",
            (id, number, number, number),
        )
        connection.executemany(
            "INSERT INTO operation_outputs (workflow_uuid, function_id, function_name, output) VALUES (?, ?, ?, ?)",
            [(id, step, f"step/{step}", dump(str, "x" * 500)) for step in range(STEPS)],
        )
    connection.commit()
    connection.close()


def acts(honk: OpenHonk, known: TaskId, target: Path, label: str) -> dict[str, Callable[[], Awaitable[object]]]:
    """What is measured, each as a door would do it."""
    turn = iter(range(1_000_000))

    async def start() -> None:
        person, options = honk.person, Options(agent="command")
        text = f"echo {label} {next(turn)}"
        await honk.app.unfinished_twin(person, str(target), text, options)
        task = await honk.app.submit(person, str(target), text, options)
        assert (await honk.app.ports.events.read(task.id))[0].seq == 1
        await honk.app.journal.cancel(f"turn/{task.id}/1")
        await honk.app.ports.tasks.end_turn(task.id, 1, Outcome.STOPPED)
        await honk.app.ports.tasks.move(task.id, State.STOPPED)

    return {
        "list": lambda: honk.service.tasks(Query()),
        "open": lambda: honk.service.card(known),
        "start": start,
    }


async def measured(homes: dict[str, tuple[Path, TaskId]], target: Path, rounds: int) -> dict[str, dict[str, float]]:
    times: dict[str, dict[str, list[float]]] = {}
    async with AsyncExitStack() as stack:
        asked = {}
        for label, (home, known) in homes.items():
            settings = Settings.load({"HONK_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home.parent)})
            honk = await stack.enter_async_context(open_honk(settings))
            asked[label] = acts(honk, known, target, label)
        for number in range(rounds + 3):
            for label, each in asked.items():
                for name, act in each.items():
                    began = time.perf_counter()
                    await act()
                    if number >= 3:
                        times.setdefault(name, {}).setdefault(label, []).append(time.perf_counter() - began)
    return {name: {label: statistics.median(all) for label, all in by.items()} for name, by in times.items()}


async def server_start(home: Path) -> float:
    """Seconds from opening to a journal that serves, with what was cut off taken up."""
    settings = Settings.load({"HONK_HOME": str(home), "PATH": "/usr/bin:/bin", "HOME": str(home.parent)})
    began = time.perf_counter()
    async with open_honk(settings) as honk:
        with honk.alone():
            async with honk.working():
                await honk.resume()
                return time.perf_counter() - began


async def main(count: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name:
        folder = Path(name)
        target = folder / "target"
        subprocess.run(["git", "init", "-q", str(target)], check=True)
        homes = {}
        for label, number in (("few", 10), ("many", count)):
            home = folder / label
            homes[label] = (home, await fill(home, target, number))
        found = await measured(homes, target, rounds)
        starts: dict[str, list[float]] = {"few": [], "many": []}
        for _ in range(max(rounds // 10, 5)):
            for label, (home, _) in homes.items():
                starts[label].append(await server_start(home))
        found["server start"] = {label: statistics.median(all) for label, all in starts.items()}
    print(f"{'':14} {'10 tasks':>12} {f'{count:,} tasks':>14} {'ratio':>7}")
    for act, by in found.items():
        few, many = by["few"] * 1000, by["many"] * 1000
        print(f"{act:14} {few:9.2f} ms {many:11.2f} ms {many / few:7.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", type=int, nargs="?", default=10_000)
    parser.add_argument("--rounds", type=int, default=60)
    asked_for = parser.parse_args()
    asyncio.run(main(asked_for.tasks, asked_for.rounds))
