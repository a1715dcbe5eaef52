"""The way to the model: checks the request, adds the key, keeps the budget, passes the answer back."""

import asyncio
from contextlib import aclosing

import h11
import httpx

from honk.adapters.broker.asked import Asked, read
from honk.adapters.broker.call import Call, Rate
from honk.adapters.broker.ledger import Ledger
from honk.adapters.broker.notices import Notices
from honk.adapters.broker.prices import ceiling, price_of
from honk.adapters.broker.scrub import Scrubber
from honk.adapters.broker.upstream import (
    COUNT_TOKENS,
    MESSAGES,
    Upstream,
    is_distrusted,
    is_usable_query,
    read_failure,
    unreachable,
)
from honk.adapters.broker.wire import JSON, Caller, Patience, Refused, Shelf, error_body, header
from honk.domain.event import AgentWaits
from honk.errors import LimitReached
from honk.ports.slow import slow


class ModelRoute:
    """Serves `/v1/messages` and `/v1/messages/count_tokens` of one exit; nothing else of the API."""

    def __init__(self, upstream: Upstream, ledger: Ledger, notices: Notices, patience: Patience) -> None:
        self._upstream = upstream
        self._transport = upstream.transport()
        self._ledger = ledger
        self._notices = notices
        self._patience = patience
        self._shelf = Shelf()
        self._rate = Rate()

    async def close(self) -> None:
        """Ends the connections to the model's server."""
        await self._transport.aclose()

    async def serve(self, caller: Caller, request: h11.Request) -> None:
        """Answers one request for the model. Raises Gone or Refused."""
        path = request.target.partition(b"?")[0]
        if request.method != b"POST" or path not in (MESSAGES, COUNT_TOKENS) or not is_usable_query(request.target):
            await self._unknown(caller, request)
            return
        if header(request, b"content-encoding"):
            raise Refused(415, "The request may not be compressed.")
        with self._shelf.place() as place:
            body = await caller.body(place)
            asked = read(body)
            if asked.reaching:
                await self._notices.denied(f"the model's {asked.reaching}", "it would contact hosts of its own choice")
                raise Refused(400, f"Honk does not allow {asked.reaching} in requests to the model.", "policy_blocked")
            await caller.while_there(self._admit(caller, request, body, asked))

    async def _unknown(self, caller: Caller, request: h11.Request) -> None:
        if request.method not in (b"GET", b"HEAD"):
            name = f"{request.method.decode('ascii', 'replace')} {request.target.decode('ascii', 'replace')}"
            await self._notices.denied(name, "of the model's API, only messages may be called")
        await caller.answer(404, JSON, error_body("not_found_error", "Honk does not pass this on."))

    async def _admit(self, caller: Caller, request: h11.Request, body: bytes, asked: Asked) -> None:
        call = Call(caller, self._ledger, self._notices, self._rate)
        if request.target.startswith(COUNT_TOKENS):
            await self._forward(call, caller, request, body)
            return
        most = ceiling(price_of(asked.model), prompt_bytes=len(body), max_tokens=asked.max_tokens)
        try:
            async with self._ledger.budget.hold(most):
                call.charge(asked.model, len(body))
                await self._forward(call, caller, request, body)
        except LimitReached as exc:
            self._ledger.end(exc.kind, f"{exc.message} {exc.remedy}")
            raise Refused.for_good(f"{exc.message} {exc.remedy}") from exc

    async def _forward(self, call: Call, caller: Caller, request: h11.Request, body: bytes) -> None:
        if self._ledger.ended is not None:
            raise Refused.for_good(self._ledger.ended[1])
        outgoing = self._upstream.request(request, body, self._patience)
        scrubber = Scrubber(self._upstream.secrets())
        try:
            async with slow(self._notices.tell, _silent, after=self._patience.quiet):
                response = await self._transport.handle_async_request(outgoing)
        except httpx.TransportError as exc:
            await self._no_answer(exc, scrubber)
            return
        except asyncio.CancelledError:
            await call.abandoned()
            raise
        async with aclosing(response):
            if response.status_code == 200:
                await call.stream(response, scrubber)
            else:
                await self._failed(caller, response, scrubber)

    async def _no_answer(self, error: httpx.TransportError, scrubber: Scrubber) -> None:
        words = unreachable(error, scrubber)
        await self._notices.failed(None, words)
        if is_distrusted(error):
            sentence = f"{words}. Check ANTHROPIC_BASE_URL and the certificates that are trusted."
            self._ledger.end("model", sentence)
            raise Refused.for_good(sentence)
        raise Refused(504 if isinstance(error, httpx.TimeoutException) else 502, words)

    async def _failed(self, caller: Caller, response: httpx.Response, scrubber: Scrubber) -> None:
        try:
            failure = await read_failure(response, scrubber)
        except httpx.TransportError as exc:
            await self._no_answer(exc, scrubber)
            return
        await self._notices.failed(failure.status, failure.detail)
        if sentence := failure.for_good():
            self._ledger.end("model", sentence)
            raise Refused.for_good(sentence)
        await caller.answer(failure.status, failure.headers, failure.body)


def _silent(seconds: float) -> AgentWaits:
    return AgentWaits(reason=f"the model's server has not begun to answer for {seconds:.0f} s")
