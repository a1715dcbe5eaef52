"""Spans → the operator's collector, by OTLP over HTTP, from a thread of its own with a bounded queue."""

import threading
from collections.abc import Mapping
from functools import cached_property

import anyio
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from honk.adapters.telemetry.spans import Span, trace_id

#: spans that wait to be sent; more are dropped
_QUEUE = 8192
#: seconds: between two sendings, for one, and for the last one
_EVERY, _SENDING, _FAREWELL = 1.0, 5.0, 3.0


class Export:
    """Sends spans to `endpoint`, the base address of a collector such as http://localhost:4318.

    A collector that does not answer costs nothing but its spans.
    """

    def __init__(self, endpoint: str, *, headers: Mapping[str, str], version: str) -> None:
        path = "" if endpoint.rstrip("/").endswith("/v1/traces") else "/v1/traces"
        sender = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + path, headers=dict(headers), timeout=_SENDING)
        self._sender = sender
        self._queue = BatchSpanProcessor(
            sender, max_queue_size=_QUEUE, schedule_delay_millis=_EVERY * 1000, max_export_batch_size=512
        )
        self._version = version

    def __call__(self, span: Span) -> None:
        """Never blocks."""
        self._queue.on_end(self._readable(span))

    async def close(self) -> None:
        """Sends what is left, for a few seconds at most."""
        done = anyio.Event()
        token = anyio.lowlevel.current_token()

        def last() -> None:
            self._queue.shutdown()  # type: ignore[no-untyped-call]
            try:
                anyio.from_thread.run_sync(done.set, token=token)
            except anyio.RunFinishedError:
                return

        # A daemon, so that a collector which hangs cannot keep the process alive.
        threading.Thread(target=last, name="honk-last-spans", daemon=True).start()
        with anyio.move_on_after(_FAREWELL, shield=True):
            await done.wait()

    @cached_property
    def _own(self) -> Resource:
        return Resource({"service.name": "honk", "service.version": self._version})

    @cached_property
    def _agents(self) -> Resource:
        return Resource({"service.name": "honk-agent", "service.version": self._version})

    @cached_property
    def _scope(self) -> InstrumentationScope:
        return InstrumentationScope("honk", self._version)

    def _readable(self, span: Span) -> ReadableSpan:
        trace = trace_id(span.task)
        flags = TraceFlags(TraceFlags.SAMPLED)
        parent = None if span.parent is None else SpanContext(trace, span.parent, is_remote=False, trace_flags=flags)
        return ReadableSpan(
            name=span.name,
            context=SpanContext(trace, span.id, is_remote=False, trace_flags=flags),
            parent=parent,
            resource=self._agents if span.by_agent else self._own,
            attributes={**span.attributes, "honk.task": span.task},
            events=tuple(Event(one.name, dict(one.attributes), one.at) for one in span.notes),
            kind=SpanKind.CLIENT if span.client else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, span.error[:1000]) if span.error else Status(StatusCode.UNSET),
            start_time=span.start,
            end_time=span.end,
            instrumentation_scope=self._scope,
        )
