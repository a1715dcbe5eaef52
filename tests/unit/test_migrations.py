"""The migrations lead to the schema that the code expects, from nothing and from every older release."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from honk.adapters.sql import SqlStore
from honk.adapters.sql.migrate import HEAD, migrate
from honk.adapters.sql.schema import metadata
from honk.errors import SettingsWrong

pytestmark = pytest.mark.anyio


def _statements(path: Path) -> dict[str, str]:
    """What each table and index was made with, without what differs only in writing."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    connection.close()
    return {name: " ".join(sorted((sql or "").replace(",", " ").split())) for name, sql in rows}


async def test_a_migrated_database_equals_a_fresh_one(tmp_path: Path) -> None:
    async with SqlStore(f"sqlite:///{tmp_path}/migrated.db"):
        pass
    fresh = sa.create_engine(f"sqlite:///{tmp_path}/fresh.db")
    metadata.create_all(fresh)
    fresh.dispose()
    migrated = _statements(tmp_path / "migrated.db")
    migrated.pop("alembic_version")
    assert migrated == _statements(tmp_path / "fresh.db")


async def test_alembic_finds_no_difference(tmp_path: Path) -> None:
    async with SqlStore(f"sqlite:///{tmp_path}/honk.db"):
        pass
    engine = sa.create_engine(f"sqlite:///{tmp_path}/honk.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
    engine.dispose()


def test_the_newest_migration_is_the_one_that_is_looked_for() -> None:
    config = Config()
    config.set_main_option("script_location", "honk.adapters.sql:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_a_database_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "honk.db"
    async with SqlStore(f"sqlite:///{path}"):
        pass
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = _statements(path)
    with pytest.raises(SettingsWrong, match="9999"):
        await SqlStore(f"sqlite:///{path}").open()
    assert _statements(path) == before


async def test_chats_of_an_older_release_keep_their_threads_and_messages(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        migrate(connection, "0003")
        connection.execute(sa.text("INSERT INTO people (id, name) VALUES ('p', '\"Ada\"')"))
        connection.execute(
            sa.text(
                "INSERT INTO tasks (id, created_at, requested_by, repository_key, repository, instruction, options,"
                " state, reason, turn) VALUES ('t', '2026-11-01', 'p', 'k', '{}', '\"\"', '{}', 'coding', '\"\"', 1)"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO threads (number, task, door, team, channel, root, asked_by, message, card, shown, told,"
                " listens, muted, broken) "
                " VALUES (7, 't', 'slack', 'T', 'C', '1.0', 'U', '', '1.1', 'd', 3, true, false, '\"\"')"
            )
        )
        connection.execute(sa.text("INSERT INTO sayings (task, key, message) VALUES ('t', 'card', '1.1')"))
    with engine.begin() as connection:
        migrate(connection)
        kept = connection.execute(sa.text("SELECT number, task, door, card, told FROM threads")).one()
        said = connection.execute(sa.text("SELECT task, door, key, message FROM sayings")).one()
    engine.dispose()
    assert (tuple(kept), tuple(said)) == ((7, "t", "slack", "1.1", 3), ("t", "slack", "card", "1.1"))
