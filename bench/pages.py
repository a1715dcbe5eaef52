"""Pages with 10,000 tasks stored, beside the same with 10: home with its tabs and searches, and the overviews.

Each number is the median of turns that alternate between the two, each a request as a browser makes it, signed in.
`.venv/bin/python bench/pages.py [tasks]`, and with `--postgresql FEW MANY` on two empty databases.
"""

import argparse
import asyncio
import re
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from honk.adapters.sql import SqlStore
from honk.adapters.sql.schema import audit, builds, deployments, events, reservations, spending, tasks, turns
from honk.domain.access import Scope
from honk.domain.build import Build
from honk.domain.codec import dump, dump_event
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.event import TaskMoved
from honk.domain.person import Identity, IdentityKind, PersonId
from honk.domain.repository import Repository, Sha
from honk.domain.task import Options, State, TaskId
from honk.settings import Settings
from honk.wiring import open_honk
from honk.wiring.serving import Site

PAGES = {
    "home": "/",
    "waiting for me": "/?tab=waiting",
    "mine": "/?tab=mine",
    "everybody": "/?tab=all",
    "search, found": "/?q=playlist",
    "search, by all": "/?q=repo:player-1+state:merged+by:ada+playlist",
    "search, nothing": "/?q=there+is+no+such+word",
    "builds": "/builds",
    "builds, main": "/builds?channel=main",
    "deployments": "/deployments",
    "costs": "/costs",
    "audit": "/audit",
}
#: of a hundred tasks, so many are in each state; most of what is kept is over
STATES = [State.MERGED] * 80 + [State.STOPPED] * 8 + [State.FAILED] * 4 + [State.PROPOSED] * 4 + [State.DRAFT] * 4
PLACES = 5


def row_of(number: int, people: list[PersonId], born: datetime) -> dict[str, dict[str, Any]]:
    """What a task leaves, by table."""
    id, at, by = f"task-{number:06}", born + timedelta(seconds=60 * number), people[number % len(people)]
    place = number % PLACES
    repository = Repository(url=f"/srv/player-{place}", name=f"player-{place}", key=f"player-{place}-0123456789")
    day = at.date().isoformat()
    build = Build(
        id=f"b{number}", task=TaskId(id), commit=Sha("c" * 40), kind="web", digest=f"{number:064x}", size=1000
    )
    live = Deployment(
        id=f"x{number}",
        task=TaskId(id),
        repository=repository.key,
        environment="production",
        commit=Sha("c" * 40),
        digest=build.digest,
        state=DeploymentState.LIVE,
        at=at,
    )
    common = {"task": id}
    return {
        "tasks": {
            "id": id,
            "created_at": at,
            "requested_by": by,
            "repository_key": repository.key,
            "repository": dump(Repository, repository),
            "instruction": f"fix the crash when a playlist is empty, for the {number}th time",
            "options": dump(Options, Options(agent="command")),
            "state": STATES[number % len(STATES)],
            "reason": "",
            "turn": 1,
            "events": 1,
        },
        "turns": {**common, "number": 1, "message_id": f"m{number}", "message": "{}", "outcome": "pass"},
        "events": {
            **common,
            **{"seq": 1, "turn": 1, "at": at, "actor": by, "type": TaskMoved.type, "version": 1},
            "data": dump_event(TaskMoved(state="coding", before="accepted")),
        },
        "spending": {
            **common,
            **{"usd": 0.25, "calls": 3, "input_tokens": 1, "output_tokens": 1},
            **{"cache_read_tokens": 0, "cache_write_tokens": 0},
        },
        "builds": {**common, "id": build.id, "build": dump(Build, build)},
        "deployments": {
            **common,
            **{"id": live.id, "repository": live.repository, "environment": live.environment, "at": at},
            "deployment": dump(Deployment, live),
        },
        "reservations": {**common, "turn": 1, "person": by, "day": day, "usd": 1.0, "before": 0.0, "spent": 0.25},
        "audit": {
            **common,
            **{"at": at, "person": by, "act": "ask", "repository": "", "allowed": True, "reason": "", "policy": "1"},
        },
    }


async def fill(settings: Settings, count: int) -> None:
    """Tasks of four people in five repositories, each with what it leaves."""
    async with SqlStore(settings.database) as store:
        names = (settings.user, "ada", "bo", "cleo")
        people = [
            (await store.tasks.person(Identity(kind=IdentityKind.LOCAL, value=one), one.capitalize())).id
            for one in names
        ]
    born = datetime.now(UTC) - timedelta(seconds=60 * count)
    rows = [row_of(number, people, born) for number in range(count)]
    engine = sa.create_engine(settings.database.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as connection:
        for table in (tasks, turns, events, spending, builds, deployments, reservations, audit):
            connection.execute(table.insert(), [row[table.name] for row in rows])
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("ANALYZE"))
    engine.dispose()


async def visitor(stack: AsyncExitStack, settings: Settings) -> httpx.AsyncClient:
    """A browser that has signed in."""
    house = await stack.enter_async_context(open_honk(settings))
    issued = await house.app.ports.tokens.issue(house.person.id, "bench", frozenset(Scope))
    transport = httpx.ASGITransport(Site(house).app())
    browser = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://honk"))
    nonce = re.search(r'name="nonce" value="(\w+)"', (await browser.get("/sign-in")).text)
    assert nonce is not None
    await browser.post("/sign-in", data={"nonce": nonce[1], "token": issued.secret.reveal(), "to": "/"})
    return browser


async def measured(homes: dict[str, Settings], rounds: int) -> dict[str, dict[str, float]]:
    times: dict[str, dict[str, list[float]]] = {}
    async with AsyncExitStack() as stack:
        browsers = {label: await visitor(stack, settings) for label, settings in homes.items()}
        for number in range(rounds + 3):
            for name, path in PAGES.items():
                for label, browser in browsers.items():
                    began = time.perf_counter()
                    answer = await browser.get(path)
                    took = time.perf_counter() - began
                    assert answer.status_code == 200 and len(answer.content) < 100_000, (path, answer.status_code)
                    if number >= 3:
                        times.setdefault(name, {}).setdefault(label, []).append(took)
    return {name: {label: statistics.median(all) for label, all in by.items()} for name, by in times.items()}


async def main(count: int, rounds: int, databases: list[str] | None) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name:
        homes = {}
        for label, number, database in zip(("few", "many"), (10, count), databases or ("", ""), strict=True):
            environ = {"HONK_HOME": f"{name}/{label}", "PATH": "/usr/bin:/bin", "HOME": name}
            homes[label] = Settings.load({**environ, **({"HONK_DATABASE": database} if database else {})})
            homes[label].home.mkdir()
            await fill(homes[label], number)
        found = await measured(homes, rounds)
    print(f"{'':16} {'10 tasks':>12} {f'{count:,} tasks':>14} {'ratio':>7}")
    for page, by in found.items():
        few, many = by["few"] * 1000, by["many"] * 1000
        print(f"{page:16} {few:9.2f} ms {many:11.2f} ms {many / few:7.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("tasks", type=int, nargs="?", default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--postgresql", nargs=2, metavar=("FEW", "MANY"))
    asked = parser.parse_args()
    asyncio.run(main(asked.tasks, asked.rounds, asked.postgresql))
