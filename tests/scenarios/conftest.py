"""A fresh world for every story."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from honk.testing.world import World, world


@pytest.fixture(params=["sqlite", "postgresql"])
async def here(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    """A repository with an app that crashes, an agent that can fix it, and nobody at work yet."""
    database = request.getfixturevalue("postgres").database() if request.param == "postgresql" else "sqlite://"
    async with world(tmp_path, database=database) as made:
        yield made
