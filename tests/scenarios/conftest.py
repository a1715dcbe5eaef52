"""A fresh world for every story."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from honk.testing.world import World, world


@pytest.fixture
async def here(tmp_path: Path, anyio_backend: str) -> AsyncIterator[World]:
    """A repository with an app that crashes, an agent that can fix it, and nobody at work yet."""
    async with world(tmp_path) as made:
        yield made
