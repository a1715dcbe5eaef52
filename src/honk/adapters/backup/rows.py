"""The rows of a database as lines of JSON, the same from SQLite and from PostgreSQL.

What is written is read from one moment: a copy made by SQLite's own online backup, or one
repeatable-read transaction of PostgreSQL.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

#: rows read and written at a time
_BATCH = 500
_MOMENT = "$moment"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """One set of tables that a backup holds."""

    #: "store" or "journal"
    name: str
    url: str
    #: the PostgreSQL schema they are in; None is the default one
    schema: str | None = None
    #: tables that are made anew
    left_out: frozenset[str] = frozenset()

    @property
    def sqlite(self) -> Path | None:
        """The file, where it is one."""
        address = sa.make_url(self.url)
        return Path(address.database or "") if address.get_backend_name() == "sqlite" else None


def engine_of(url: str) -> sa.Engine:
    """A plain engine: no pool to tune, no lock to take beforehand."""
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite":
        address = address.set(drivername="postgresql+psycopg")
    return sa.create_engine(address, poolclass=sa.NullPool, hide_parameters=True)


@contextmanager
def moment(kept: tuple[Kept, ...], scratch: Path) -> Iterator[Mapping[str, sa.Connection]]:
    """A connection for each set by name, on which it stands still. The first set is never newer than the later ones."""
    connections: dict[str, sa.Connection] = {}
    engines: list[sa.Engine] = []
    shared: dict[str, sa.Connection] = {}
    try:
        for one in kept:
            if one.sqlite is not None:
                copy = scratch / f"{one.name}.db"
                _copy(one.sqlite, copy)
                engines.append(engine_of(f"sqlite:///{copy}"))
                connections[one.name] = engines[-1].connect()
            else:
                if one.url not in shared:
                    engines.append(engine_of(one.url))
                    shared[one.url] = (
                        engines[-1]
                        .connect()
                        .execution_options(
                            isolation_level="REPEATABLE READ", postgresql_readonly=True, stream_results=True
                        )
                    )
                    # the moment is that of the first statement
                    shared[one.url].execute(sa.text("SELECT 1"))
                connections[one.name] = shared[one.url]
        yield connections
    finally:
        for connection in connections.values():
            connection.close()
        for engine in engines:
            engine.dispose()


def _copy(source: Path, target: Path) -> None:
    """SQLite's online backup: whoever writes goes on writing."""
    reading = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=60)
    writing = sqlite3.connect(target)
    try:
        reading.backup(writing, pages=2000, sleep=0.01)
    finally:
        writing.close()
        reading.close()


def tables_of(connection: sa.Connection, kept: Kept) -> list[sa.Table]:
    """The tables of the set as they are now, in an order in which rows can be inserted."""
    schema = kept.schema if connection.dialect.name == "postgresql" else None
    metadata = sa.MetaData()
    metadata.reflect(connection, schema=schema, resolve_fks=False)
    return [table for table in metadata.sorted_tables if table.name not in kept.left_out]


def write_rows(connection: sa.Connection, table: sa.Table, into: IO[bytes]) -> int:
    """Every row, a line each; returns how many."""
    count = 0
    order = list(table.primary_key.columns) or list(table.columns)
    with connection.execution_options(yield_per=_BATCH).execute(sa.select(table).order_by(*order)) as rows:
        for row in rows.mappings():
            line = {key: _plain(value) for key, value in row.items()}
            into.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n")
            count += 1
    return count


def read_rows(connection: sa.Connection, table: sa.Table, lines: Iterator[bytes], moved: tuple[str, str]) -> int:
    """Inserts the rows; columns that this release does not know are refused. `moved`: a path before, and now."""
    count = 0
    batch: list[dict[str, Any]] = []
    for line in lines:
        row = json.loads(line)
        batch.append({name: _value(table.c[name], value, moved) for name, value in row.items()})
        count += 1
        if len(batch) == _BATCH:
            connection.execute(table.insert(), batch)
            batch = []
    if batch:
        connection.execute(table.insert(), batch)
    _count_on(connection, table)
    return count


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return {_MOMENT: aware.isoformat()}
    return value


def _value(column: sa.Column[Any], value: Any, moved: tuple[str, str]) -> Any:
    if isinstance(value, dict) and _MOMENT in value:
        return datetime.fromisoformat(value[_MOMENT])
    if isinstance(value, str) and isinstance(column.type, sa.Text | sa.String) and moved[0] != moved[1]:
        # whole paths only: the folder itself is named nowhere
        return value.replace(f"{moved[0]}/", f"{moved[1]}/")
    return value


def _count_on(connection: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL's counters do not see numbers that were given."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        if column.identity is not None:
            name = f'"{table.schema}"."{table.name}"' if table.schema else f'"{table.name}"'
            connection.execute(
                sa.text(
                    f"SELECT setval(pg_get_serial_sequence(:table, :column), "
                    f"GREATEST((SELECT max({column.name}) FROM {name}), 1))"
                ),
                {"table": name, "column": column.name},
            )
