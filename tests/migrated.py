"""Databases that have the schema already: each of hundreds of tests would make it anew, in a tenth of a second.

What the migrations make is tested on empty databases, in tests/contracts/test_store.py and test_postgresql.py.
"""

import sqlite3
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from sqlalchemy.pool import Pool

from honk.adapters.sql.migrate import migrate


def fill_in_memory() -> None:
    """From now on every SQLite database in memory begins with the schema."""
    sa.event.listen(Pool, "connect", _filled)


def fill(engine: sa.Engine) -> None:
    """Brings an empty database to the current schema."""
    with engine.begin() as connection:
        migrate(connection)
    engine.dispose()


def _filled(connection: object, _: object) -> None:
    if isinstance(connection, sqlite3.Connection) and not _file(connection):
        connection.deserialize(_schema())


def _file(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA database_list").fetchone()[2])


@cache
def _schema() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "honk.db")
        fill(sa.create_engine(f"sqlite:///{path}"))
        return path.read_bytes()
