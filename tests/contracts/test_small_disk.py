"""A disk that is really full: a small file system of memory, with the real store and the real journal on it."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from store_world import with_task

from honk.adapters.dbos import DbosJournal
from honk.adapters.files import FileArtifacts
from honk.adapters.machine import LocalMachine
from honk.adapters.sql import SqlStore
from honk.domain.event import TaskNoted
from honk.domain.task import TaskId
from honk.errors import DiskFull
from honk.ports import Once

pytestmark = pytest.mark.anyio
T1 = TaskId("t1")


@pytest.fixture
def small() -> Iterator[Path]:
    """A file system of eight MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = Path(tempfile.mkdtemp(prefix="small", dir="/tmp"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


def fill(folder: Path) -> Path:
    """Takes all the room that is left."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 16, 4096):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


async def test_a_full_disk_is_said_and_nothing_is_half_written(small: Path) -> None:
    async with SqlStore(f"sqlite:///{small}/honk.db") as store:
        await with_task(store)
        ballast = fill(small)
        with pytest.raises(DiskFull, match="could not write"):
            for _ in range(100):
                await store.events.record(T1, 1, TaskNoted(text="x" * 50_000))
        ballast.unlink()
        await store.events.record(T1, 1, TaskNoted(text="after"))
        events = await store.events.read(T1)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].data == TaskNoted(text="after")


async def test_an_artifact_is_whole_or_not_there(small: Path) -> None:
    artifacts = FileArtifacts(small / "artifacts")
    kept = await artifacts.put(b"small")
    ballast = fill(small)
    with pytest.raises(OSError):
        await artifacts.put(b"y" * 100_000)
    assert [path.name for path in (small / "artifacts").rglob("*") if path.is_file()] == [kept]
    ballast.unlink()
    assert await artifacts.put(b"y" * 100_000)


async def test_a_workflow_whose_record_has_no_room_goes_on_when_there_is_some(small: Path) -> None:
    ran: list[str] = []
    full = anyio.Event()

    async def work(payload: str, once: Once) -> str:
        async def first() -> str:
            ran.append("first")
            return "1"

        async def large() -> str:
            ran.append("large")
            if not full.is_set():
                fill(small)
                full.set()
            return "x" * 300_000

        return await once("first", str, first) + str(len(await once("large", str, large)))

    async with DbosJournal(small / "journal.db") as journal, journal.serve({"work": work}):
        await journal.start("work", "id", "")
        await full.wait()
        while (await journal.unfinished()) == ("id",) and ran.count("large") < 2:
            await anyio.sleep(0.1)
            if journal.in_trouble:
                (small / "ballast").unlink(missing_ok=True)
        assert await journal.wait("id") == "1300000"
    assert ran == ["first", "large", "large"]


async def test_the_floor_is_seen_and_left_with_some_distance(small: Path) -> None:
    machine = LocalMachine(small, least_free_mb=4, look_every=0.01)
    assert machine.trouble() is None
    ballast = small / "ballast"
    ballast.write_bytes(b"x" * (5 << 20))
    trouble = machine.trouble()
    assert trouble is not None and "less than 4" in trouble.message
    # just above the floor is not enough to go on
    ballast.write_bytes(b"x" * ((4 << 20) - (100 << 10)))
    assert machine.trouble() is not None
    async with anyio.create_task_group() as group:
        group.start_soon(machine.until_better, trouble, 0)
        ballast.unlink()
    assert machine.trouble() is None
    assert LocalMachine(small, least_free_mb=0).trouble() is None
