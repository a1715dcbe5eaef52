"""What operators' programs are told, and who may have the numbers."""

from collections.abc import Sequence

import httpx
import pytest
from starlette.applications import Starlette

from honk.doors.web.ops import Missing, Ops, ops_routes

pytestmark = pytest.mark.anyio
DISK = Missing(name="disk", detail="12 MiB are free, work needs 1024")


def client(*, local: bool, missing: Sequence[Missing] = ()) -> httpx.AsyncClient:
    async def look() -> Sequence[Missing]:
        return missing

    async def metrics() -> tuple[bytes, str]:
        return b"honk_tasks 1\n", "text/plain; version=0.0.4"

    async def may_read(token: str) -> bool:
        return token == "honk_right"

    ops = Ops(missing=look, metrics=metrics, may_read=may_read, local=local)
    transport = httpx.ASGITransport(Starlette(routes=ops_routes(ops)))
    return httpx.AsyncClient(transport=transport, base_url="http://honk")


async def test_a_server_that_is_not_ready_is_alive_all_the_same() -> None:
    async with client(local=True, missing=[DISK]) as asked:
        alive = await asked.get("/healthz")
        assert (alive.status_code, alive.text) == (200, "ok\n")
        ready = await asked.get("/readyz")
    assert ready.status_code == 503
    assert ready.json() == {
        "ready": False,
        "missing": [{"name": "disk", "detail": "12 MiB are free, work needs 1024"}],
    }


async def test_a_server_with_nothing_missing_is_ready() -> None:
    async with client(local=True) as asked:
        ready = await asked.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "missing": []})


@pytest.mark.parametrize(
    ("local", "headers", "status"),
    [
        (True, {}, 200),
        (False, {}, 401),
        (False, {"Authorization": "Bearer honk_right"}, 200),
        (False, {"Authorization": "bearer honk_right"}, 200),
        (False, {"Authorization": "Bearer honk_wrong"}, 401),
        (False, {"Authorization": "Basic honk_right"}, 401),
        # a tunnel or a proxy on this machine brings strangers
        (True, {"X-Forwarded-For": "203.0.113.7"}, 401),
        (True, {"Forwarded": "for=203.0.113.7"}, 401),
        (True, {"X-Forwarded-For": "203.0.113.7", "Authorization": "Bearer honk_right"}, 200),
    ],
)
async def test_the_numbers_are_for_this_machine_or_for_a_token_that_may_read(
    local: bool, headers: dict[str, str], status: int
) -> None:
    async with client(local=local) as asked:
        answer = await asked.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("honk_tasks" in answer.text) == (status == 200)


async def test_nothing_of_it_is_kept_by_caches() -> None:
    async with client(local=True) as asked:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await asked.get(path)).headers["cache-control"] == "no-store"
