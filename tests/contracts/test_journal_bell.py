"""What is started in the serving process begins at once, in the order of starting, never more than there are places."""

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from honk.adapters.dbos import DbosJournal
from honk.ports import Once

pytestmark = pytest.mark.anyio
#: a clock that never strikes while a test runs
NEVER = 3600.0


async def test_it_begins_without_the_clock(tmp_path: Path) -> None:
    async def work(payload: str, once: Once) -> str:
        return payload

    async with (
        DbosJournal(tmp_path / "journal.db", work_poll=NEVER) as journal,
        journal.serve({"work": work}),
    ):
        for number in range(20):
            await journal.start("work", f"work/{number}", str(number))
            assert await journal.wait(f"work/{number}") == str(number)


async def test_places_are_exact(tmp_path: Path) -> None:
    order: list[str] = []
    at_work = 0
    most = 0
    full, go = anyio.Event(), anyio.Event()

    async def work(payload: str, once: Once) -> str:
        nonlocal at_work, most
        order.append(payload)
        at_work += 1
        most = max(most, at_work)
        if at_work == 3:
            full.set()
        await go.wait()
        await anyio.lowlevel.checkpoint()
        at_work -= 1
        return payload

    async with (
        DbosJournal(tmp_path / "journal.db", concurrency=3, work_poll=NEVER) as journal,
        journal.serve({"work": work}),
    ):
        for number in range(12):
            await journal.start("work", f"work/{number}", str(number))
        await full.wait()
        assert sorted(order) == ["0", "1", "2"]
        go.set()
        for number in range(12):
            await journal.wait(f"work/{number}")
    assert most == 3


async def test_first_come_is_first_served(tmp_path: Path) -> None:
    order: list[str] = []

    async def work(payload: str, once: Once) -> str:
        order.append(payload)
        return payload

    async with (
        DbosJournal(tmp_path / "journal.db", concurrency=1, work_poll=NEVER) as journal,
        journal.serve({"work": work}),
    ):
        for number in range(12):
            await journal.start("work", f"work/{number}", str(number))
        for number in range(12):
            await journal.wait(f"work/{number}")
    assert order == [str(number) for number in range(12)]


async def test_what_waits_for_a_place_can_be_cancelled(tmp_path: Path) -> None:
    begun: list[str] = []
    started, go = anyio.Event(), anyio.Event()

    async def work(payload: str, once: Once) -> str:
        begun.append(payload)
        started.set()
        await go.wait()
        return payload

    async with (
        DbosJournal(tmp_path / "journal.db", concurrency=1, work_poll=NEVER) as journal,
        journal.serve({"work": work}),
    ):
        for number in range(3):
            await journal.start("work", f"work/{number}", str(number))
        await started.wait()
        await journal.cancel("work/1")
        go.set()
        assert await journal.wait("work/2") == "2"
    assert begun == ["0", "2"]
