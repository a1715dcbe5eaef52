"""Server-Sent Events on the wire: what comes is sent at once, and who leaves or takes nothing is let go."""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from honk.service.feed import FellBehind

#: seconds in which a follower must take what it was sent
TAKEN_WITHIN = 20.0
#: what keeps a connection in use while nothing happens
STILL_HERE = b": still here\n\n"
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # nginx would gather events otherwise
    "X-Accel-Buffering": "no",
}


class Stream(Response):
    """Sends chunks as they come, until they end, the client leaves or is too slow to take them.

    At the end of the server a follower is told to come back soon, each a little later than another.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        *,
        headers: Mapping[str, str] | None = None,
        taken_within: float = TAKEN_WITHIN,
    ) -> None:
        super().__init__(headers={**(headers or {}), **_HEADERS})
        del self.headers["content-length"]
        self._chunks = chunks
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
            async with aclosing(self._chunks) as chunks:
                async for chunk in chunks:
                    await self._write(send, chunk)
            await self._write(send, _come_back(random.randint(500, 3000)), last=True)

    async def _write(self, send: Send, body: bytes, *, last: bool = False) -> None:
        async with asyncio.timeout(self._taken_within):
            await send({"type": "http.response.body", "body": body, "more_body": not last})


def _come_back(milliseconds: int) -> bytes:
    return f"retry: {milliseconds}\n\n".encode()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
