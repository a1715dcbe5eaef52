"""Retention as an operator has it: settings, `honk gc`, `honk forget`, on real files and databases."""

import os
import sqlite3
from collections.abc import Iterator

import pytest
from run_world import Honk, world

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

BUILT = {
    "song.txt": "la\n",
    ".honk.toml": """
verify = ["grep -q la song.txt"]
[build]
command = "mkdir -p out && cp song.txt out/"
output = "out"
""",
}


@pytest.fixture
def honk() -> Iterator[Honk]:
    with world() as made:
        yield made


def artifacts(honk: Honk) -> list[str]:
    return sorted(path.name for path in (honk.home / "artifacts").glob("*/*"))


def aged(honk: Honk, days: int) -> None:
    """Everything happened so many days earlier."""
    store = sqlite3.connect(honk.home / "honk.db")
    store.execute("UPDATE events SET at = datetime(at, ?) || '.000000'", (f"-{days} days",))
    store.execute("UPDATE tasks SET created_at = datetime(created_at, ?) || '.000000'", (f"-{days} days",))
    store.commit()
    store.close()
    journal = sqlite3.connect(honk.home / "journal.db")
    journal.execute("UPDATE workflow_status SET completed_at = completed_at - ?", (days * 86_400_000,))
    journal.commit()
    journal.close()
    for head in (*honk.home.glob("repositories/*/head"), *honk.home.glob("artifacts/*/*")):
        os.utime(head, (head.stat().st_atime, head.stat().st_mtime - days * 86_400))


def workflows(honk: Honk) -> int:
    journal = sqlite3.connect(honk.home / "journal.db")
    count = journal.execute("SELECT count(*) FROM workflow_status").fetchone()[0]
    journal.close()
    return int(count)


@pytest.mark.slow
async def test_what_is_too_old_goes_and_the_rest_stays(honk: Honk) -> None:
    music = honk.repository(BUILT)
    task = (await honk.change(music, "echo more >> song.txt")).settled["task"]
    before = artifacts(honk)
    leftover = honk.home / "artifacts" / "arriving-killed"
    leftover.write_text("half")
    os.utime(leftover, (0, 0))
    assert (await honk("gc")).code == 0
    assert artifacts(honk) == before and not leftover.exists()
    assert (honk.home / "tasks" / task / "home").is_dir()
    assert workflows(honk) == 1

    aged(honk, 40)
    assert (await honk("gc")).code == 0
    assert artifacts(honk) == before
    assert not (honk.home / "tasks" / task).exists()
    assert workflows(honk) == 0

    aged(honk, 60)
    assert (await honk("gc")).code == 0
    # the event of the transcript's deletion is heard of, so that the artifacts have 90 days from there
    aged(honk, 100)
    assert (await honk("gc")).code == 0
    assert artifacts(honk) == []
    # its pull request is open: the mirror holds its work
    assert list(honk.home.glob("repositories/*/mirror.git"))
    log = await honk("log", task, "--json")
    assert [e["data"]["what"] for e in log.events if e["type"] == "records.deleted"] == [["transcript"], ["artifacts"]]
    replied = await honk("reply", task, "echo again >> song.txt", "--json")
    assert replied.code == 0, replied.words


@pytest.mark.slow
async def test_for_ever_is_for_ever(honk: Honk) -> None:
    honk.home.mkdir()
    (honk.home / "honk.toml").write_text(
        "[retention]\ntranscripts_days = 0\nartifacts_days = 0\njournal_days = 0\nmirrors_days = 0\n"
    )
    task = (await honk.change(honk.repository(BUILT), "echo more >> song.txt")).settled["task"]
    before = artifacts(honk)
    aged(honk, 4000)
    assert (await honk("gc")).code == 0
    assert artifacts(honk) == before
    assert (honk.home / "tasks" / task / "home").is_dir()
    assert workflows(honk) == 1


async def test_a_person_has_a_task_forgotten(honk: Honk) -> None:
    settled = (await honk.change(honk.repository(BUILT), "echo more >> song.txt")).settled
    task, build = settled["task"], settled["build"]["digest"]
    refused = await honk("forget", task)
    assert refused.code == 2 and "--yes" in refused.words
    assert build in artifacts(honk)
    done = await honk("forget", task, "--yes", "--json")
    assert done.code == 0, done.words
    assert done.events[0]["task"] == task
    assert build not in artifacts(honk)
    assert not (honk.home / "tasks" / task).exists()
    shown = await honk("show", task, "--json")
    facts = shown.events[0]
    assert facts["build"]["preview_url"] is None
    assert [line.split(":")[0][:10] for line in facts["deleted"]] == ["deleted on"] * 2
    words = (await honk("show", task)).out
    assert "transcript (asked for by" in words and "artifacts (asked for by" in words


@pytest.mark.slow
async def test_mirrors_and_hidden_refs_go_when_nobody_uses_them(honk: Honk) -> None:
    plain = {"song.txt": "la\n", ".honk.toml": 'verify = ["grep -q la song.txt"]\n'}
    over, used = honk.repository(plain), honk.repository(plain)
    for repository in (over, used):  # what is checked out is not merged into
        honk.git(repository, "checkout", "-q", "--detach")
    assert (await honk.change(over, "echo more >> song.txt", "--merge", "--base", "main")).settled["state"] == "merged"
    landed = (await honk.change(used, "echo more >> song.txt", "--merge", "--base", "main")).settled["task"]
    open_ = (await honk.change(used, "echo other >> song.txt", "--base", "main")).settled["task"]

    def hidden() -> dict[str, list[str]]:
        found = {}
        for mirror in sorted(honk.home.glob("repositories/*/mirror.git")):
            refs = honk.git(mirror, "for-each-ref", "--format=%(refname)", "refs/honk/tasks").split()
            found[mirror.parent.name] = sorted({ref.split("/")[3] for ref in refs})
        return found

    assert (await honk("gc")).code == 0
    before = hidden()
    assert len(before) == 2 and sorted([landed, open_]) in before.values()
    aged(honk, 100)
    assert (await honk("gc")).code == 0
    # the deletion of its transcript was heard of
    aged(honk, 100)
    assert (await honk("gc")).code == 0
    assert list(hidden().values()) == [[open_]]
    replied = await honk("reply", open_, "echo again >> song.txt", "--json")
    assert replied.settled["state"] == "proposed", replied.words
