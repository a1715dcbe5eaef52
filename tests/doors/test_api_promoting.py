"""Promotions, asked of a Honk in this process and of one behind a server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from api_world import ApiWorld, api_world

from honk.domain.access import Scope
from honk.domain.task import State
from honk.errors import NotAllowed, NotNow
from honk.service import Approval, NewTask, Service
from honk.service.promoting import Ended, PromotionWanted
from honk.testing.world import ADDRESS, CONFIG

pytestmark = pytest.mark.anyio
TWO = (
    CONFIG.partition(b"[deploy]")[0]
    + b'[[deploy]]\nenvironment = "staging"\ncommand = "deploy"\n[[deploy]]\ncommand = "deploy"\n'
)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as made:
        made.world.somebody_commits("main", {".honk.toml": TWO})
        yield made


@pytest.fixture(params=["local", "remote"])
async def service(door: ApiWorld, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        if request.param == "local":
            yield door.local(door.ada)
        else:
            yield await stack.enter_async_context(door.remote())


async def test_a_promotion_is_shown_pressed_and_delivered_again(door: ApiWorld, service: Service) -> None:
    task = (await service.submit(NewTask(repository=ADDRESS, instruction="fix the crash"))).task
    task = await door.world.settled(task)
    shown = (await service.merging(task.id)).deploying
    assert (shown.environment, [one.environment for one in shown.then]) == ("staging", ["production"])
    assert (await service.promoting(task.id)).refusal == "the task is proposed"
    with pytest.raises(NotNow, match="nothing of it is at rest and live"):
        await service.promote(task.id, PromotionWanted())
    await service.merge(task.id, Approval())
    task = await door.world.settled(task)
    view = await service.promoting(task.id)
    assert (view.came_from, view.environment, view.allowed, view.refusal) == ("staging", "production", True, "")
    assert (await service.card(task.id)).promotes_to == "production"
    with pytest.raises(NotNow, match="is not next"):
        await service.promote(task.id, PromotionWanted(environment="moon"))
    wanted = PromotionWanted(environment="production")
    acts = {(await service.promote(task.id, wanted, id="press")).act for _ in range(2)}
    task = await door.world.settled(task)
    assert len(acts) == 1 and {(await service.promote(task.id, wanted, id="press")).act} == acts
    task = await door.world.settled(task)
    assert task.state is State.DEPLOYED and door.world.production() == b"fixed"
    with pytest.raises(NotNow, match="no deployment of task"):
        await service.deployed(task.id, Ended(live=True))


async def test_not_without_the_scope(door: ApiWorld) -> None:
    async with door.client(*(set(Scope) - {Scope.DEPLOY})) as client:
        for path, body in (("promote", {}), ("deployed", {"live": True})):
            answer: httpx.Response = await client.post(f"/tasks/x/{path}", json=body)
            assert answer.status_code == 403 and "deploy" in answer.json()["detail"]
    looks = door.local(door.ada, frozenset(Scope) - {Scope.DEPLOY})
    task = (await looks.submit(NewTask(repository=ADDRESS, instruction="fix the crash"))).task
    await door.world.settled(task)
    for act in (looks.promote(task.id, PromotionWanted()), looks.deployed(task.id, Ended(live=True))):
        with pytest.raises(NotAllowed, match="not for 'deploy'"):
            await act
