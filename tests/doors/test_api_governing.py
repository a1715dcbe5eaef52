"""Tokens, rights, money and the audit log over the API, asked both ways."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from api_world import EVERYTHING, ApiWorld, api_world

from honk.adapters.roles import RolesPolicy
from honk.domain.access import Scope
from honk.domain.budget import Budget
from honk.domain.person import Identity
from honk.domain.policy import Act, Right
from honk.domain.rules import Known, Role, Rules
from honk.domain.text import Secret
from honk.doors.cli.remote import open_remote
from honk.errors import NotAllowed, Unknown, Usage
from honk.service.governing import AuditQuery, Question, TokenWanted
from honk.testing.world import ADDRESS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as made:
        yield made


async def test_both_ways_say_the_same(door: ApiWorld) -> None:
    door.world.budget = Budget(day_usd=100.0)
    task = await door.world.settled(await door.world.ask())
    here = door.local(door.ada)
    async with door.remote() as there:
        question = Question(act=Act.MERGE, repository=ADDRESS)
        assert await there.explain(question) == await here.explain(question)
        assert await there.budgets() == await here.budgets()
        [day, ada] = await there.budgets()
        assert (day.limit_usd, day.spent_usd, day.left_usd, ada.person) == (100.0, 1.0, 99.0, "Ada")
        for query in (
            AuditQuery(),
            AuditQuery(task=task.id, limit=1),
            AuditQuery(person="local:ada", since=door.world.clock() - timedelta(days=1)),
            AuditQuery(before=1),
            AuditQuery(act=Act.ASK, repository="music"),
            AuditQuery(act=Act.MERGE),
        ):
            assert await there.audit(query) == await here.audit(query)
        assert [(one.person, one.act) for one in await there.audit(AuditQuery())] == [("Ada", Act.ASK)]
        assert await there.tokens() == await here.tokens()


async def test_a_token_is_made_used_and_revoked_over_the_api(door: ApiWorld) -> None:
    async with door.remote() as there:
        wanted = TokenWanted(name="phone", scopes=(Scope.READ,), person="slack:U1", days=1)
        made = await there.create_token(wanted)
        assert made.token.person == "U1" and made.token.expires_at is not None
        async with open_remote(door.url, Secret(made.secret)) as house:
            assert (await house.service.about()).person.name == "U1"
            with pytest.raises(NotAllowed, match="not for 'administer'"):
                await house.service.tokens()
            await there.revoke_token(made.token.id)
            with pytest.raises(NotAllowed, match="does not accept the access token"):
                await house.service.about()
        with pytest.raises(Unknown):
            await there.revoke_token("none")
        with pytest.raises(Usage, match="cannot expire after"):
            await there.create_token(TokenWanted(name="x", scopes=(Scope.READ,), days=-1))


async def test_a_token_cannot_make_one_that_may_be_used_for_more(door: ApiWorld) -> None:
    async with door.remote(Scope.ADMINISTER, Scope.READ) as there:
        with pytest.raises(NotAllowed, match="not for merge"):
            await there.create_token(TokenWanted(name="x", scopes=(Scope.READ, Scope.MERGE)))
        assert (await there.create_token(TokenWanted(name="x", scopes=(Scope.READ,)))).secret.startswith("honk_")


async def test_a_scope_gives_no_right_that_the_person_does_not_have(door: ApiWorld) -> None:
    known = Known(key="ada", name="Ada", identities=(Identity.parse("local:ada"),))
    role = Role(repositories=("*",), people=("ada",), may=frozenset({Right.ASK}))
    door.world.policy.written = RolesPolicy(lambda: Rules(people=(known,), roles=(role,), version="v1"))
    async with door.client(*EVERYTHING) as client:
        for answer in (
            await client.get("/audit"),
            await client.post("/tokens", json={"name": "x", "scopes": ["read"], "person": "slack:U5"}),
        ):
            assert answer.status_code == 403 and "may not administer" in answer.json()["detail"], answer.text
        task = (await client.post("/tasks", json={"repository": ADDRESS, "instruction": "fix the crash"})).json()[
            "task"
        ]
        await door.world.settled(await door.world.app.ports.tasks.get(task["id"]))
        merge = await client.post(f"/tasks/{task['id']}/merge", json={})
        assert merge.status_code == 403 and "no role grants merge" in merge.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/policy/explanation?act=burn", 400),
        ("/policy/explanation?act=merge&person=nobody", 404),
        ("/audit?since=2026-11-21T08:00:00", 400),
        ("/audit?task=none", 404),
        ("/audit?limit=0", 400),
        ("/audit?act=nonsense", 400),
    ],
)
async def test_questions_that_make_no_sense_are_refused(door: ApiWorld, path: str, status: int) -> None:
    async with door.client() as client:
        answer: httpx.Response = await client.get(path)
    assert answer.status_code == status, answer.text
