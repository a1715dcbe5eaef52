"""Who is who: people are joined as the policy says, and nobody gets another's rights by it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from honk.adapters.sql import SqlStore
from honk.domain.access import Scope
from honk.domain.person import Identity, Person
from honk.domain.rules import Known, Rules

pytestmark = pytest.mark.anyio


@dataclass
class Policy:
    """The people of honk.toml, which a test may rewrite."""

    people: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __call__(self) -> Rules:
        return Rules(
            people=tuple(
                Known(key=key, name=key.title(), identities=tuple(map(Identity.parse, texts)))
                for key, texts in self.people.items()
            )
        )


@pytest.fixture
def policy() -> Policy:
    return Policy()


@pytest.fixture
async def store(database_url: str, policy: Policy) -> AsyncIterator[SqlStore]:
    async with SqlStore(database_url, rules=policy) as opened:
        yield opened


async def seen(store: SqlStore, identity: str) -> Person:
    """The person as a door gets it."""
    return await store.tasks.person(Identity.parse(identity), identity.split(":")[1])


def names(person: Person) -> set[str]:
    return {str(one) for one in person.identities}


async def test_a_person_of_the_policy_is_one_whatever_door_sees_them(store: SqlStore, policy: Policy) -> None:
    policy.people = {"alice": ("local:alice", "slack:U1", "mail:a@b")}
    by_slack = await seen(store, "slack:U1")
    assert by_slack.name == "Alice" and names(by_slack) == {"local:alice", "slack:U1", "mail:a@b"}
    assert await seen(store, "local:alice") == by_slack
    assert (await seen(store, "slack:U2")).id != by_slack.id


async def test_people_seen_before_are_joined_and_their_past_stays_theirs(store: SqlStore, policy: Policy) -> None:
    slack, local, other = [await seen(store, one) for one in ("slack:U1", "local:alice", "slack:U2")]
    token = await store.tokens.issue(slack.id, "phone", frozenset({Scope.READ}))
    policy.people = {"alice": ("local:alice", "slack:U1")}
    alice = await seen(store, "slack:U1")
    assert alice.id == local.id and names(alice) == {"local:alice", "slack:U1"}
    assert await store.tasks.get_person(slack.id) == alice
    found = await store.tokens.find(token.secret.reveal())
    assert found is not None and found.person == alice
    assert await seen(store, "slack:U2") == other


async def test_an_identity_that_is_taken_away_takes_its_rights_along(store: SqlStore, policy: Policy) -> None:
    policy.people = {"alice": ("local:alice", "slack:U1")}
    alice = await seen(store, "slack:U1")
    policy.people = {"alice": ("local:alice",)}
    assert names(await store.tasks.get_person(alice.id)) == {"local:alice"}
    stranger = await seen(store, "slack:U1")
    assert stranger.id != alice.id and names(stranger) == {"slack:U1"}
    again = await seen(store, "local:alice")
    assert again.id == alice.id and names(again) == {"local:alice"}


async def test_an_identity_given_to_somebody_else_is_theirs_alone(store: SqlStore, policy: Policy) -> None:
    policy.people = {"alice": ("local:alice", "slack:U1"), "bob": ("local:bob",)}
    alice, bob = await seen(store, "local:alice"), await seen(store, "local:bob")
    policy.people = {"alice": ("local:alice",), "bob": ("local:bob", "slack:U1")}
    assert names(await store.tasks.get_person(alice.id)) == {"local:alice"}
    assert (await seen(store, "slack:U1")).id == bob.id
    assert names(await seen(store, "local:alice")) == {"local:alice"}
    assert names(await seen(store, "local:bob")) == {"local:bob", "slack:U1"}


async def test_the_only_identity_of_one_may_become_another_s(store: SqlStore, policy: Policy) -> None:
    policy.people = {"alice": ("slack:U1",)}
    alice = await seen(store, "slack:U1")
    policy.people = {"alice": ("local:alice",), "bob": ("slack:U1",)}
    bob = await seen(store, "slack:U1")
    assert bob.id != alice.id and names(bob) == {"slack:U1"}
    assert names(await store.tasks.get_person(alice.id)) == set()
    assert (await seen(store, "local:alice")).id == alice.id


async def test_a_person_under_a_new_key_is_the_same(store: SqlStore, policy: Policy) -> None:
    policy.people = {"alice": ("local:alice", "slack:U1")}
    alice = await seen(store, "slack:U1")
    policy.people = {"alicia": ("local:alice", "slack:U1", "github:alicia")}
    alicia = await seen(store, "slack:U1")
    assert (alicia.id, alicia.name) == (alice.id, "Alicia")


async def test_without_the_policy_a_local_name_lends_no_rights_to_others(store: SqlStore, policy: Policy) -> None:
    policy.people = {"alice": ("local:alice", "slack:U1")}
    alice = await seen(store, "slack:U1")
    policy.people = {}
    assert names(await seen(store, "slack:U1")) == {"slack:U1"}
    assert names(await seen(store, "local:alice")) == {"local:alice"}
    assert len(names(await store.tasks.get_person(alice.id))) == 1


async def test_whoever_left_the_policy_gets_no_rights_by_an_identity_that_is_another_s_now(
    store: SqlStore, policy: Policy
) -> None:
    policy.people = {"alice": ("local:alice", "slack:U1")}
    alice = await seen(store, "slack:U1")
    policy.people = {"bob": ("slack:U1", "local:bob")}
    assert policy().keys(await store.tasks.get_person(alice.id)) == frozenset()


async def test_identities_that_race_are_one_person(database_url: str, policy: Policy) -> None:
    policy.people = {"alice": ("local:alice", "slack:U1", "github:alice")}
    async with SqlStore(database_url, rules=policy) as one, SqlStore(database_url, rules=policy) as two:
        doors = [(store, text) for text in policy.people["alice"] for store in (one, two)] * 5
        found = await asyncio.gather(*(seen(store, text) for store, text in doors))
    assert len({person.id for person in found}) == 1


async def test_strangers_that_race_are_one_person(database_url: str, policy: Policy) -> None:
    async with SqlStore(database_url, rules=policy) as one, SqlStore(database_url, rules=policy) as two:
        found = await asyncio.gather(*(seen(store, "slack:U9") for store in (one, two) * 10))
    assert len({person.id for person in found}) == 1
