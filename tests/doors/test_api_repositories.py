"""The repositories that a person may use, over the API and in this process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from api_world import ApiWorld, api_world

from honk.adapters.roles import RolesPolicy
from honk.domain.person import Identity
from honk.domain.policy import Right
from honk.domain.repository import Named
from honk.domain.rules import Known, Role, Rules
from honk.service import NewTask
from honk.testing.world import ADDRESS

pytestmark = pytest.mark.anyio
WEB = Named(name="web", address="https://github.com/acme/web", aliases=("site",), description="The landing page")
SECRET = Named(name="secret", address="https://github.com/acme/secret")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as made:
        made.listed = (WEB, SECRET)
        yield made


def allow(door: ApiWorld, *patterns: str) -> None:
    known = Known(key="ada", name="Ada", identities=(Identity.parse("local:ada"),))
    role = Role(repositories=patterns, people=("ada",), may=frozenset({Right.ASK}))
    door.world.policy.written = RolesPolicy(lambda: Rules(people=(known,), roles=(role,)))


async def test_those_of_the_file_and_of_earlier_tasks_the_last_used_first(door: ApiWorld) -> None:
    here = door.local(door.ada)
    assert [(one.name, one.used_at) for one in await here.repositories()] == [("secret", None), ("web", None)]
    task = await door.world.settled(await door.world.ask())
    async with door.remote() as there:
        found = await there.repositories()
        assert found == await here.repositories()
        assert [one.name for one in found] == ["music-player", "secret", "web"]
        assert (found[0].address, found[0].used_at) == (ADDRESS, task.created_at)
        assert [one.name for one in await there.repositories("LANDING web")] == ["web"]
        assert [one.name for one in await there.repositories("site")] == ["web"]
        assert [one.name for one in await there.repositories(limit=1)] == ["music-player"]
        assert await there.repositories("nowhere") == ()


async def test_a_used_one_keeps_the_names_that_the_file_gives_it(door: ApiWorld) -> None:
    door.listed = (Named(name="player", address=ADDRESS, aliases=("app",)),)
    await door.world.settled(await door.world.ask())
    [one] = await door.local(door.ada).repositories()
    assert (one.name, one.aliases) == ("player", ("app",)) and one.used_at is not None


async def test_what_the_person_may_not_use_is_not_shown_and_the_question_is_no_act(door: ApiWorld) -> None:
    await door.world.settled(await door.world.ask())
    before = await door.world.store.audit.read()
    allow(door, "github.com/acme/web")
    async with door.remote() as there:
        assert [one.name for one in await there.repositories()] == ["web"]
        assert await there.repositories("secret") == ()
    allow(door, "nowhere")
    assert await door.local(door.ada).repositories() == ()
    assert await door.world.store.audit.read() == before


async def test_without_a_build_nothing_is_built_until_somebody_asks_for_it(door: ApiWorld) -> None:
    async with door.remote() as there:
        wanted = NewTask(repository=ADDRESS, instruction="fix the crash", build=False)
        made = (await there.submit(wanted)).task
        await door.world.settled(made)
        shown = await there.card(made.id)
        assert shown.task.state == "proposed" and shown.build is None
        assert [one.kind for one in await there.artifacts(made.id) if one.kind == "build"] == []
        await there.retry(made.id, point="build")
        await door.world.settled(made)
        assert (await there.card(made.id)).build is not None
