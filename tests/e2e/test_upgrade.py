"""A HONK_HOME that the release before left in the middle of its work goes on after the upgrade, to the same end."""

import sqlite3
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_world import Honk, world

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

HOMES = Path(__file__).resolve().parents[1] / "golden" / "homes"
#: where the release of the fixture was run
WAS = "/tmp/hk-golden"


@pytest.fixture
def honk() -> Iterator[Honk]:
    with world() as made:
        yield made


def moved(database: Path, before: str, now: str) -> None:
    """The same records, of a Honk in another folder."""
    connection = sqlite3.connect(database)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for _, column, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
            if kind == "TEXT":
                connection.execute(f'UPDATE {table} SET "{column}" = replace("{column}", ?, ?)', (before, now))
    connection.commit()
    connection.close()


def left_by(honk: Honk, release: str) -> Path:
    """Unpacks what that release left; returns the target repository."""
    with tarfile.open(HOMES / f"{release}.tar.xz") as archive:
        # Debian 12's Python has no filters yet
        archive.extractall(honk.root, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))
    for name in ("honk.db", "journal.db"):
        moved(honk.home / name, WAS, str(honk.root))
    return honk.root / "music"


async def test_what_release_49f783f_left_goes_on(honk: Honk) -> None:
    music = left_by(honk, "49f783f")
    listed = await honk("tasks", "--json")
    assert {task["state"] for task in listed.events} == {"deployed", "proposed", "coding"}, listed.words

    done = await honk("retry", "echo-cut", "--json")
    assert done.code == 0, done.words
    assert (done.settled["state"], done.settled["outcome"]) == ("proposed", "pass")
    # the reply that was queued behind it is a turn now
    again = await honk("retry", "echo-cut", "--json")
    assert again.code == 0, again.words
    branch = done.settled["pull_request"]["branch"]
    assert honk.git(music, "show", f"{branch}:third.txt").split() == ["cut", "reply"]

    merged = await honk("merge", "echo-proposed", "--json")
    assert (merged.code, merged.settled["state"]) == (0, "deployed"), merged.words
    assert honk.git(music, "show", "main:other.txt") == "proposed"
    assert len(honk.branches(music)) <= 3
    log = await honk("log", "echo-cut", "--json")
    assert [event["seq"] for event in log.events] == list(range(1, len(log.events) + 1))


async def test_a_downgrade_is_refused_in_words(honk: Honk) -> None:
    left_by(honk, "49f783f")
    assert (await honk("tasks")).code == 0
    connection = sqlite3.connect(honk.home / "honk.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    refused = await honk("tasks")
    assert refused.code == 1
    assert "newer release of Honk (schema 9999" in refused.words
