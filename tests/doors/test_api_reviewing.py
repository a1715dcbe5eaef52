"""Reviewing, confirming and fetching, asked of a Honk in this process and of one behind a server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from api_world import ApiWorld, api_world

from honk.domain.access import Scope
from honk.domain.event import PullRequestApproved
from honk.domain.policy import Act, Confirmation
from honk.domain.task import State
from honk.errors import NotAllowed, NotNow
from honk.service import Approval, NewTask, Review, Service
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


async def proposed(door: ApiWorld, service: Service) -> str:
    accepted = await service.submit(NewTask(repository=ADDRESS, instruction="fix the crash"))
    assert (await door.world.settled(accepted.task)).state is State.PROPOSED
    return accepted.task.id


async def test_what_there_is_to_know_is_the_same_both_ways(door: ApiWorld, service: Service) -> None:
    id = await proposed(door, service)
    local = door.local(door.ada)
    assert await service.merging(id) == await local.merging("last")
    assert await service.branch(id) == await local.branch("last")
    shown = await service.merging(id)
    assert (shown.task, shown.allowed, shown.deploying.environment, shown.word) == (id, True, "production", "")


async def test_two_people_one_after_the_other(door: ApiWorld, service: Service) -> None:
    door.world.policy.asks = Confirmation.SECOND
    id = await proposed(door, service)
    seen = await service.merging(id)
    with pytest.raises(NotNow, match="second person") as refused:
        await service.merge(id, Approval(head=seen.head))
    assert refused.value.remedy == f"honk approve {id}"
    bo = await door.world.person("Bo")
    async with door.remote(person=bo) as theirs:
        approved = await theirs.approve(id, Review(head=seen.head[:12], text="tried it"))
        assert approved == await theirs.approve(id, Review(head=seen.head))
    assert (approved.head, approved.by) == (seen.head, ("Bo",))
    [said] = [event for event in await service.events(id) if isinstance(event.data, PullRequestApproved)]
    assert (said.actor, (await service.card(id)).approved_by) == (bo.id, ("Bo",))
    await service.merge(id, Approval(head=seen.head))
    assert (await door.world.settled(await service.find(id))).state is State.DEPLOYED


async def test_what_is_typed_goes_all_the_way(door: ApiWorld, service: Service) -> None:
    door.world.policy.asks = Confirmation.TYPED
    id = await proposed(door, service)
    word = (await service.card(id)).to_type
    assert word == (await service.merging(id)).word
    with pytest.raises(NotNow, match="nothing was typed"):
        await service.merge(id, Approval())
    with pytest.raises(NotNow, match="the branch moved since"):
        await service.merge(id, Approval(head="0" * 40, typed=word))
    await service.merge(id, Approval(typed=word))
    assert (await door.world.settled(await service.find(id))).state is State.DEPLOYED


async def test_a_token_needs_the_scope_and_its_person_the_right(door: ApiWorld) -> None:
    id = await proposed(door, door.local(door.ada))
    others = tuple(set(Scope) - {Scope.MERGE})
    async with door.remote(*others) as reader, door.remote(Scope.MERGE) as whole:
        shown = await reader.merging(id)
        assert (shown.allowed, shown.policy) == (False, "this access token is not for 'merge'")
        with pytest.raises(NotAllowed, match="not for 'merge'"):
            await reader.approve(id, Review(head=shown.head))
        door.world.policy.refused = {(door.ada.id, Act.APPROVE)}
        with pytest.raises(NotAllowed, match="Ada may not approve"):
            await whole.approve(id, Review(head=shown.head))
        assert (await reader.card(id)).approved_by == ()
