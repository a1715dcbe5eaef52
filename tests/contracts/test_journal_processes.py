"""What only a journal on disk can promise: several processes, sudden death, nothing but text."""

import asyncio
import logging
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from honk.adapters.dbos import DbosJournal
from honk.errors import Defect, Stopped
from honk.ports import Once
from postgres_server import Server

pytestmark = pytest.mark.anyio
CHILD = Path(__file__).with_name("journal_child.py")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where a journal is kept, of either kind."""
    if request.param == "sqlite":
        return tmp_path / "journal.db"
    server: Server = request.getfixturevalue("postgres")
    return server.database()


@asynccontextmanager
async def serving_child(journal: Path | str, mode: str) -> AsyncIterator[Process]:
    """Another process that serves; whatever happens, it is gone afterwards."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", CHILD, journal, mode, stdout=PIPE, stderr=PIPE
    )
    try:
        assert await said(child, "serving") == []
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def said(child: Process, last: str) -> list[str]:
    """The child's lines before the line `last`, which it must say."""
    assert child.stdout is not None and child.stderr is not None
    lines: list[str] = []
    while line := (await child.stdout.readline()).decode().strip():
        if line == last:
            return lines
        lines.append(line)
    raise AssertionError(f"the child said {lines}, then died: {(await child.stderr.read()).decode()}")


async def test_a_killed_process_loses_only_the_step_it_was_in(place: Path | str) -> None:
    async with DbosJournal(place) as journal:
        async with serving_child(place, "as-told") as child:
            await journal.start("three", "id", "block")
            assert await said(child, "two begins") == ["one"]
            child.send_signal(signal.SIGKILL)
            await child.wait()
        assert await journal.unfinished() == ("id",)
        async with serving_child(place, "unblocked") as child:
            await journal.start("three", "id", "block")
            assert await journal.wait("id") == "123"
            assert await said(child, "three") == ["two begins", "two ends"]


async def test_a_process_cancels_what_another_one_runs(place: Path | str) -> None:
    async with DbosJournal(place) as journal, serving_child(place, "as-told") as child:
        await journal.start("three", "id", "block")
        await said(child, "two begins")
        await journal.cancel("id")
        assert await said(child, "two is cut off") == []
        with pytest.raises(Stopped):
            await journal.wait("id")


async def test_an_interrupted_process_leaves_cleanly_and_says_nothing(place: Path | str) -> None:
    async with DbosJournal(place) as journal, serving_child(place, "as-told") as child:
        await journal.start("three", "id", "block")
        await said(child, "two begins")
        child.send_signal(signal.SIGINT)
        stdout, stderr = await child.communicate()
        assert stdout == b"two is cut off\n"
        assert stderr.strip().endswith(b"KeyboardInterrupt"), stderr
        assert await journal.unfinished() == ("id",)


async def test_no_more_than_the_allowed_number_runs_at_once(place: Path | str) -> None:
    running, most = 0, 0

    async def work(payload: str, once: Once) -> str:
        async def step() -> str:
            nonlocal running, most
            running += 1
            most = max(most, running)
            for _ in range(50):
                await asyncio.sleep(0)
            running -= 1
            return ""

        return await once("a", str, step)

    async with DbosJournal(place, concurrency=1) as journal, journal.serve({"work": work}):
        for name in "abc":
            await journal.start("work", name, "")
        for name in "abc":
            await journal.wait(name)
    assert most == 1


async def test_one_process_serves_once_at_a_time(tmp_path: Path) -> None:
    async with DbosJournal(tmp_path / "journal.db") as journal, journal.serve({}):
        with pytest.raises(Defect, match="already"):
            async with journal.serve({}):
                pass
        async with DbosJournal(tmp_path / "other.db") as other:
            with pytest.raises(Defect, match="only one"):
                async with other.serve({}):
                    pass


async def test_the_loop_keeps_its_own_threads(tmp_path: Path) -> None:
    async with DbosJournal(tmp_path / "journal.db") as journal, journal.serve({}):
        pass
    assert await asyncio.to_thread(lambda: "still there") == "still there"


async def test_the_file_is_for_its_owner_and_holds_no_pickles(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def work(payload: str, once: Once) -> str:
        async def bad() -> str:
            raise ValueError("no")

        await once("a", str, bad)
        return ""

    path = tmp_path / "deep" / "journal.db"
    async with DbosJournal(path) as journal:
        async with journal.serve({"work": work}):
            await journal.start("work", "id", "")
            with pytest.raises(Defect):
                await journal.wait("id")
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    database = sqlite3.connect(path)
    formats = database.execute(
        "SELECT serialization FROM workflow_status UNION SELECT serialization FROM operation_outputs"
    ).fetchall()
    database.close()
    assert formats == [("portable_json",)]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capfd.readouterr() == ("", "")
