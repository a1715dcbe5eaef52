"""What the store promises of the audit log: everything is found again, and nothing can be changed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from store_world import ANN, BORN

from honk.adapters.sql import SqlStore
from honk.domain.audit import Entry, Window
from honk.domain.person import Identity, PersonId
from honk.domain.policy import Act
from honk.domain.rules import Known, Rules
from honk.domain.task import TaskId

pytestmark = pytest.mark.anyio
ENTRY = Entry(
    at=BORN,
    person=PersonId("p1"),
    act=Act.MERGE,
    repository="github.com/acme/app",
    task=TaskId("t1"),
    allowed=False,
    reason="no role grants it \0 \udcff",
    policy="abc",
)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[SqlStore]:
    async with SqlStore(database_url) as opened:
        yield opened


async def test_entries_come_back_newest_first(store: SqlStore) -> None:
    people = [await store.tasks.person(Identity.parse(f"slack:{one}"), one) for one in ("ann", "bea")]
    for number in range(6):
        entry = replace(
            ENTRY,
            at=BORN + timedelta(hours=number),
            person=people[number % 2].id,
            task=TaskId(f"t{number % 3}") if number else None,
            repository="" if not number else ENTRY.repository,
        )
        await store.audit.record(entry)
    log = await store.audit.read()
    assert [one.number for one in log] == [6, 5, 4, 3, 2, 1]
    assert replace(log[2], number=0) == replace(
        ENTRY, at=BORN + timedelta(hours=3), person=people[1].id, task=TaskId("t0")
    )
    assert (log[-1].task, log[-1].repository) == (None, "")
    assert [one.number for one in await store.audit.read(task=TaskId("t1"))] == [5, 2]
    assert [one.number for one in await store.audit.read(person=people[0].id)] == [5, 3, 1]
    assert [one.number for one in await store.audit.read(window=Window(since=BORN + timedelta(hours=4)))] == [6, 5]
    assert [one.number for one in await store.audit.read(act=Act.MERGE, repository="ACME/app")] == [6, 5, 4, 3, 2]
    for other in ("acme%app", "_cme", "' OR 1=1 --", "\0"):
        assert await store.audit.read(repository=other) == (), other
    assert await store.audit.read(act=Act.UNDO) == ()
    assert [one.number for one in await store.audit.read(window=Window(before=4, limit=2))] == [3, 2]


async def test_the_acts_of_a_joined_person_are_found(database_url: str) -> None:
    known = Known(key="ann", name="Ann", identities=(ANN, Identity.parse("slack:U1")))
    rules = [Rules()]
    async with SqlStore(database_url, rules=lambda: rules[-1]) as store:
        for identity in known.identities:
            person = await store.tasks.person(identity, "ann")
            await store.audit.record(replace(ENTRY, person=person.id))
        rules.append(Rules(people=(known,)))
        ann = await store.tasks.person(ANN, "ann")
        assert len(await store.audit.read(person=ann.id)) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET allowed = true",
        "UPDATE audit SET reason = '\"\"' WHERE number = 1",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE number = 1",
    ],
)
async def test_nothing_changes_the_log(store: SqlStore, database_url: str, statement: str) -> None:
    await store.tasks.person(ANN, "Ann")
    await store.audit.record(ENTRY)
    _refused(database_url, statement)
    log = await store.audit.read(window=Window(limit=10))
    assert [replace(one, number=0) for one in log] == [ENTRY]


async def test_no_way_around(store: SqlStore, database_url: str) -> None:
    await store.audit.record(ENTRY)
    if database_url.startswith("sqlite"):
        _refused(
            database_url,
            "INSERT OR REPLACE INTO audit (number, at, person, act, repository, allowed, reason, policy) "
            "VALUES (1, '2026-11-21', 'p', 'ask', '', 1, '\"\"', '')",
        )
    else:
        _refused(database_url, "TRUNCATE audit")
        _refused(
            database_url,
            "INSERT INTO audit (number, at, person, act, repository, allowed, reason, policy) "
            "VALUES (1, now(), 'p', 'ask', '', true, '\"\"', '') ON CONFLICT (number) DO UPDATE SET person = 'p'",
        )
    assert [replace(one, number=0) for one in await store.audit.read()] == [ENTRY]


def _refused(url: str, statement: str) -> None:
    made = sa.make_url(url)
    if made.get_backend_name() == "postgresql":
        made = made.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(made)
    try:
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(sa.text(statement))
    finally:
        engine.dispose()
