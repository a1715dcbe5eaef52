"""Who waits for a free place in the journal, in which order; asked of the real one and of the fake."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from honk.adapters.dbos import DbosJournal
from honk.ports import Journal, Once
from honk.testing.memory_journal import MemoryJournal

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["dbos", "memory"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal(concurrency=1)
        return
    async with DbosJournal(tmp_path / "journal.db", concurrency=1) as real:
        yield real


async def test_what_has_no_place_waits_first_come_first(journal: Journal) -> None:
    begun: list[str] = []
    go_on, one_began = anyio.Event(), anyio.Event()

    async def work(payload: str, once: Once) -> str:
        begun.append(payload)
        one_began.set()
        await go_on.wait()
        return payload

    async with journal.serve({"turn": work}):
        assert await journal.waiting() == ()
        for name in ("a", "b", "c"):
            await journal.start("turn", f"turn/{name}/1", name)
        await one_began.wait()
        while len(waiting := await journal.waiting()) != 2:
            await anyio.lowlevel.checkpoint()
        assert waiting == ("turn/b/1", "turn/c/1")
        go_on.set()
        for name in ("a", "b", "c"):
            assert await journal.wait(f"turn/{name}/1") == name
        assert await journal.waiting() == ()
    assert begun == ["a", "b", "c"]


async def test_what_was_cut_off_does_not_wait(journal: Journal) -> None:
    began = anyio.Event()

    async def work(payload: str, once: Once) -> str:
        began.set()
        await anyio.sleep_forever()
        return payload

    async with journal.serve({"turn": work}):
        await journal.start("turn", "turn/a/1", "a")
        await began.wait()
    if isinstance(journal, DbosJournal):
        async with journal.serve({"turn": work}):
            assert await journal.waiting() == ()
    assert await journal.unfinished() == ("turn/a/1",)
