"""The scripted model's server: HTTP/1.1 on loopback, or on a unix socket."""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import h11

from honk.testing.scripted_model import wire
from honk.testing.scripted_model.asked import Asked
from honk.testing.scripted_model.script import Break, Fail, Say, Scenario, choose

_KEPT_REQUESTS = 500
_CHUNK = 1 << 16


class ScriptedModel:
    """Serves scenarios while its context is open, at `url`.

    A request that the script does not foresee, or whose expectations fail, is answered with 400, which
    clients do not repeat, and stands in `complaints`; leaving the context then raises AssertionError
    (not with `strict=False`). With a `key`, requests that carry another one, or none, get 401.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        *,
        otherwise: Scenario | None = None,
        key: str | None = None,
        socket: Path | None = None,
        pace: float = 0.0,
        strict: bool = True,
    ) -> None:
        """`otherwise` answers where no marker is found; `pace` is seconds between the events of a stream."""
        self.scenarios = tuple(scenarios)
        self.url = ""
        #: the latest requests, oldest first
        self.requests: deque[Asked] = deque(maxlen=_KEPT_REQUESTS)
        self.complaints: list[str] = []
        self._otherwise = otherwise
        self._key = key
        self._socket = socket
        self._pace = pace
        self._strict = strict
        self._failed: Counter[tuple[str, int, int]] = Counter()
        self._held: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> Self:
        if self._socket is not None:
            self._server = await asyncio.start_unix_server(self._accept, self._socket)
            self.url = "http://model"
        else:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        if self._strict and error is None and self.complaints:
            raise AssertionError(
                "the scripted model was asked for what it does not foresee:\n" + "\n".join(self.complaints)
            )

    @property
    def calls(self) -> tuple[Asked, ...]:
        """The requests for an answer of the model, oldest first."""
        return tuple(asked for asked in self.requests if asked.path == "/v1/messages" and asked.method == "POST")

    async def called(self, times: int) -> Asked:
        """Waits until the model was called so often, and returns that call."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.calls) >= times)
        return self.calls[times - 1]

    async def reached(self, hold: str) -> None:
        """Waits until a step with that `hold` has streamed half of its text."""
        await self._hold(hold)[0].wait()

    def release(self, hold: str) -> None:
        """Lets the step with that `hold` go on, now or when it comes."""
        self._hold(hold)[1].set()

    def _hold(self, name: str) -> tuple[asyncio.Event, asyncio.Event]:
        return self._held.setdefault(name, (asyncio.Event(), asyncio.Event()))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        try:
            with suppress(ConnectionError, h11.RemoteProtocolError, asyncio.CancelledError):
                while (asked := await _receive(connection, reader)) is not None:
                    self.requests.append(asked)
                    async with self._arrived:
                        self._arrived.notify_all()
                    await self._answer(asked, _Reply(connection, writer))
                    if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                        break
                    connection.start_next_cycle()
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _answer(self, asked: Asked, reply: "_Reply") -> None:
        if asked.method == "HEAD":
            await reply.whole(200, b"")
        elif not self._admitted(asked):
            await reply.whole(401, wire.error(401, "invalid x-api-key"))
        elif asked.method == "POST" and asked.path == "/v1/messages/count_tokens":
            await reply.whole(200, json.dumps({"input_tokens": asked.size()}).encode())
        elif asked.method == "POST" and asked.path == "/v1/messages":
            await self._message(asked, reply)
        else:
            await reply.whole(404, wire.error(404, f"no such resource: {asked.path}"))

    def _admitted(self, asked: Asked) -> bool:
        given = (asked.headers.get("x-api-key"), asked.headers.get("authorization", "").removeprefix("Bearer "))
        return self._key is None or self._key in given

    async def _message(self, asked: Asked, reply: "_Reply") -> None:
        if asked.body.get("max_tokens") == 1:
            await self._say(asked, Say("Hi"), reply)
            return
        chosen = choose(self.scenarios, asked)
        if chosen is None and self._otherwise is not None:
            chosen = self._otherwise, asked.turns_after(-1)
        if chosen is None:
            words = "\n".join(text for _, text in asked.said())
            await self._complain(reply, f"no scenario has a marker in these words: {words[-500:]!r}")
            return
        scenario, number = chosen
        troubles, turn = scenario.turn(number)
        for order, trouble in enumerate(troubles):
            if trouble.times is None or self._failed[scenario.name, number, order] < trouble.times:
                self._failed[scenario.name, number, order] += 1
                await self._trouble(asked, trouble, reply)
                return
        say = turn if isinstance(turn, Say) or turn is None else turn(asked)
        if say is None:
            await self._complain(
                reply, f"scenario {scenario.name!r} has no turn {number + 1}; new: {asked.news[-500:]!r}"
            )
        elif wrong := _unmet(say, asked.news):
            await self._complain(reply, f"scenario {scenario.name!r}, turn {number + 1}: {wrong}")
        else:
            await self._say(asked, say, reply)

    async def _complain(self, reply: "_Reply", complaint: str) -> None:
        self.complaints.append(complaint)
        await reply.whole(400, wire.error(400, f"scripted model: {complaint}"))

    async def _trouble(self, asked: Asked, trouble: Fail | Break, reply: "_Reply") -> None:
        if isinstance(trouble, Fail):
            extra = [] if trouble.retry_after is None else [("retry-after", str(trouble.retry_after))]
            await reply.whole(trouble.status, wire.error(trouble.status, trouble.message), extra)
            return
        await reply.begin()
        for event in list(wire.events(asked, Say(trouble.text)))[:-3]:
            await reply.send(event)
        raise ConnectionAbortedError("the script cuts the connection here")

    async def _say(self, asked: Asked, say: Say, reply: "_Reply") -> None:
        if not asked.stream:
            await self._pause(say)
            await reply.whole(200, wire.whole(asked, say))
            return
        await reply.begin()
        events = list(wire.events(asked, say))
        for index, event in enumerate(events):
            if index == len(events) // 2:
                await self._pause(say)
            await reply.send(event)
            if self._pace:
                await asyncio.sleep(self._pace)
        await reply.end()

    async def _pause(self, say: Say) -> None:
        if say.hold:
            reached, released = self._hold(say.hold)
            reached.set()
            await released.wait()


def _unmet(say: Say, news: str) -> str:
    missing = [words for words in say.expects if words not in news]
    unwanted = [words for words in say.refuses if words in news]
    if not missing and not unwanted:
        return ""
    return f"expected {missing!r} and not {unwanted!r} in {news[-2000:]!r}"


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> Asked | None:
    """The next request, or None when the client has gone."""
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            return None
    assert request is not None
    try:
        content = json.loads(body) if body else {}
    except ValueError:
        content = {}
    return Asked(
        method=request.method.decode(),
        target=request.target.decode(),
        headers={name.decode(): value.decode("latin-1") for name, value in request.headers},
        body=content if isinstance(content, dict) else {},
    )


class _Reply:
    """Writes one response."""

    def __init__(self, connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
        self._connection = connection
        self._writer = writer

    async def whole(self, status: int, body: bytes, extra: Sequence[tuple[str, str]] = ()) -> None:
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), *extra]
        await self._write(h11.Response(status_code=status, headers=headers))
        await self._write(h11.Data(data=body))
        await self._write(h11.EndOfMessage())

    async def begin(self) -> None:
        headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
        await self._write(h11.Response(status_code=200, headers=[*headers, ("transfer-encoding", "chunked")]))

    async def send(self, event: bytes) -> None:
        await self._write(h11.Data(data=event))

    async def end(self) -> None:
        await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.Event) -> None:
        data = self._connection.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()
