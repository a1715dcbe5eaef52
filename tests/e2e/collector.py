"""A collector of traces, as an operator has one: takes OTLP over HTTP, and keeps what it was given."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire


@dataclass(frozen=True)
class Got:
    """One span as it arrived."""

    trace: str
    id: str
    #: "" for a root
    parent: str
    name: str
    service: str
    attributes: dict[str, object]
    wire: Wire


@dataclass
class Collector:
    """Spans in the order of their arrival."""

    url: str = ""
    spans: list[Got] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def named(self, beginning: str) -> list[Got]:
        """Those whose name begins so."""
        return [span for span in self.spans if span.name.startswith(beginning)]

    def above(self, span: Got) -> list[str]:
        """Names of the spans above it, the nearest first. Fails when one is missing."""
        by_id = {one.id: one for one in self.spans}
        names = []
        while span.parent:
            span = by_id[span.parent]
            names.append(span.name)
        return names

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Got(
                            trace=span.trace_id.hex(),
                            id=span.span_id.hex(),
                            parent=span.parent_span_id.hex(),
                            name=span.name,
                            service=about.get("service.name", ""),
                            attributes={one.key: _value(one.value) for one in span.attributes},
                            wire=span,
                        )
                    )
        self.news.set()
        self.news = asyncio.Event()

    async def until(self, name: str) -> Got:
        """Waits for a span whose name begins so."""
        while not (found := self.named(name)):
            await self.news.wait()
        return found[0]


def _value(value: object) -> object:
    kind = value.WhichOneof("value")  # type: ignore[attr-defined]
    return getattr(value, kind) if kind else None


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on loopback."""
    collector = Collector()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = h11.Connection(h11.SERVER)
        body = b""
        while True:
            event = wire.next_event()
            if event is h11.NEED_DATA:
                wire.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                body = b""
                about = {name.decode(): value.decode() for name, value in event.headers}
                assert event.target == b"/v1/traces"
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                collector.headers.append(about)
                collector.take(gzip.decompress(body) if about.get("content-encoding") == "gzip" else body)
                writer.write(wire.send(h11.Response(status_code=200, headers=[("content-length", "0")])) or b"")
                writer.write(wire.send(h11.EndOfMessage()) or b"")
                await writer.drain()
                wire.start_next_cycle()
            else:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    collector.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield collector
    finally:
        server.close()
