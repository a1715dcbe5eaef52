"""Freezes, asked of a Honk in this process and of one behind a server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from api_world import ApiWorld, api_world

from honk.domain.access import Scope
from honk.domain.policy import Act
from honk.domain.task import State
from honk.doors.cli.freezing import coming
from honk.errors import NotAllowed, Unknown, Usage
from honk.service import Approval, NewTask, Service
from honk.service.freezing import FreezeWanted
from honk.testing.world import ADDRESS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as made:
        yield made


@pytest.fixture(params=["local", "remote"])
async def service(door: ApiWorld, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        if request.param == "local":
            yield door.local(door.ada)
        else:
            yield await stack.enter_async_context(door.remote())


async def test_a_freeze_holds_a_deployment_which_now_and_a_thaw_begin(door: ApiWorld, service: Service) -> None:
    until = door.world.clock() + timedelta(days=2)
    wanted = FreezeWanted(repository=ADDRESS, why="the release is cut", environment="production", until=until)
    made = await service.freeze(wanted)
    assert (made.by, made.environment, made.why, made.until) == ("Ada", "production", "the release is cut", until)
    assert await service.freezes(ADDRESS) == (made,)
    task = (await service.submit(NewTask(repository=ADDRESS, instruction="fix the crash"))).task
    task = await door.world.settled(task)
    assert "is frozen by Ada until" in (await service.merging(task.id)).deploying.waits
    await service.merge(task.id, Approval())
    task = await door.world.settled(task)
    assert task.state is State.MERGED and "is frozen by Ada" in task.reason
    await service.merge(task.id, Approval(now=True))
    assert (await door.world.settled(task)).state is State.DEPLOYED
    assert (await service.thaw(ADDRESS, "production")).why == made.why
    assert await service.freezes(ADDRESS) == ()
    with pytest.raises(Unknown, match="not frozen"):
        await service.thaw(ADDRESS, "production")


async def test_what_makes_no_sense_and_who_may_not_are_refused_both_ways(door: ApiWorld, service: Service) -> None:
    for wanted in (
        FreezeWanted(repository=ADDRESS, why=" "),
        FreezeWanted(repository=ADDRESS, why="no", environment="../.."),
        FreezeWanted(repository=ADDRESS, why="no", until=datetime(2000, 1, 1, tzinfo=UTC)),
    ):
        with pytest.raises(Usage):
            await service.freeze(wanted)
    door.world.policy.refused.add((door.ada.id, Act.FREEZE))
    with pytest.raises(NotAllowed):
        await service.freeze(FreezeWanted(repository=ADDRESS, why="no"))
    assert await service.freezes(ADDRESS) == ()


async def test_a_token_that_is_not_for_deploying_freezes_nothing(door: ApiWorld) -> None:
    local = door.local(door.ada, frozenset({Scope.READ, Scope.MERGE}))
    token = await door.token(Scope.READ, Scope.MERGE)
    with pytest.raises(NotAllowed):
        await local.freeze(FreezeWanted(repository=ADDRESS, why="no"))
    with pytest.raises(NotAllowed):
        await local.thaw(ADDRESS)
    async with httpx.AsyncClient(base_url=f"{door.url}/api/v1", headers={"Authorization": f"Bearer {token}"}) as client:
        body = {"repository": ADDRESS, "why": "no"}
        assert (await client.post("/freezes", json=body)).status_code == 403
        assert (await client.delete("/freezes", params={"repository": ADDRESS})).status_code == 403
        assert (await client.get("/freezes", params={"repository": ADDRESS})).json() == []
        assert (await client.get("/freezes")).status_code == 400
    assert await door.world.app.freezes(ADDRESS) == ()


@pytest.mark.parametrize("text", ["soon", "5", "7w", "2026-13-01", "999999d", "-1h"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Usage):
        coming(text, datetime(9999, 1, 1, tzinfo=UTC))


def test_times_to_come_as_people_type_them() -> None:
    now = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
    assert coming("", now) is None and coming("12h", now) == now + timedelta(hours=12)
    assert coming("2026-12-27T08:00+01:00", now) == datetime(2026, 12, 27, 7, 0, tzinfo=UTC)
