"""Events as Server-Sent Events: `id:` is the event's seq, so that a follower comes back where it was."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from honk.service import FellBehind, Told

#: seconds in which a follower must take what it was sent
_TAKEN_WITHIN = 20.0
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # nginx would gather events otherwise
    "X-Accel-Buffering": "no",
}


def frame(told: Told) -> bytes:
    """One event on the wire."""
    return f"id: {told.event.seq}\ndata: {told.line}\n\n".encode()


class EventStream(Response):
    """Sends batches as they come, until they end, the client leaves or is too slow to take them.

    At the end of the server a follower is told to come back soon, each a little later than another.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        batches: AsyncGenerator[Sequence[Told], None],
        *,
        until_settled: bool = False,
        taken_within: float = _TAKEN_WITHIN,
    ) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._batches = batches
        self._until_settled = until_settled
        self._taken_within = taken_within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        sending = asyncio.ensure_future(self._send_all(send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in (sending, leaving):
                job.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if not sending.cancelled() and (error := sending.exception()) is not None:
            raise error

    async def _send_all(self, send: Send) -> None:
        # a timeout: the transport's buffer is full, and nobody takes anything out of it
        with suppress(FellBehind, TimeoutError):
            await self._write(send, _come_back(1000))
            async with aclosing(self._batches) as batches:
                async for batch in batches:
                    await self._write(send, b"".join(map(frame, batch)) if batch else b": still here\n\n")
                    if self._until_settled and any(one.event.type == "task.settled" for one in batch):
                        break
            await self._write(send, _come_back(random.randint(500, 3000)), last=True)

    async def _write(self, send: Send, body: bytes, *, last: bool = False) -> None:
        async with asyncio.timeout(self._taken_within):
            await send({"type": "http.response.body", "body": body, "more_body": not last})


def _come_back(milliseconds: int) -> bytes:
    return f"retry: {milliseconds}\n\n".encode()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
