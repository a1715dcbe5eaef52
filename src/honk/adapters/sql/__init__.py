"""The store: tasks, events and records in SQLite (PostgreSQL comes next), through SQLAlchemy Core."""

from honk.adapters.sql.store import SqlStore

__all__ = ["SqlStore"]
