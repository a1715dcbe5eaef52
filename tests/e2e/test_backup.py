"""A backup taken in the middle of a turn, restored elsewhere: the task goes on to the same end."""

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from run_world import KEY, Done, Honk, world

from postgres_server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

#: at work until somebody lets it go on, so that a backup can be made meanwhile however long that takes
COMMAND = "echo lala >> song.txt; touch .begun; until [ -e .go ]; do sleep 0.1; done; rm .begun .go"


@pytest.fixture
def honk() -> Iterator[Honk]:
    with world() as made:
        yield made


def elsewhere(honk: Honk, name: str, **more: str) -> Honk:
    """A Honk with another HONK_HOME."""
    return Honk(root=honk.root, environment={**honk.environment, "HONK_HOME": str(honk.root / name), **more})


async def backed_up_at_work(honk: Honk, music: Path) -> tuple[Path, str]:
    """A backup taken while a command is at work on a task, and the task."""
    backup = honk.root / "backup.tar.gz"
    async with honk.started("run", music, COMMAND, "--agent", "command", "--json") as running:
        task = (await running.until("agent.started"))["task"]
        made = await honk("backup", backup, "--json")
        assert made.code == 0, made.words
        assert made.events == [{"file": str(backup), "bytes": backup.stat().st_size}]
        await running.killed()
    return backup, str(task)


async def retried(there: Honk, task: str) -> Done:
    """What is worked on again there, to its end."""
    async with there.started("retry", task, "--json") as running:
        await running.until("agent.started")
        workspace = there.home / "tasks" / task / "workspace"
        while not (workspace / ".begun").exists():
            await anyio.sleep(0.05)
        (workspace / ".go").touch()
        return await running.done()


def same_end(honk: Honk, music: Path, done: Done) -> None:
    assert (done.code, done.settled["state"]) == (0, "proposed"), done.words
    branch = done.settled["pull_request"]["branch"]
    assert honk.git(music, "show", f"{branch}:song.txt").split() == ["la", "lala"]
    assert honk.git(music, "rev-list", "--count", f"main..{branch}") == "1"


@pytest.mark.seconds(300)
async def test_the_task_goes_on_elsewhere(honk: Honk) -> None:
    music = honk.repository()
    assert (await honk.change(music, "echo before >> other.txt")).code == 0
    backup, task = await backed_up_at_work(honk, music)
    there = elsewhere(honk, "there")
    restored = await there("restore", backup, "--json")
    assert restored.code == 0, restored.words
    assert (await honk("tasks")).out.split("\t")[0] == (await there("tasks")).out.split("\t")[0] == task
    same_end(there, music, await retried(there, task))
    assert {path.stat().st_mode & 0o777 for path in there.home.glob("*.db")} == {0o600}


@pytest.mark.slow
async def test_from_sqlite_to_postgresql_and_back(honk: Honk, postgres: Server) -> None:
    music = honk.repository()
    backup, task = await backed_up_at_work(honk, music)
    there = elsewhere(honk, "there", HONK_DATABASE=postgres.database())
    restored = await there("restore", backup)
    assert restored.code == 0, restored.words
    again = await there("restore", backup)
    assert again.code == 2 and "not empty" in again.words
    same_end(there, music, await retried(there, task))
    assert not list(there.home.glob("*.db"))
    second = honk.root / "second.tar.gz"
    assert (await there("backup", second)).code == 0
    back = elsewhere(honk, "back")
    assert (await back("restore", second)).code == 0
    assert (await back("log", task, "--json")).out == (await there("log", task, "--json")).out
    new = await back.change(music, "echo later >> other.txt")
    assert new.code == 0, new.words


async def test_no_secret_is_in_a_backup(honk: Honk) -> None:
    honk.home.mkdir()
    (honk.home / "honk.toml").write_text('database = ""  # postgresql://honk:canary-db-password@localhost/honk\n')
    await honk.change(honk.repository(), "echo more >> song.txt")
    backup = honk.root / "backup.tar.gz"
    assert (await honk("backup", backup)).code == 0
    with tarfile.open(backup) as archive:
        names = archive.getnames()
        content = b"".join(file.read() for one in archive if (file := archive.extractfile(one)))
    for secret in (KEY, "canary-db-password", honk.environment["SOME_SERVICE_TOKEN"]):
        assert secret.encode() not in content
    assert "home/honk.toml" in names
    assert not [name for name in names if "pages.key" in name or "workspace" in name]


@pytest.mark.slow
async def test_what_is_refused(honk: Honk) -> None:
    await honk.change(honk.repository(), "echo more >> song.txt")
    backup = honk.root / "backup.tar.gz"
    assert (await honk("backup", backup)).code == 0
    assert (await honk("backup", backup)).code == 2
    assert "not empty" in (await honk("restore", backup)).words

    there = elsewhere(honk, "there")
    whole = backup.read_bytes()
    broken = honk.root / "broken.tar.gz"
    for damaged in (whole[: len(whole) // 2], whole[:200] + os.urandom(50) + whole[250:], b"", b"no tar at all"):
        broken.write_bytes(damaged)
        refused = await there("restore", broken)
        assert refused.code == 1, refused.words
        assert "no whole backup" in refused.words or "damaged" in refused.words
        assert not [path for path in there.home.iterdir() if path.name != "run"]
    assert not [path for path in honk.root.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
async def test_a_backup_of_a_newer_release_is_refused(honk: Honk) -> None:
    backup = honk.root / "backup.tar.gz"
    assert (await honk("backup", backup)).code == 0
    newer = honk.root / "newer.tar.gz"
    from honk.adapters.backup.archive import MANIFEST, Writer

    with newer.open("wb") as file:
        writer = Writer(file, lambda _: None)
        manifest = {"format": 1, "release": "99.0", "schema": "9999", "at": "", "home": ""}
        writer.text(MANIFEST, json.dumps(manifest))
        writer.close()
    refused = await elsewhere(honk, "there")("restore", newer)
    assert refused.code == 1
    assert "newer release of Honk (99.0" in refused.words
