"""What the store promises of access tokens."""

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_world import ANN, BORN, Clock

from honk.adapters.sql import SqlStore
from honk.domain.access import RANDOM_BYTES, Scope, made_of, well_formed
from honk.domain.person import PersonId
from honk.errors import Defect, Usage

pytestmark = pytest.mark.anyio
READ = frozenset({Scope.READ})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path}/honk.db" if request.param == "file" else "sqlite://"
    async with SqlStore(url, clock=clock) as opened:
        yield opened


async def test_a_token_stands_for_its_person_and_scopes(store: SqlStore) -> None:
    ann = await store.tasks.person(ANN, "Ann")
    scopes = frozenset({Scope.READ, Scope.MERGE})
    issued = await store.tokens.issue(ann.id, " laptop ", scopes)
    assert (issued.token.name, issued.token.person, issued.token.created_at) == ("laptop", ann.id, BORN)
    found = await store.tokens.find(issued.secret.reveal())
    assert found is not None
    assert (found.person, found.scopes, found.token) == (ann, scopes, issued.token.id)
    assert await store.tokens.list() == (issued.token,)


async def test_what_is_no_token_opens_nothing(store: SqlStore) -> None:
    ann = await store.tasks.person(ANN, "Ann")
    secret = (await store.tokens.issue(ann.id, "laptop", READ)).secret.reveal()
    others = ("", "honk_", secret[:-1], secret + "0", secret.upper(), f" {secret}", made_of(bytes(32)).reveal(), "\0")
    assert [await store.tokens.find(other) for other in others] == [None] * len(others)


async def test_a_token_opens_nothing_once_it_has_expired(store: SqlStore, clock: Clock) -> None:
    ann = await store.tasks.person(ANN, "Ann")
    issued = await store.tokens.issue(ann.id, "laptop", READ, expires_at=BORN + timedelta(days=1))
    clock.pass_by(hours=23)
    assert await store.tokens.find(issued.secret.reveal())
    clock.pass_by(hours=1)
    assert await store.tokens.find(issued.secret.reveal()) is None
    with pytest.raises(Usage, match="expired already"):
        await store.tokens.issue(ann.id, "late", READ, expires_at=BORN)


async def test_a_token_opens_nothing_once_it_is_revoked(store: SqlStore, clock: Clock) -> None:
    ann = await store.tasks.person(ANN, "Ann")
    first, second = [await store.tokens.issue(ann.id, name, READ) for name in ("one", "two")]
    clock.pass_by(hours=1)
    revoked = await store.tokens.revoke(first.token.id)
    assert revoked.revoked_at == clock.now
    clock.pass_by(hours=1)
    assert await store.tokens.revoke(first.token.id) == revoked
    assert await store.tokens.find(first.secret.reveal()) is None
    assert await store.tokens.find(second.secret.reveal()) is not None
    with pytest.raises(Usage, match="no token 'none'"):
        await store.tokens.revoke("none")


async def test_only_a_digest_is_stored(tmp_path: Path) -> None:
    async with SqlStore(f"sqlite:///{tmp_path}/honk.db") as store:
        ann = await store.tasks.person(ANN, "Ann")
        issued = await store.tokens.issue(ann.id, "laptop", READ)
        assert str(issued.secret) == "***" and issued.secret.reveal() not in repr(issued)
    connection = sqlite3.connect(tmp_path / "honk.db")
    stored = "\n".join(connection.iterdump())
    connection.close()
    assert issued.token.id in stored
    secret = issued.secret.reveal()
    assert not [part for part in (secret, secret[5:], secret[5:48]) if part in stored]


@pytest.mark.parametrize(
    ("name", "scopes"), [("", READ), (" ", READ), ("a\nb", READ), ("x" * 101, READ), ("a", frozenset())]
)
async def test_a_token_has_a_name_and_a_scope(store: SqlStore, name: str, scopes: frozenset[Scope]) -> None:
    ann = await store.tasks.person(ANN, "Ann")
    with pytest.raises(Usage):
        await store.tokens.issue(ann.id, name, scopes)
    assert await store.tokens.list() == ()


async def test_a_token_of_nobody_is_a_defect(store: SqlStore) -> None:
    with pytest.raises(Defect, match="nobody"):
        await store.tokens.issue(PersonId("nobody"), "laptop", READ)


@given(st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES), st.integers(5, 53), st.sampled_from("0aZ_-"))
def test_a_mistyped_token_is_known_without_asking(random: bytes, place: int, char: str) -> None:
    secret = made_of(random).reveal()
    assert well_formed(secret) and len(secret) == 54
    assert not well_formed(secret[:place] + char + secret[place + 1 :]) or secret[place] == char
