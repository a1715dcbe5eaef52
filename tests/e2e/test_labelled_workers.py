"""A real server and real workers on this machine: killed with -9 in the middle, and going on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from run_world import Honk, Running, world
from serve_world import Server, server

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]
QUIET = "[work]\nwarm_agents = 0\nspares = 0\nscreenshots = false\n"
#: goes on once somebody puts a file there
WAITS = "while [ ! -e {0}go ]; do sleep 0.05; done"


@pytest.fixture
def home() -> Iterator[Honk]:
    with world() as made:
        made.home.mkdir()
        (made.home / "honk.toml").write_text(QUIET)
        yield made


def _api(served: Server) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {served.token}"}
    return httpx.AsyncClient(base_url=f"{served.url}/api/v1", headers=headers, trust_env=False)


async def _worker(served: Server, name: str, labels: str, kinds: str, config: str = "") -> Honk:
    """A machine with nothing but the address and a worker's token."""
    wanted = {"name": name, "labels": labels.split(","), "kinds": [kinds]}
    async with _api(served) as client:
        token = (await client.post("/worker-tokens", json=wanted)).json()["secret"]
    far = served.far
    own = far.root / name
    own.mkdir()
    (own / "honk.toml").write_text(f"[worker]\npause = 0.1\n{config}")
    more = {"HONK_HOME": str(own), "HONK_TOKEN": token, "LOGNAME": name, "GIT_AUTHOR_NAME": name}
    return Honk(root=far.root, environment={**far.environment, **more})


@asynccontextmanager
async def _at_work(machine: Honk, labels: str, kinds: str = "build") -> AsyncIterator[Running]:
    async with machine.started("worker", "--labels", labels, "--kinds", kinds, "--name", "w") as running:
        yield running


async def _event(served: Server, task: str, type: str, count: int = 1, **wanted: str) -> dict[str, Any]:
    """Waits for the event, or for as many."""
    async with _api(served) as client:
        with anyio.fail_after(60):
            while True:
                log = (await client.get(f"/tasks/{task}/events")).json()
                found = [
                    one
                    for one in log
                    if one["type"] == type and all(text in str(one["data"][key]) for key, text in wanted.items())
                ]
                if len(found) >= count:
                    return dict(found[-1])
                await anyio.sleep(0.1)


async def test_workers_that_are_killed_in_the_middle_of_a_build_and_of_a_deployment(home: Honk) -> None:
    place = home.root / "production"
    place.mkdir()
    ship = (
        f"echo begun >> {place}/log; {WAITS.format(f'{place}/')}; cp $HONK_ARTIFACT/index.html {place}/; echo shipped"
    )
    config = f"""
verify = ["grep -q la song.txt"]
[build]
command = "echo compiling; {WAITS.format("")}; mkdir out; cp song.txt out/index.html"
output = "out"
labels = ["linux"]
[deploy]
command = "{ship}"
labels = ["prod"]
"""
    bare, repository = home.root / "bare.git", home.repository({"song.txt": "la\n", ".honk.toml": config})
    home.git(home.root, "clone", "-q", "--bare", str(repository), str(bare))
    async with server(home) as served:
        wanted = {"repository": str(bare), "instruction": "echo lala >> song.txt", "agent": "command"}
        async with _api(served) as client:
            task = str((await client.post("/tasks", json=wanted)).json()["task"]["id"])
        await _built(served, task)
        async with _api(served) as client:
            pressed = await client.post(f"/tasks/{task}/merge", json={})
            assert pressed.status_code < 300, pressed.text
        await _deployed(served, task, place)


async def _built(served: Server, task: str) -> None:
    waits = await _event(served, task, "build.waits")
    assert waits["data"]["reason"] == "waits for a worker with linux that may build; none has been here"
    machine = await _worker(served, "mac", "linux,big", "build")
    async with _at_work(machine, "linux") as first:
        await _event(served, task, "step.progressed", detail="compiling")
        await first.killed()
    async with _at_work(machine, "linux") as second:
        await _event(served, task, "step.progressed", 2, detail="compiling")
        (machine.home / "worker" / "w" / "room" / "place" / "go").touch()
        ready = await _event(served, task, "build.ready")
        with anyio.fail_after(60):
            await second.says("goes on with build(.|\n)*: over")
    assert ready["data"]["kind"] == "web"
    async with _api(served) as client:
        said = (await client.get("/workers")).json()
    assert [one["name"] for one in said["workers"]] == ["w"] and said["jobs"] == []
    assert sorted(one.name for one in (machine.home / "worker" / "w").iterdir()) == ["lock"]


async def _deployed(served: Server, task: str, place: Path) -> None:
    waits = await _event(served, task, "deployment.waits")
    assert waits["data"]["reason"] == "waits for a worker with prod that may deploy; none has been here"
    machine = await _worker(served, "prod", "prod", "deploy")
    async with _at_work(machine, "prod", "deploy") as first:
        with anyio.fail_after(60):
            while not (place / "log").exists():
                await anyio.sleep(0.05)
        await first.killed()
    async with _at_work(machine, "prod", "deploy"):
        (place / "go").touch()
        done = await _event(served, task, "deployment.finished")
        await _event(served, task, "task.moved", state="deployed")
    assert done["data"]["state"] == "live" and "shipped" in done["data"]["output"]
    assert (place / "log").read_text() == "begun\n" and (place / "index.html").read_text() == "la\nlala\n"
