"""Alembic runs this file; the connection, already in a transaction, comes from honk.adapters.sql.migrate."""

from alembic import context

from honk.adapters.sql.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
