"""What the store promises of the repositories that were used."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from store_world import ANN, BORN, a_message, a_task

from honk.adapters.sql import SqlStore
from honk.domain.repository import Repository, Used
from honk.domain.turn import Turn

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["file", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path}/honk.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").database(filled=True)
    async with SqlStore(url) as opened:
        yield opened


def repository(name: str) -> Repository:
    return Repository(url=f"/srv/{name}", name=name, key=f"{name}-1")


async def test_each_repository_comes_once_the_most_recently_used_first(store: SqlStore) -> None:
    assert await store.tasks.repositories() == ()
    person = await store.tasks.person(ANN, "Ann")
    for number, name in enumerate(["b", "a", "c", "b", "d", "a"]):
        at = BORN + timedelta(minutes=number)
        task = a_task(person, f"t{number}", repository=repository(name), created_at=at)
        await store.tasks.add(task, Turn(task=task.id, number=1, message=a_message(person, f"m{number}")))
    found = await store.tasks.repositories()
    assert found == tuple(
        Used(repository=repository(name), at=BORN + timedelta(minutes=minute))
        for name, minute in (("a", 5), ("d", 4), ("b", 3), ("c", 2))
    )
    assert await store.tasks.repositories(limit=2) == found[:2]


async def test_two_tasks_of_one_moment_are_one_use(store: SqlStore) -> None:
    person = await store.tasks.person(ANN, "Ann")
    for number in range(3):
        task = a_task(person, f"t{number}", repository=repository("a"))
        await store.tasks.add(task, Turn(task=task.id, number=1, message=a_message(person, f"m{number}")))
    assert await store.tasks.repositories() == (Used(repository=repository("a"), at=BORN),)
