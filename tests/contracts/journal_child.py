"""A process that serves a journal until it is killed: `python journal_child.py JOURNAL MODE`.

It prints a line for everything that happens in it. In the mode "as-told" the payload "block" makes step two
wait for ever.
"""

import asyncio
import signal
import sys
from pathlib import Path

from honk.adapters.dbos import DbosJournal
from honk.ports import Once


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


async def three_steps(payload: str, once: Once) -> str:
    async def one() -> str:
        say("one")
        return "1"

    async def two() -> str:
        say("two begins")
        try:
            if payload == "block":
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("two is cut off")
            raise
        say("two ends")
        return "2"

    async def three() -> str:
        say("three")
        return "3"

    return await once("one", str, one) + await once("two", str, two) + await once("three", str, three)


async def unblocked(payload: str, once: Once) -> str:
    return await three_steps("", once)


async def main(journal: Path | str, mode: str) -> None:
    workflow = three_steps if mode == "as-told" else unblocked
    async with DbosJournal(journal) as opened, opened.serve({"three": workflow}):
        say("serving")
        await asyncio.Event().wait()


if __name__ == "__main__":
    # a shell that runs the tests in the background has its children ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    place = sys.argv[1]
    asyncio.run(main(place if place.startswith("postgresql:") else Path(place), sys.argv[2]))
