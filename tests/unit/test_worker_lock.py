"""What a worker says that lost the database's lock, whatever else breaks at that moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from honk.errors import StoreUnavailable
from honk.wiring.locking import WorkerLock

pytestmark = pytest.mark.anyio


class Losing:
    """A session that is lost at once."""

    async def until_lost(self) -> None:
        raise StoreUnavailable("it was lost")


@asynccontextmanager
async def breaking() -> AsyncIterator[None]:
    try:
        yield
    finally:
        raise RuntimeError("the same connection was needed here")


async def test_the_loss_is_said_by_itself(tmp_path: Path) -> None:
    lock = WorkerLock(tmp_path, "postgresql:")
    lock._held = Losing()  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable, match="it was lost"):
        async with lock.kept(breaking()):
            await anyio.sleep_forever()
