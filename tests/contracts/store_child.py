"""One of several processes that use one store at once: `python store_child.py URL TASK PERSON`.

It opens the store, records a hundred events, spends, and prints the turns that it made of queued messages.
"""

import asyncio
import sys

from honk.adapters.sql import SqlStore
from honk.domain.event import TaskNoted
from honk.domain.limits import Spending
from honk.domain.person import Identity, IdentityKind
from honk.domain.task import TaskId
from honk.domain.turn import Outcome


async def main(url: str, task: TaskId, name: str) -> None:
    async with SqlStore(url) as store:
        await store.tasks.person(Identity(kind=IdentityKind.LOCAL, value="everybody"), "Everybody")
        for number in range(100):
            await store.events.record(task, 1, TaskNoted(text=f"{name} {number}"))
            await store.events.record(task, 1, TaskNoted(text="once"), key=f"{number}")
            if number % 10 == 0:
                await store.records.add_spending(task, Spending(usd=0.25, calls=1))
        while turn := await store.tasks.begin_turn(task):
            await store.tasks.end_turn(task, turn.number, Outcome.PASS)
            sys.stdout.write(f"{turn.number} {turn.message.id}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], TaskId(sys.argv[2]), sys.argv[3]))
