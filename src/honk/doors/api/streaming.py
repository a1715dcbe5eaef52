"""Events as Server-Sent Events: `id:` is the event's seq, so that a follower comes back where it was."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from honk.service import Told
from honk.service.streaming import STILL_HERE, TAKEN_WITHIN, Stream


def frame(told: Told) -> bytes:
    """One event on the wire."""
    return f"id: {told.event.seq}\ndata: {told.line}\n\n".encode()


class EventStream(Stream):
    """Sends batches of events as they come; an empty one says that the connection is in use."""

    def __init__(
        self,
        batches: AsyncGenerator[Sequence[Told], None],
        *,
        until_settled: bool = False,
        taken_within: float = TAKEN_WITHIN,
    ) -> None:
        super().__init__(_frames(batches, until_settled), taken_within=taken_within)


async def _frames(batches: AsyncGenerator[Sequence[Told], None], until_settled: bool) -> AsyncGenerator[bytes, None]:
    async with aclosing(batches):
        async for batch in batches:
            yield b"".join(map(frame, batch)) if batch else STILL_HERE
            if until_settled and any(one.event.type == "task.settled" for one in batch):
                return
