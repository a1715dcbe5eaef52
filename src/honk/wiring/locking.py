"""Who may work: one process for one HONK_HOME, and one for one PostgreSQL database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from honk.errors import StoreUnavailable, first
from honk.worker import worker_lock

if TYPE_CHECKING:
    from honk.adapters.sql.worker_lock import HeldLock


class WorkerLock:
    """The lock of the folder, and that of the database where it is one that others could use too."""

    def __init__(self, home: Path, database: str) -> None:
        self._home = home
        self._database = database if database.startswith("postgresql:") else ""
        self._held: HeldLock | None = None

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """True inside when this process may work."""
        with worker_lock(self._home) as alone:
            if not alone or not self._database:
                yield alone
                return
            from honk.adapters.sql.worker_lock import locked  # only who has PostgreSQL pays for its driver

            with locked(self._database) as self._held:
                try:
                    yield self._held is not None
                finally:
                    self._held = None

    @asynccontextmanager
    async def kept(self, work: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
        """The work, which is cut off with StoreUnavailable at the moment in which the database's lock is lost."""
        held = self._held
        if held is None:
            async with work:
                yield
            return
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(held.until_lost)
                async with work:
                    yield
                group.cancel_scope.cancel()
        except BaseExceptionGroup as broken:
            # What else broke then broke with the connection, or by being cut off.
            raise first(broken.subgroup(StoreUnavailable) or broken) from None
