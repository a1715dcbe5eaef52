"""A fresh world for every story."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from honk.testing.world import World, world

#: The stories that run on PostgreSQL by default; `make postgres` runs them all.
BY_DEFAULT = "test_turn.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A story is slower on a real server, and seldom says anything else there."""
    for item in items:
        told = item.path.parent == Path(__file__).parent and item.path.name != BY_DEFAULT
        if told and "[postgresql" in item.name:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=["sqlite", "postgresql"])
async def here(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    """A repository with an app that crashes, an agent that can fix it, and nobody at work yet."""
    database = (
        request.getfixturevalue("postgres").database(filled=True) if request.param == "postgresql" else "sqlite://"
    )
    async with world(tmp_path, database=database) as made:
        yield made
