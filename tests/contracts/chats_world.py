"""One database with two stores at it, as two servers have it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from store_world import Clock

from honk.adapters.sql import SqlStore
from honk.domain.rules import Rules


@dataclass
class Pair:
    """The same database, opened by two who know nothing of each other."""

    one: SqlStore
    other: SqlStore
    clock: Clock
    #: who is who, as both know it
    rules: Rules = Rules()


@asynccontextmanager
async def opened_twice(url: str) -> AsyncIterator[Pair]:
    """Both stores, on one clock."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        stores = [SqlStore(url, clock=clock, rules=lambda: made.rules) for _ in range(2)]
        made = Pair(one=stores[0], other=stores[1], clock=clock)
        for store in stores:
            await stack.enter_async_context(store)
        yield made
