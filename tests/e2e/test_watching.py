"""A real server, watched from outside: alive, ready, its numbers and its log."""

import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from run_world import CANARIES, Honk, Running, world

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]


@pytest.fixture
def honk() -> Iterator[Honk]:
    with world() as made:
        yield made


async def origin_of(server: Running) -> str:
    """Where it serves, once it says so."""
    return (await server.says(r"serving \S+ on (http://\S+?);")).group(1)


@pytest.fixture
async def server(honk: Honk) -> AsyncIterator[Running]:
    async with honk.started("serve", "--port", "0") as running:
        yield running


async def test_a_server_is_alive_ready_and_counts_what_it_does(honk: Honk, server: Running) -> None:
    origin = await origin_of(server)
    async with httpx.AsyncClient(base_url=origin, trust_env=False) as client:
        assert (await client.get("/healthz")).text == "ok\n"
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "missing": []})
        music = honk.repository()
        done = await honk.change(music, "echo lala >> song.txt")  # the work is done by the server
        assert done.code == 0, done.words
        numbers = (await client.get("/metrics")).text
        strangers = await client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    task = done.settled["task"]
    assert 'honk_turns_total{outcome="pass"} 1.0' in numbers
    assert 'honk_verdicts_total{answer="pass"} 1.0' in numbers
    assert 'honk_tasks{state="proposed"} 1.0' in numbers
    assert 'honk_step_seconds_count{step="verify"} 1.0' in numbers
    assert task not in numbers and str(music) not in numbers
    assert strangers.status_code == 401

    lines = [json.loads(line) for line in server.err.decode().splitlines()]
    names = [line["event"] for line in lines if line.get("task") == task]
    assert {"task.moved", "work.begun", "step.ended", "verdict.given", "task.settled"} <= set(names)
    steps = [line for line in lines if line["event"] == "step.ended"]
    assert {line["step"] for line in steps} >= {"prepare", "code/1", "verify/1", "propose"}
    assert {(line["task"], line["turn"]) for line in steps} == {(task, 1)}
    assert not [secret for secret in CANARIES if secret in server.err.decode()]


async def test_a_full_disk_is_not_ready_but_alive(honk: Honk) -> None:
    honk.home.mkdir(parents=True)
    (honk.home / "honk.toml").write_text("[work]\nleast_free_mb = 1000000000\n")
    async with honk.started("serve", "--port", "0") as server:
        origin = await origin_of(server)
        async with httpx.AsyncClient(base_url=origin, trust_env=False) as client:
            assert (await client.get("/healthz")).status_code == 200
            ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert [one["name"] for one in ready.json()["missing"]] == ["disk"]
