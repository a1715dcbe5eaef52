"""Money and calls, bounded before they are spent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from honk.domain.limits import Limits, Spending
from honk.errors import LimitReached


class Budget:
    """The budget of one task.

    A call is let through while the task has spent less than its limit. Calls under way are held against the
    limit with the most they may cost, so that of calls in parallel only one can overshoot; a call that does not fit
    beside others waits for them instead of being refused. A call alone is never refused for what it may cost:
    otherwise a budget of a dollar would not allow a single call with 128,000 tokens of possible output.
    """

    def __init__(self, limits: Limits, spent: Spending) -> None:
        self._limits = limits
        self._spent = spent
        self._held = 0.0
        self._under_way = 0
        self._freed = asyncio.Event()

    @property
    def spent(self) -> Spending:
        return self._spent

    def add(self, spending: Spending) -> None:
        """Counts what a call cost."""
        self._spent = self._spent + spending

    def used_up(self) -> LimitReached | None:
        """Why no further call may be made, or None."""
        limits, spent = self._limits, self._spent
        if limits.usd is not None and spent.usd >= limits.usd:
            return LimitReached(
                "money",
                f"The budget of ${limits.usd:.2f} for this task is used up "
                f"(${spent.usd:.2f} in {_calls(spent.calls)} of the model).",
                "Allow more with --max-usd to go on.",
            )
        if limits.calls is not None and spent.calls >= limits.calls:
            return LimitReached(
                "calls",
                f"The limit of {_calls(limits.calls)} of the model for this task is reached (${spent.usd:.2f} spent).",
                "Allow more with --max-calls to go on.",
            )
        return None

    @asynccontextmanager
    async def hold(self, ceiling: float) -> AsyncIterator[None]:
        """Holds `ceiling` dollars and one call while the context is open; waits for others where needed.

        Raises LimitReached.
        """
        while True:
            if (used_up := self.used_up()) is not None:
                raise used_up
            if self._fits():
                break
            await self._freed.wait()
        self._held += ceiling
        self._under_way += 1
        try:
            yield
        finally:
            self._held -= ceiling
            self._under_way -= 1
            freed, self._freed = self._freed, asyncio.Event()
            freed.set()

    def _fits(self) -> bool:
        limits, spent = self._limits, self._spent
        if self._under_way == 0:
            return True
        money = limits.usd is None or spent.usd + self._held < limits.usd
        calls = limits.calls is None or spent.calls + self._under_way < limits.calls
        return money and calls


def _calls(number: int) -> str:
    return f"{number:,} call{'' if number == 1 else 's'}"
