"""The path of the agent's own spans: only its task's, only within bounds, and nowhere while nobody wants them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_world import GOOD, Server, World

from honk.adapters.broker.telemetry import BODY_LIMIT, BYTES_A_MINUTE, REQUESTS_A_MINUTE

pytestmark = pytest.mark.anyio
PATH = "/v1/traces"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def upstream() -> AsyncIterator[Server]:
    async with Server(GOOD) as server:
        yield server


@pytest.fixture
def taken() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def world(short_tmp: Path, upstream: Server, taken: list[tuple[str, bytes]]) -> World:
    def accept(task: str, body: bytes) -> None:
        if body == b"unreadable":
            raise ValueError("not a request of OTLP traces in JSON")
        taken.append((task, body))

    return World(run_dir=short_tmp, port=upstream.port, telemetry=accept)


async def test_spans_are_taken_for_the_task_of_the_exit(world: World, taken: list[tuple[str, bytes]]) -> None:
    async with world.open(task="t-1") as inside, world.open(task="t-2") as other:
        assert (await inside.client.post(PATH, content=b"{}", headers=JSON)).status_code == 200
        typed = {"content-type": "application/json; charset=utf-8"}
        assert (await other.client.post(PATH, content=b"[]", headers=typed)).json() == {}
    assert taken == [("t-1", b"{}"), ("t-2", b"[]")]


async def test_the_models_server_never_sees_them(world: World, upstream: Server) -> None:
    async with world.open() as inside:
        await inside.client.post(PATH, content=b"{}", headers=JSON)
        assert (await inside.ask()).status_code == 200
    assert [request.line.split()[1] for request in upstream.requests] == ["/v1/messages?beta=true"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status"),
    [
        ("GET", PATH, JSON, b"", 405),
        ("POST", PATH, {"content-type": "application/x-protobuf"}, b"x", 415),
        ("POST", PATH, {**JSON, "content-encoding": "gzip"}, b"x", 415),
        ("POST", PATH, JSON, b"unreadable", 400),
        ("POST", PATH, JSON, b"x" * (BODY_LIMIT + 1), 413),
        # logs hold words of people, metrics are Honk's to count
        ("POST", "/v1/logs", JSON, b"{}", 404),
        ("POST", "/v1/metrics", JSON, b"{}", 404),
        ("POST", PATH + "/", JSON, b"{}", 404),
        ("POST", PATH + "?to=elsewhere", JSON, b"{}", 404),
    ],
)
async def test_everything_else_is_refused(
    world: World,
    taken: list[tuple[str, bytes]],
    method: str,
    path: str,
    headers: dict[str, str],
    content: bytes,
    status: int,
) -> None:
    async with world.open() as inside:
        answer = await inside.client.request(method, path, headers=headers, content=content)
        assert answer.status_code == status, answer.text
    assert not taken


async def test_an_exit_takes_so_many_requests_a_minute(world: World, taken: list[tuple[str, bytes]]) -> None:
    async with world.open() as inside:
        for _ in range(REQUESTS_A_MINUTE):
            assert (await inside.client.post(PATH, content=b"{}", headers=JSON)).status_code == 200
        assert (await inside.client.post(PATH, content=b"{}", headers=JSON)).status_code == 429
        world.now += 61
        assert (await inside.client.post(PATH, content=b"{}", headers=JSON)).status_code == 200
    assert len(taken) == REQUESTS_A_MINUTE + 1


async def test_an_exit_takes_so_many_bytes_a_minute(world: World, taken: list[tuple[str, bytes]]) -> None:
    async with world.open() as inside:
        full = b"x" * BODY_LIMIT
        statuses = [(await inside.client.post(PATH, content=full, headers=JSON)).status_code for _ in range(10)]
    assert statuses == [200] * 8 + [429] * 2
    assert sum(len(body) for _, body in taken) <= BYTES_A_MINUTE


async def test_without_somebody_who_wants_them_there_is_no_such_path(world: World) -> None:
    world.telemetry = None
    async with world.open() as inside:
        assert (await inside.client.post(PATH, content=b"{}", headers=JSON)).status_code == 404


async def test_set_up_has_no_agent_to_say_anything(world: World, taken: list[tuple[str, bytes]]) -> None:
    async with world.open(model=False) as inside:
        assert (await inside.client.post(PATH, content=b"{}", headers=JSON)).status_code >= 400
    assert not taken
