"""The worker's lock in PostgreSQL: one session holds it, and its end, whatever ended it, frees it at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import psycopg
import sqlalchemy as sa

from honk.adapters.sql.postgresql import CONNECT_SECONDS, WORKER_LOCK
from honk.errors import StoreUnavailable

_LOOK_SECONDS = 5.0


class HeldLock:
    """The session that holds the lock."""

    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        self._connection = connection

    async def until_lost(self) -> None:
        """Raises StoreUnavailable once the session is gone: another process may hold the lock then."""
        while True:
            # The server says nothing on this session but that it is over.
            await anyio.wait_readable(self._connection.fileno())
            try:
                with anyio.fail_after(_LOOK_SECONDS):
                    await anyio.to_thread.run_sync(self._look, abandon_on_cancel=True)
            except (psycopg.Error, TimeoutError) as exc:
                raise StoreUnavailable(
                    "the connection to PostgreSQL that holds the worker's lock was lost, so this worker stops",
                    "start it again: honk serve",
                ) from exc

    def _look(self) -> None:
        self._connection.execute("SELECT 1")


@contextmanager
def locked(url: str) -> Iterator[HeldLock | None]:
    """The lock while the context is open; None where another process holds it. Raises StoreUnavailable."""
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        connection = psycopg.connect(
            plain,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name="honk worker",
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
        )
    except psycopg.Error as exc:
        raise StoreUnavailable("PostgreSQL does not answer", "honk doctor says more") from exc
    try:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (WORKER_LOCK,)).fetchone()
        yield HeldLock(connection) if row is not None and row[0] else None
    finally:
        connection.close()
