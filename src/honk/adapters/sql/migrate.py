"""Brings a database to the current schema, with Alembic and without any file outside the package."""

import sqlalchemy as sa

from honk.errors import SettingsWrong

#: the newest revision in migrations/versions; a test compares
HEAD = "0013"


def migrate(connection: sa.Connection, to: str = HEAD) -> None:
    """Applies what is missing, in the caller's transaction. Raises SettingsWrong for a newer Honk's database."""
    current = _revision(connection)
    if current == HEAD:
        return
    # Alembic is slow to import, and most processes find nothing to do
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "honk.adapters.sql:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as exc:
        raise SettingsWrong(
            f"this database was written by a newer release of Honk (schema {current}, known here: {HEAD})",
            "Use that release, or another HONK_HOME.",
        ) from exc


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
