"""What one exit has spent, recorded whatever happens, and whether it may go on."""

import asyncio
from collections.abc import Awaitable, Callable

from honk.adapters.broker.budget import Budget
from honk.adapters.broker.notices import printable
from honk.domain.event import ModelCalled
from honk.domain.limits import Spending
from honk.ports import Tell

#: Keeps the spending of one call.
Spend = Callable[[Spending], Awaitable[None]]


class Ledger:
    """The account of one exit."""

    def __init__(self, budget: Budget, spend: Spend, tell: Tell) -> None:
        self.budget = budget
        self._spend = spend
        self._tell = tell
        self._ended: tuple[str, str] | None = None
        self._recording: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    @property
    def ended(self) -> tuple[str, str] | None:
        """("money" | "calls" | "model", sentence) once a call was refused for good."""
        return self._ended

    def end(self, kind: str, sentence: str) -> None:
        """No further call is let through. The first reason stays."""
        self._ended = self._ended or (kind, sentence)

    def fail(self, failure: BaseException) -> None:
        """Something of Honk's own went wrong: nothing more may be spent, and `check` raises it."""
        self._failure = self._failure or failure
        self.end("model", "Honk could not record what happened at the sandbox's exit.")

    async def book(self, spending: Spending, model: str, seconds: float) -> None:
        """Counts one call at once and has it recorded, also when the one who waits for that is cut off.

        `seconds` is how long it took.
        """
        self.budget.add(spending)
        total = self.budget.spent
        called = ModelCalled(
            model=printable(model),
            input_tokens=spending.input_tokens,
            output_tokens=spending.output_tokens,
            cache_read_tokens=spending.cache_read_tokens,
            cache_write_tokens=spending.cache_write_tokens,
            usd=spending.usd,
            total_usd=total.usd,
            total_calls=total.calls,
            seconds=round(seconds, 3),
        )
        task = asyncio.ensure_future(self._record(spending, called))
        self._recording.add(task)
        task.add_done_callback(self._recorded)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Waits for what is still being recorded."""
        await asyncio.gather(*self._recording, return_exceptions=True)

    def check(self) -> None:
        """Raises what went wrong."""
        if self._failure is not None:
            raise self._failure

    async def _record(self, spending: Spending, called: ModelCalled) -> None:
        await self._spend(spending)
        await self._tell(called)

    def _recorded(self, task: asyncio.Task[None]) -> None:
        self._recording.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self.fail(failure)
