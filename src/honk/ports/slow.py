"""What takes long says so: whoever waits is told for what, and again from time to time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from honk.domain.event import EventData, StepProgressed
from honk.ports.store import Tell

#: seconds before a wait is told, and between two tellings
AFTER = 2.0
EVERY = 30.0


def progress(step: str, what: str) -> Callable[[float], EventData]:
    """The event for `slow`: what is waited for, and for how long so far."""

    def made(seconds: float) -> EventData:
        return StepProgressed(step=step, detail=f"{what} ({seconds:.0f} s so far)")

    return made


@asynccontextmanager
async def slow(
    tell: Tell, made: Callable[[float], EventData], *, after: float = AFTER, every: float = EVERY
) -> AsyncIterator[None]:
    """Tells nothing when what is inside ends within `after` seconds; otherwise then, and every `every` seconds.

    `made` gives the event for so many seconds of waiting.
    """

    async def remind() -> None:
        waited = after
        await asyncio.sleep(after)
        while True:
            await tell(made(waited))
            await asyncio.sleep(every)
            waited += every

    reminding = asyncio.ensure_future(remind())
    reminding.add_done_callback(_unheard)
    try:
        yield
    finally:
        reminding.cancel()  # without waiting for it: what is inside has ended, and nothing may come between


def _unheard(reminding: "asyncio.Task[None]") -> None:
    """What cannot be told now is not what went wrong."""
    if not reminding.cancelled():
        reminding.exception()
