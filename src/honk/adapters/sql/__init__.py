"""The store: tasks, events and records in SQLite or PostgreSQL, through SQLAlchemy Core."""

from honk.adapters.sql.store import SqlStore

__all__ = ["SqlStore"]
