"""The journal's own database, prepared for several processes.

Facts about DBOS 3.4 behind this: its own SQLite engine neither uses WAL nor takes the write lock
before it counts and claims, so that two processes could claim the same place of a queue; and its
client never creates the tables. Hence an engine of ours, and migrations before the first use.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from honk.errors import Unreachable

if TYPE_CHECKING:  # loading it takes a quarter of a second, which a command that only looks at tasks does not need
    from dbos import DBOSClient, DBOSPortableJSONSerializer

#: DBOS takes over only workflows of its own version; ours must outlive every release
VERSION = "honk-1"
APPLICATION = "honk"
_BUSY_SECONDS = 60.0


def prepare(url: str) -> sa.Engine:
    """Creates and migrates the database, and opens it."""
    from dbos import DBOS

    # without a handler DBOS would install one that writes to the terminal
    logging.getLogger("dbos").addHandler(logging.NullHandler())
    place = sa.make_url(url)
    if place.get_backend_name() != "sqlite":
        DBOS.migrate(url)
        return sa.create_engine(place.set(drivername="postgresql+psycopg"))
    path = Path(place.database or "")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600, exist_ok=True)
    _use_wal(path)
    DBOS.migrate(url)
    engine = sa.create_engine(place, pool_size=10, max_overflow=20)
    sa.event.listen(engine, "connect", _prepare_connection)
    sa.event.listen(engine, "begin", _begin)
    return engine


def serializer() -> "DBOSPortableJSONSerializer":
    """JSON, because whoever can write a pickle into a database runs code where it is read."""
    from dbos import DBOSPortableJSONSerializer

    return DBOSPortableJSONSerializer()


def client(engine: sa.Engine) -> "DBOSClient":
    """What any process may start, ask and cancel workflows with."""
    from dbos import DBOSClient

    return DBOSClient(system_database_engine=engine, serializer=serializer(), application_name=APPLICATION)


def unfinished(engine: sa.Engine, *, pending: Sequence[str] | None = None) -> tuple[str, ...]:
    """Ids of workflows that have not ended, oldest first; or only those of these kinds that were begun.

    Asked in the words of DBOS's own partial indexes, so that it costs the same beside ten thousand that have.
    """
    table = "dbos.workflow_status" if engine.dialect.name == "postgresql" else "workflow_status"
    wanted = ["status IN ('ENQUEUED', 'PENDING')", "status = 'DELAYED'"] if pending is None else ["status = 'PENDING'"]
    found: list[tuple[int, str]] = []
    with engine.begin() as connection:
        for which in wanted:
            rows = connection.exec_driver_sql(f"SELECT created_at, workflow_uuid, name FROM {table} WHERE {which}")
            found += ((row[0], row[1]) for row in rows if pending is None or row[2] in pending)
    return tuple(id for _, id in sorted(found))


def finished(engine: sa.Engine, before: datetime, *, at_most: int) -> tuple[str, ...]:
    """Ids of workflows that ended before that moment."""
    table = "dbos.workflow_status" if engine.dialect.name == "postgresql" else "workflow_status"
    query = sa.text(
        f"SELECT workflow_uuid FROM {table} WHERE completed_at < :before"
        " AND status IN ('SUCCESS', 'ERROR', 'CANCELLED') LIMIT :most"
    )
    with engine.begin() as connection:
        rows = connection.execute(query, {"before": int(before.timestamp() * 1000), "most": at_most})
        return tuple(rows.scalars())


def _use_wal(path: Path) -> None:
    """SQLite reports the lock of another process that opens the file at once, whatever the timeout."""
    deadline = time.monotonic() + _BUSY_SECONDS
    pause = threading.Event()
    while True:
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc):
                raise
            if time.monotonic() > deadline:
                raise Unreachable(f"{path} was locked by another process for too long") from exc
        finally:
            connection.close()
        pause.wait(0.02)


def _prepare_connection(connection: DBAPIConnection, _: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(_BUSY_SECONDS * 1000)}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
