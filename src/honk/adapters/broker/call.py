"""One call of the model: its answer passes through, and its price is booked exactly once."""

import time
from dataclasses import dataclass, replace

import httpx

from honk.adapters.broker.ledger import Ledger
from honk.adapters.broker.meter import Meter
from honk.adapters.broker.notices import Notices
from honk.adapters.broker.prices import Usage, cost, price_of, prompt_estimate
from honk.adapters.broker.scrub import Scrubber
from honk.adapters.broker.upstream import returned_headers, unreachable
from honk.adapters.broker.wire import Caller, Gone
from honk.domain.limits import Spending


@dataclass(kw_only=True, slots=True)
class Rate:
    """What prompts of this exit cost, learnt from its last counted answer: most of a long prompt is cached."""

    dollars_a_byte: float | None = None


class Call:
    """A call under way. `free` ones (counting tokens) are neither counted nor paid for."""

    def __init__(self, caller: Caller, ledger: Ledger, notices: Notices, rate: Rate) -> None:
        self._caller = caller
        self._ledger = ledger
        self._notices = notices
        self._rate = rate
        self._model = ""
        self._prompt_bytes = 0
        self._booked = True
        self._began = 0.0

    def charge(self, model: str, prompt_bytes: int) -> None:
        """From here on the call costs: it is about to be sent."""
        self._model = model
        self._prompt_bytes = prompt_bytes
        self._booked = False
        self._began = time.monotonic()

    async def abandoned(self) -> None:
        """Nobody waits for the answer any more; the prompt is paid for all the same."""
        await self._book(Usage(model=self._model), counted=False)

    async def stream(self, response: httpx.Response, scrubber: Scrubber) -> None:
        """Passes a good answer through, piece by piece as it comes. Raises Gone when either side breaks off.

        The price is booked before the last piece goes on: whoever has seen the end of an answer may rely on
        it being counted.
        """
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        meter = Meter(streamed=streamed)
        await self._caller.begin(200, returned_headers(response, scrubber))
        broken = ""
        try:
            async for chunk in response.aiter_bytes():
                meter.feed(chunk)
                if meter.finished:
                    await self._book(meter.usage(), counted=meter.counted)
                if data := scrubber.feed(chunk):
                    await self._caller.send(data)
            meter.close()
            if streamed and not (meter.finished or meter.error):
                broken = "The model's answer broke off."
        except httpx.TransportError as exc:
            broken = f"The model's answer broke off: {unreachable(exc, scrubber)}"
        finally:
            if meter.known or not broken:
                await self._book(meter.usage(), counted=meter.counted)
        if broken:
            await self._notices.failed(None, broken)
            self._caller.abort()
            raise Gone
        await self._finish(meter, scrubber)

    async def _finish(self, meter: Meter, scrubber: Scrubber) -> None:
        if data := scrubber.close():
            await self._caller.send(data)
        if meter.error:
            await self._notices.failed(None, scrubber.text(meter.error))
        else:
            self._notices.recovered()
        await self._caller.end()

    async def _book(self, usage: Usage, *, counted: bool) -> None:
        if self._booked:
            return
        self._booked = True
        price = price_of(usage.model, self._model)
        usd = cost(usage, price)
        input_tokens = usage.input_tokens
        if counted and self._prompt_bytes:
            self._rate.dollars_a_byte = cost(replace(usage, output_tokens=0), price) / self._prompt_bytes
        else:
            rate = self._rate.dollars_a_byte
            usd += prompt_estimate(price, self._prompt_bytes) if rate is None else rate * self._prompt_bytes
            input_tokens = self._prompt_bytes // 4
        spending = Spending(
            usd=usd,
            calls=1,
            input_tokens=input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        )
        await self._ledger.book(spending, usage.model or self._model, time.monotonic() - self._began)
