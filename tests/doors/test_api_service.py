"""What the service promises, asked of a Honk in this process and of one behind a server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from api_world import ApiWorld, api_world

from honk.domain.message import Handling
from honk.domain.task import State
from honk.domain.text import Secret
from honk.doors.cli.remote import open_remote
from honk.errors import HonkError, NotAllowed, NotNow, Unknown, Unreachable, Usage
from honk.service import Approval, Go, HandOver, LimitsWanted, NewTask, Query, Reply, Service
from honk.testing.fake_work import APP, Edit, FakeAgent
from honk.testing.world import ADDRESS, Trap

pytestmark = pytest.mark.anyio
FIX = NewTask(repository=ADDRESS, instruction="fix the crash")
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


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


async def proposed(door: ApiWorld, service: Service, wanted: NewTask = FIX) -> str:
    accepted = await service.submit(wanted)
    assert (await door.world.settled(accepted.task)).state is State.PROPOSED
    return accepted.task.id


async def test_it_says_who_it_is(door: ApiWorld, service: Service) -> None:
    about = await service.about()
    assert about.person == door.ada and about.defaults.limits.usd == 3.0
    assert [one.name for one in await service.diagnose()] == ["walls", "key"]


async def test_what_is_left_open_is_the_servers_choice(door: ApiWorld, service: Service) -> None:
    wanted = replace(FIX, limits=LimitsWanted(calls=7), verify=("true",), base="main")
    options = (await service.submit(wanted)).task.options
    assert (options.limits.usd, options.limits.calls) == (3.0, 7)
    assert (options.verify, options.base, options.merge) == (("true",), "main", False)


async def test_my_own_tasks_among_everybodys(door: ApiWorld, service: Service) -> None:
    mine = (await service.submit(FIX)).task
    theirs = (await door.local(await door.world.person("Bo")).submit(FIX)).task
    assert {one.id for one in (await service.tasks(Query())).tasks} == {mine.id, theirs.id}
    assert [one.id for one in (await service.tasks(Query(mine=True))).tasks] == [mine.id]


async def test_what_it_shows_is_what_is_stored(door: ApiWorld, service: Service) -> None:
    id = await proposed(door, service)
    local = door.local(door.ada)
    assert await service.find(id) == await service.find("last") == await local.find(id)
    assert await service.card(id) == await local.card(id)
    assert await service.turn(id, 1) == await local.turn(id, 1)
    assert await service.events(id, 2) == await local.events(id, 2)
    assert await service.difference(id) == await local.difference(id)
    assert await service.patch(id) == await local.patch(id)
    assert await service.artifacts(id) == await local.artifacts(id)
    query = Query(states=(State.PROPOSED,), repository=ADDRESS, limit=1)
    assert await service.tasks(query) == await local.tasks(query)


async def test_following_begins_where_asked_and_goes_on(door: ApiWorld, service: Service) -> None:
    id = await proposed(door, service)
    last = (await service.events(id))[-1].seq
    async with aclosing(service.follow(id, last - 1)) as events:
        assert (await anext(events)).seq == last
        await service.merge(id, Approval())
        following = await anext(events)
    assert following.seq == last + 1 and following == (await service.events(id, last))[0]


async def test_the_same_request_goes_on_instead_of_beginning_anew(door: ApiWorld, service: Service) -> None:
    door.world.trap = Trap(place="workspaces.open")
    first = await service.submit(FIX)
    await door.world.trap.reached.wait()
    again = await service.submit(replace(FIX, resume=True))
    assert again.resumed and again.task.id == first.task.id
    assert not (await service.submit(replace(FIX, instruction="bump", resume=True))).resumed


async def test_messages_wait_and_change(door: ApiWorld, service: Service) -> None:
    door.world.trap = Trap(place="workspaces.open")
    id = (await service.submit(FIX)).task.id
    await door.world.trap.reached.wait()
    said = await service.reply(id, Reply(text="friendlier", handling=Handling.QUEUED), id="one")
    assert said.turn is None
    assert (await service.edit(id, said.message, "bump")).text == "bump"
    assert [(one.message.text, one.handling) for one in await service.messages(id)] == [("bump", Handling.QUEUED)]
    assert (await service.withdraw(id, said.message)).id == said.message
    assert await service.messages(id) == ()


async def test_a_picture_goes_with_the_words(door: ApiWorld, service: Service) -> None:
    image = await service.add_image("a b.png", PNG)
    id = (await service.submit(replace(FIX, images=(image,)))).task.id
    assert (await service.turn(id, 1)).message.images == (image,)
    with pytest.raises(Usage, match="not a picture"):
        await service.add_image("x.svg", b"<svg>")


async def test_files_and_a_conversation_go_with_the_words(door: ApiWorld, service: Service, tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"%PDF-1.7")
    file = await service.add_file("a b.pdf", tmp_path / "here")
    assert (file.name, file.media_type, file.size) == ("a b.pdf", "application/pdf", 8)
    log = await service.add_file("crash.log", b"IndexError")
    id = await proposed(door, service, replace(FIX, files=(file, log), context="Ada: it dies"))
    message = (await service.turn(id, 1)).message
    assert (message.files, message.context) == ((file, log), "Ada: it dies")
    kinds = {one.name: one.kind for one in await service.artifacts(id)}
    assert (kinds["a b.pdf"], kinds["crash.log"]) == ("file", "file")
    said = await service.reply(id, Reply(text="friendlier", files=(log,), context="Bo: please"))
    assert said.turn is not None
    assert (said.turn.message.files, said.turn.message.context) == ((log,), "Bo: please")


async def test_it_lands_and_comes_back(door: ApiWorld, service: Service) -> None:
    id = await proposed(door, service)
    pressed = await service.merge(id, Approval(), id="press")
    task = await door.world.settled(await service.find(id))
    assert task.state is State.DEPLOYED and pressed.act
    acts = {(await service.undo(id, id="press")).act for _ in range(2)}
    await door.world.settled(await service.find(id))
    assert {(await service.undo(id, id="press")).act} == acts


async def test_a_plan_is_changed_carried_out_and_cancelled(door: ApiWorld, service: Service) -> None:
    door.world.agent.habits = {"says: go": Edit(files={APP: b"fixed"}), "": Edit(summary="the plan")}
    wanted = replace(FIX, plan=True)
    one, other = [(await service.submit(wanted)).task for _ in range(2)]
    for task in (one, other):
        await door.world.settled(task)
    shown = (await service.card(one.id)).plan
    assert shown is not None and (shown.name, shown.text) == ("1", "the plan")
    await service.reply(one.id, Reply(text="in blue"))
    await door.world.settled(one)
    with pytest.raises(NotNow, match="changed since"):
        await service.approve_plan(one.id, Go(plan="1"))
    said = [await service.approve_plan(one.id, Go(plan="2"), id="press") for _ in range(3)]
    assert {(one.turn.number if one.turn else 0) for one in said} == {3}
    assert (await door.world.settled(one)).state is State.PROPOSED
    for _ in range(2):
        assert (await service.stop(other.id)).state is State.STOPPED
    assert (await service.card(other.id)).plan is None


@pytest.mark.parametrize(
    ("default", "wanted", "agent", "plan"),
    [
        (True, None, "claude", True),
        (True, False, "claude", False),
        (True, None, "command", False),
        (False, True, "claude", True),
        (False, None, "claude", False),
    ],
)
async def test_a_plan_comes_first_where_asked_or_set(
    door: ApiWorld, default: bool, wanted: bool | None, agent: str, plan: bool
) -> None:
    door.world.agents["command"] = FakeAgent({"": Edit()}, name="command", plans=False)
    local = door.local(door.ada)
    service = replace(local, defaults=replace(local.defaults, plan=default))
    accepted = await service.submit(replace(FIX, agent=agent, plan=wanted))
    assert accepted.task.options.plan is plan


async def test_errors_are_the_same_ones(door: ApiWorld, service: Service) -> None:
    async def raised(what: object) -> HonkError:
        with pytest.raises(HonkError) as caught:
            await what  # type: ignore[misc]
        return caught.value

    id = await proposed(door, service)
    for asked, kind, words in (
        (service.find("nope"), Unknown, "no task begins"),
        (service.turn(id, 9), Unknown, "no turn 9"),
        (service.undo(id), NotNow, "not deployed"),
        (service.submit(replace(FIX, instruction=" ")), Usage, "empty"),
        (service.hand_over(id, HandOver(agent="nobody")), Usage, "no agent"),
        (service.withdraw(id, "nope"), Unknown, "no waiting message"),
        (service.retry(id, point="lunch"), Usage, "no step"),
    ):
        error = await raised(asked)
        assert type(error) is kind and words in error.message, (error, kind)


async def test_what_may_not_be_done_far_away(door: ApiWorld) -> None:
    async with door.remote() as remote:
        id = await proposed(door, remote)
        for token in await door.world.store.tokens.list():
            await door.world.store.tokens.revoke(token.id)
        with pytest.raises(NotAllowed, match="does not accept the access token"):
            await remote.find(id)


async def test_nobody_at_the_address(door: ApiWorld) -> None:
    async with open_remote("http://127.0.0.1:1", Secret("honk_x")) as house:
        with pytest.raises(Unreachable, match="does not answer"):
            await house.service.find("last")


@pytest.mark.parametrize("token", ["honk_x\ny", "honk x", "honk_é", " "])
async def test_what_is_no_token_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(Usage) as refused:
        async with open_remote("http://127.0.0.1:1", Secret(token)) as house:
            await house.service.about()
    assert "HONK_TOKEN is no access token" in refused.value.message and "honk_" not in refused.value.message
