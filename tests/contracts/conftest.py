"""Which of the contracts of the store run on PostgreSQL by default."""

from pathlib import Path

import pytest

#: Contracts that run on PostgreSQL by default; `make postgres` runs them all there.
BY_DEFAULT = {
    "test_store.py",
    "test_journal.py",
    "test_journal_processes.py",
    "test_mailbox.py",
    "test_overview.py",
    "test_store_records.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The same statements, which the others make on SQLite; these have those that differ."""
    for item in items:
        told = item.path.parent == Path(__file__).parent and item.path.name not in BY_DEFAULT
        if told and "[postgresql" in item.name:
            item.add_marker(pytest.mark.slow)
