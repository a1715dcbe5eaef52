"""The way for what the agent says of itself: OTLP traces as JSON, of this exit's task, within bounds.

Nothing goes on from here to another host. Whoever takes the spans reads them anew and decides what they are.
"""

import math
from collections.abc import Callable

import h11

from honk.adapters.broker.wire import JSON, Caller, Refused, Shelf, header
from honk.domain.task import TaskId

PATH = b"/v1/traces"
#: bytes of one request
BODY_LIMIT = 1 << 20
#: requests and bytes of one exit within a minute
REQUESTS_A_MINUTE = 120
BYTES_A_MINUTE = 8 << 20
_MINUTE = 60.0

#: Takes one request's body. Raises ValueError for what it cannot read.
Accept = Callable[[TaskId, bytes], None]


class TelemetryRoute:
    """Serves `POST /v1/traces` of one exit. `clock` counts seconds from anywhere."""

    def __init__(self, task: TaskId, accept: Accept, clock: Callable[[], float]) -> None:
        self._task = task
        self._accept = accept
        self._clock = clock
        self._shelf = Shelf(4 * BODY_LIMIT)
        self._since = -math.inf
        self._requests = 0
        self._bytes = 0

    async def serve(self, caller: Caller, request: h11.Request) -> None:
        """Takes one request. Raises Gone or Refused."""
        if request.method != b"POST":
            raise Refused(405, "Only POST is served here.")
        if header(request, b"content-encoding") or header(request, b"content-type").partition(b";")[0] != (
            b"application/json"
        ):
            raise Refused(415, "Only uncompressed JSON is taken here.")
        self._count()
        with self._shelf.place() as place:
            body = await caller.body(place, BODY_LIMIT)
            self._bytes += len(body)
            if self._bytes > BYTES_A_MINUTE:
                raise Refused(429, "Too much telemetry at once.")
            try:
                self._accept(self._task, body)
            except ValueError as exc:
                raise Refused(400, f"This cannot be taken: {exc}.") from exc
        await caller.answer(200, JSON, b"{}")

    def _count(self) -> None:
        now = self._clock()
        if now - self._since > _MINUTE:
            self._since, self._requests, self._bytes = now, 0, 0
        self._requests += 1
        if self._requests > REQUESTS_A_MINUTE:
            raise Refused(429, "Too many requests with telemetry at once.")
