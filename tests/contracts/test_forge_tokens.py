"""What the store promises of what people let Honk have at forges, with two stores at the same database."""

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from chats_world import Pair, opened_twice
from store_world import ANN, BORN, Clock

from honk.adapters.sql import SqlStore
from honk.adapters.sql.forge_tokens import Kept, SqlForgeTokens
from honk.domain.grant import Grant
from honk.domain.person import Identity, PersonId
from honk.domain.text import Secret

pytestmark = pytest.mark.anyio
KEY, OTHER = b"k" * 32, b"o" * 32
SOON = BORN + timedelta(minutes=1)
GRANT = Grant(
    access=Secret("ghu_access"),
    refresh=Secret("ghr_refresh"),
    until=BORN + timedelta(hours=8),
    refresh_until=BORN + timedelta(days=180),
)
ADA = Kept(login="Ada", grant=GRANT)


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[Pair]:
    async with opened_twice(database_url) as made:
        yield made


def both(pair: Pair) -> tuple[SqlForgeTokens, SqlForgeTokens]:
    return pair.one.forge_tokens(KEY), pair.other.forge_tokens(KEY)


async def ann(pair: Pair) -> PersonId:
    return (await pair.one.tasks.person(ANN, "Ann")).id


async def test_what_is_written_is_read_by_the_other(pair: Pair) -> None:
    person, (one, other) = await ann(pair), both(pair)
    assert await one.read("github", person) is None
    await one.write("github", person, ADA)
    assert await other.read("github", person) == ADA
    assert await other.read("gitlab", person) is None
    lasting = Kept(login="ada2", grant=Grant(access=Secret("ghu_2")))
    await other.write("github", person, lasting)
    assert await one.read("github", person) == lasting
    assert await one.remove("github", person) and not await other.remove("github", person)
    assert await other.read("github", person) is None


async def test_another_key_reads_nothing(pair: Pair) -> None:
    person, (one, _) = await ann(pair), both(pair)
    await one.write("github", person, ADA)
    assert await pair.other.forge_tokens(OTHER).read("github", person) is None


async def test_the_tokens_are_not_in_the_database(tmp_path: Path) -> None:
    async with SqlStore(f"sqlite:///{tmp_path}/honk.db", clock=Clock()) as store:
        person = await store.tasks.person(ANN, "Ann")
        await store.forge_tokens(KEY).write("github", person.id, ADA)
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert b"ghu_access" not in content and b"ghr_refresh" not in content and KEY not in content
    assert "ghu_access" not in repr(ADA) and "ghr_refresh" not in repr(ADA)


async def test_what_is_moved_to_another_person_is_nobodys(tmp_path: Path) -> None:
    """Whoever may write into the database does not act as somebody else by it."""
    path = tmp_path / "honk.db"
    async with SqlStore(f"sqlite:///{path}", clock=Clock()) as store:
        person = await store.tasks.person(ANN, "Ann")
        ben = await store.tasks.person(Identity.parse("local:ben"), "Ben")
        await store.forge_tokens(KEY).write("github", person.id, ADA)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE forge_tokens SET person = ?", (ben.id,))
    connection.commit()
    connection.close()
    async with SqlStore(f"sqlite:///{path}", clock=Clock()) as store:
        assert await store.forge_tokens(KEY).read("github", ben.id) is None
        assert await store.forge_tokens(KEY).claim("github", ben.id, "x", SOON) is None


async def test_one_of_many_renews(pair: Pair) -> None:
    person, (one, other) = await ann(pair), both(pair)
    await one.write("github", person, ADA)
    got: list[int] = []

    async def claim(number: int) -> None:
        tokens = one if number % 2 else other
        if await tokens.claim("github", person, f"holder-{number}", SOON) is not None:
            got.append(number)

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(claim, number)
    assert len(got) == 1


async def test_a_renewal_ends_with_the_new_one_or_without(pair: Pair) -> None:
    person, (one, other) = await ann(pair), both(pair)
    await one.write("github", person, ADA)
    assert await one.claim("github", person, "a", SOON) == ADA
    assert await one.claim("github", person, "a", SOON) == ADA, "the same again"
    await one.release("github", person, "a")
    assert await other.claim("github", person, "b", SOON) == ADA
    new = replace(ADA, grant=replace(GRANT, access=Secret("ghu_new"), refresh=Secret("ghr_new")))
    assert not await one.renewed("github", person, "a", new), "who has let go keeps nothing"
    assert await other.renewed("github", person, "b", new)
    assert await one.claim("github", person, "c", SOON) == new


async def test_who_died_at_it_keeps_nobody_out_for_long(pair: Pair) -> None:
    person, (one, other) = await ann(pair), both(pair)
    await one.write("github", person, ADA)
    await one.claim("github", person, "dead", SOON)
    assert await other.claim("github", person, "b", SOON + timedelta(minutes=1)) is None
    pair.clock.pass_by(minutes=1, seconds=1)
    assert await other.claim("github", person, "b", SOON + timedelta(minutes=1)) == ADA


async def test_what_was_taken_back_meanwhile_stays_taken_back(pair: Pair) -> None:
    person, (one, other) = await ann(pair), both(pair)
    await one.write("github", person, ADA)
    await one.claim("github", person, "a", SOON)
    await other.remove("github", person)
    assert not await one.renewed("github", person, "a", ADA)
    assert await one.read("github", person) is None
    await other.write("github", person, ADA)
    assert not await one.renewed("github", person, "a", ADA), "a new consent is not replaced by an old renewal"
