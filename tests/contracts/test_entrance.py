"""What the store promises of browsers that have signed in, with two stores at the same database."""

from collections.abc import AsyncIterator
from datetime import timedelta

import anyio
import pytest
from chats_world import Pair, opened_twice
from store_world import ANN, BORN

from honk.domain.access import Scope
from honk.domain.person import Identity, PersonId
from honk.domain.rules import Known, Rules
from honk.domain.visit import Passkey, Visit

pytestmark = pytest.mark.anyio
SECRET = "a secret of a browser"


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[Pair]:
    async with opened_twice(database_url) as made:
        yield made


async def ann(pair: Pair) -> PersonId:
    return (await pair.one.tasks.person(ANN, "Ann")).id


def visit(person: PersonId, id: str = "v1", token: str = "", device: str = "Firefox \0 \udcff") -> Visit:
    return Visit(
        id=id,
        person=person,
        scopes=frozenset({Scope.READ, Scope.MERGE}),
        way="token" if token else "link",
        token=token,
        device=device,
        began_at=BORN,
        seen_at=BORN,
        until=BORN + timedelta(days=30),
    )


def passkey(person: PersonId, id: str = "k1", token: str = "") -> Passkey:
    return Passkey(
        id=id,
        person=person,
        name="phone \0",
        public_key="pk",
        count=0,
        scopes=frozenset(Scope),
        token=token,
        made_at=BORN,
    )


async def test_a_visit_is_found_by_its_secret_until_it_is_over(pair: Pair) -> None:
    made = visit(await ann(pair))
    await pair.one.entrance.visits.begin(made, SECRET)
    found = await pair.other.entrance.visits.find(SECRET)
    assert found is not None and found[0] == made and found[1].name == "Ann"
    assert await pair.other.entrance.visits.find("another") is None
    pair.clock.pass_by(days=1)
    await pair.other.entrance.visits.seen("v1")
    await pair.other.entrance.visits.seen("unknown")
    assert [one.seen_at for one in await pair.one.entrance.visits.of(made.person)] == [BORN + timedelta(days=1)]
    pair.clock.pass_by(days=29)
    assert await pair.other.entrance.visits.find(SECRET) is None
    assert await pair.other.entrance.visits.of(made.person) == ()


async def test_what_is_ended_by_one_is_over_for_the_other(pair: Pair) -> None:
    person = await ann(pair)
    for number in range(4):
        await pair.one.entrance.visits.begin(visit(person, f"v{number}"), f"{number}")
    assert await pair.other.entrance.visits.end(person, "v0")
    assert not await pair.one.entrance.visits.end(person, "v0")
    eve = (await pair.one.tasks.person(Identity.parse("local:eve"), "Eve")).id
    assert not await pair.one.entrance.visits.end(eve, "v1")
    assert await pair.one.entrance.visits.end_all(eve) == 0
    assert await pair.one.entrance.visits.end_all(person, but="v1") == 2
    assert [one.id for one in await pair.other.entrance.visits.of(person)] == ["v1"]
    assert await pair.other.entrance.visits.end_all(person) == 1
    assert await pair.one.entrance.visits.find("1") is None


async def test_what_comes_of_an_access_token_ends_with_it(pair: Pair) -> None:
    person = await ann(pair)
    issued = await pair.one.tokens.issue(person, "laptop", frozenset({Scope.READ}), expires_at=BORN + timedelta(days=2))
    for name, token in (("its", issued.token.id), ("other", "")):
        await pair.one.entrance.visits.begin(visit(person, name, token), name)
        assert await pair.one.entrance.passkeys.add(passkey(person, name, token))
    assert await pair.other.entrance.visits.find("its") is not None
    assert await pair.other.entrance.passkeys.find("its") is not None
    pair.clock.pass_by(days=2)
    assert [one.id for one in await pair.other.entrance.visits.of(person)] == ["other"]
    for gone in (pair.other.entrance.visits.find("its"), pair.other.entrance.passkeys.find("its")):
        assert await gone is None
    assert await pair.other.entrance.visits.find("other") is not None
    assert await pair.other.entrance.passkeys.find("other") is not None


async def test_who_was_joined_to_somebody_keeps_visits_and_passkeys(pair: Pair) -> None:
    mail = Identity.parse("mail:ann@example.com")
    before = (await pair.one.tasks.person(mail, "ann@example.com")).id
    await pair.one.entrance.visits.begin(visit(before), SECRET)
    await pair.one.entrance.passkeys.add(passkey(before))
    await ann(pair)
    pair.rules = Rules(people=(Known(key="ann", name="Ann", identities=(ANN, mail)),))
    joined = (await pair.one.tasks.person(ANN, "Ann")).id
    found = await pair.other.entrance.visits.find(SECRET)
    assert found is not None and found[1].id == joined and found[1].name == "Ann"
    assert [one.id for one in await pair.other.entrance.visits.of(joined)] == ["v1"]
    assert [one.id for one in await pair.other.entrance.passkeys.of(joined)] == ["k1"]
    assert await pair.other.entrance.visits.end(joined, "v1")
    assert await pair.other.entrance.passkeys.remove(joined, "k1")


async def test_what_is_good_once_is_taken_by_one_of_many(pair: Pair) -> None:
    once, other = pair.one.entrance.onetime, pair.other.entrance.onetime
    await once.keep("link", SECRET, "words \0 \udcff", BORN + timedelta(minutes=10))
    assert await other.look("link", SECRET) == await once.look("link", SECRET) == "words \0 \udcff"
    assert await other.take("way", SECRET) is None, "of another kind"
    found: list[str | None] = []

    async def take(number: int) -> None:
        found.append(await (once if number % 2 else other).take("link", SECRET))

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(take, number)
    assert sorted(map(str, found)) == ["None"] * 9 + ["words \0 \udcff"]
    assert await other.look("link", SECRET) is None


async def test_what_is_too_old_is_good_for_nothing_and_forgotten(pair: Pair) -> None:
    once = pair.one.entrance.onetime
    await once.keep("link", SECRET, "words", BORN + timedelta(minutes=10))
    pair.clock.pass_by(minutes=10)
    assert await once.look("link", SECRET) is None and await once.take("link", SECRET) is None
    await once.keep("link", SECRET, "anew", pair.clock.now + timedelta(minutes=10))
    assert await pair.other.entrance.onetime.take("link", SECRET) == "anew"


async def test_a_passkey_is_known_once_and_counts(pair: Pair) -> None:
    person, keys = await ann(pair), pair.one.entrance.passkeys
    assert await keys.add(passkey(person)) and not await pair.other.entrance.passkeys.add(passkey(person))
    await keys.used("k1", 2**32 - 1)
    found = await pair.other.entrance.passkeys.find("k1")
    assert found is not None and (found.count, found.used_at, found.name) == (2**32 - 1, BORN, "phone \0")
    eve = (await pair.one.tasks.person(Identity.parse("local:eve"), "Eve")).id
    assert not await keys.remove(eve, "k1") and await keys.remove(person, "k1")
    assert await pair.other.entrance.passkeys.find("k1") is None
