"""A broker with a real upstream on loopback, both in this process, and a client inside."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path

import httpx

from honk.adapters.broker import NetworkRules, Patience, SocketBroker, Upstream
from honk.domain.event import EventData
from honk.domain.limits import Limits, Spending
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.ports import Exit, Pass

KEY = "sk-ant-canary-0123456789abcdef"
TOKEN = "bearer-canary-fedcba9876543210"
MODEL = "claude-opus-5-5"
LOOPBACK = NetworkRules(allow_networks=(ip_network("127.0.0.0/8"),))
NO_LIMITS = Limits(usd=None, calls=None, seconds=None)

Answer = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


class Server:
    """A little HTTP server that answers as a test says; keeps what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        #: set when a client has closed a connection
        self.left = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = (line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Request(head[0], headers, body)
                self.requests.append(request)
                answering = asyncio.ensure_future(self.answer(request, writer))
                watching = asyncio.ensure_future(reader.read(1))
                await asyncio.wait({answering, watching}, return_when=asyncio.FIRST_COMPLETED)
                if not answering.done():
                    answering.cancel()
                    return
                watching.cancel()
                await asyncio.wait({watching})
                answering.result()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.left.set()
            writer.close()


def whole(status: int, body: bytes, headers: str = "", kind: str = "application/json") -> Answer:
    """Answers everything with these bytes."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


def error(status: int, kind: str, message: str, headers: str = "") -> Answer:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    return whole(status, body, headers)


def event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def start(model: str = MODEL, **usage: int) -> bytes:
    counts = {"input_tokens": 10, "output_tokens": 1, **usage}
    return event("message_start", message={"id": "m", "type": "message", "model": model, "usage": counts})


def delta(text: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def end(output_tokens: int = 100) -> bytes:
    return event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": output_tokens}) + event(
        "message_stop"
    )


SSE = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))
    await writer.drain()


def stream(*pieces: bytes) -> Answer:
    """Answers everything with a stream of these pieces."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE.encode())
        for piece in pieces:
            await send(writer, piece)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return answer


GOOD = stream(start(), delta("hello"), end())


def body(**fields: object) -> dict[str, object]:
    asked = {"model": MODEL, "max_tokens": 1000, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    return {**asked, **fields}


@dataclass
class Inside:
    """What a test sees of one exit."""

    exit: Exit
    events: list[EventData]
    booked: list[Spending]
    client: httpx.AsyncClient

    async def ask(self, **fields: object) -> httpx.Response:
        return await self.client.post("/v1/messages?beta=true", json=body(**fields))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(self.exit.socket))

    async def ask_raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The same by hand: the client library trips over itself when its connection is cut."""
        reader, writer = await self.connect()
        content = json.dumps(body()).encode()
        head = f"POST /v1/messages HTTP/1.1\r\nhost: m\r\ncontent-length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        return reader, writer

    def told(self, kind: type[EventData]) -> list[EventData]:
        return [told for told in self.events if isinstance(told, kind)]


@dataclass
class World:
    """A broker, and exits of it."""

    run_dir: Path
    port: int
    network: NetworkRules = LOOPBACK
    patience: Patience = field(default_factory=Patience)
    api_key: str | None = KEY
    auth_token: str | None = None
    path: str = ""
    now: float = 0.0
    owned: list[Path] = field(default_factory=list)
    #: takes what agents say of themselves; None: nobody does
    telemetry: Callable[[TaskId, bytes], None] | None = None

    def broker(self) -> SocketBroker:
        upstream = Upstream(
            base_url=f"http://127.0.0.1:{self.port}{self.path}",
            api_key=Secret(self.api_key) if self.api_key else None,
            auth_token=Secret(self.auth_token) if self.auth_token else None,
        )
        broker = SocketBroker(
            self.run_dir,
            upstream,
            self.network,
            own=self.owned.append,
            patience=self.patience,
            clock=lambda: self.now,
        )
        if self.telemetry is not None:
            broker.take_telemetry(self.telemetry)
        return broker

    @asynccontextmanager
    async def open(
        self,
        *,
        model: bool = True,
        hosts: tuple[str, ...] = (),
        limits: Limits = NO_LIMITS,
        spent: Spending | None = None,
        task: str = "task-1",
    ) -> AsyncIterator[Inside]:
        events: list[EventData] = []
        booked: list[Spending] = []

        async def tell(data: EventData) -> None:
            events.append(data)

        async def spend(spending: Spending) -> None:
            booked.append(spending)

        permit = Pass(task=TaskId(task), model=model, hosts=hosts, limits=limits, spent=spent or Spending())
        async with self.broker().open(permit, tell, spend) as exit:
            transport = httpx.AsyncHTTPTransport(uds=str(exit.socket))
            headers = {"x-api-key": "placeholder", "authorization": "Bearer inside", "cookie": "a=b"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://model", headers=headers, trust_env=False, timeout=10
            ) as client:
                yield Inside(exit, events, booked, client)


def resolves(**names: str) -> NetworkRules:
    """Rules under which loopback is allowed and these names have these addresses (dots written as `__`)."""
    table = {name.replace("__", "."): ip_address(address) for name, address in names.items()}

    async def resolve(host: str) -> tuple[object, ...]:
        if host not in table:
            raise OSError(f"no such name: {host}")
        return (table[host],)

    return NetworkRules(allow_networks=LOOPBACK.allow_networks, resolve=resolve)  # type: ignore[arg-type]
