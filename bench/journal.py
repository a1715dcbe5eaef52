"""A recorded step of the journal and an event of the store, beside one fsynced write of the same size."""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from honk.adapters.dbos import DbosJournal
from honk.adapters.sql import SqlStore
from honk.ports import Once


async def steps(folder: Path, count: int) -> float:
    times: list[float] = []

    async def work(payload: str, once: Once) -> str:
        async def nothing() -> str:
            return "x" * 200

        for number in range(count):
            started = time.perf_counter()
            await once(f"step/{number}", str, nothing)
            times.append(time.perf_counter() - started)
        return ""

    async with DbosJournal(folder / "journal.db") as journal, journal.serve({"work": work}):
        await journal.start("work", "id", "")
        await journal.wait("id")
    return statistics.median(times)


async def transactions(folder: Path, count: int) -> float:
    times = []
    async with SqlStore(f"sqlite:///{folder / 'honk.db'}") as store:
        for number in range(count):
            started = time.perf_counter()
            await store.records.cache(f"key/{number}", "x" * 200)
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def writes(folder: Path, count: int) -> float:
    times = []
    with (folder / "plain").open("ab") as file:
        for _ in range(count):
            started = time.perf_counter()
            file.write(b"x" * 200)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times)


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as name:
        folder = Path(name)
        plain = writes(folder, count)
        for what, seconds in (
            ("a recorded step", await steps(folder, count)),
            ("a record stored", await transactions(folder, count)),
        ):
            ours, theirs = seconds * 1000, plain * 1000
            print(f"{what:16} {ours:6.2f} ms   an fsynced write {theirs:6.2f} ms   ratio {ours / theirs:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    asyncio.run(main(parser.parse_args().count))
