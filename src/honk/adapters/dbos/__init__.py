"""The journal on DBOS Transact: SQLite in a file of its own (PostgreSQL comes next)."""

from honk.adapters.dbos.journal import DbosJournal

__all__ = ["DbosJournal"]
