"""HTTP/1.1 with a program inside a sandbox, over h11. Everything that it sends may be hostile."""

import asyncio
import json
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import h11

T = TypeVar("T")
Headers = list[tuple[bytes, bytes]]

#: bytes of a request's head
HEAD_LIMIT = 64 << 10
#: bytes of one request's body; the Messages API takes 32 MB itself
BODY_LIMIT = 64 << 20
#: bytes of all bodies that one exit holds at a time
BODIES_LIMIT = 160 << 20
CHUNK = 64 << 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """Seconds before something is given up."""

    #: a connection on which no request comes
    idle: float = 300.0
    #: the head of a request that has begun
    head: float = 30.0
    #: the body of a request
    body: float = 120.0
    #: a client that does not take its answer
    unread: float = 300.0
    #: the rest of a refused request, which is read and thrown away
    refused: float = 5.0
    #: a connection to another host
    connect: float = 10.0
    #: an upstream that sends nothing
    silence: float = 600.0
    #: an upstream that has not begun to answer, before people are told
    quiet: float = 20.0
    #: a tunnel through which nothing flows
    tunnel: float = 300.0


class Gone(Exception):
    """The other side is no longer there, or too slow; there is nobody to answer."""


class Refused(Exception):
    """The request cannot be served; `status`, `words` and `kind`, the type of an API error, are the answer."""

    def __init__(self, status: int, words: str, kind: str = "invalid_request_error") -> None:
        super().__init__(status, words, kind)
        self.status = status
        self.words = words
        self.kind = kind

    @classmethod
    def for_good(cls, words: str) -> "Refused":
        """An answer after which Claude Code gives up at once and shows the words.

        Tried with 2.1.329: a 400 of this type is asked once, an `invalid_request_error` six times, and 401, 408, 409,
        429 and 5xx for minutes; 403 is shown as a failed login.
        """
        return cls(400, words, "billing_error")


class Shelf:
    """Bounds the memory that the bodies of one exit take together."""

    def __init__(self, limit: int = BODIES_LIMIT) -> None:
        self._limit = limit
        self.used = 0

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """A place for one body, free again when the context is left."""
        place = Place(self)
        try:
            yield place
        finally:
            self.used -= place.size

    def take(self, size: int) -> None:
        if self.used + size > self._limit:
            raise Refused(503, "Too many large requests at once.")
        self.used += size


class Place:
    """What one body takes of a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.size = 0

    def grow(self, size: int) -> None:
        self._shelf.take(size)
        self.size += size


class Caller:
    """One connection from inside: requests come out of it, answers go into it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: Patience) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self._ended = False
        self._method = b""

    async def request(self) -> h11.Request | None:
        """The next request, or None when no more follow. Raises Gone or Refused."""
        if self._wire.our_state is h11.DONE and self._wire.their_state is h11.DONE:
            self._wire.start_next_cycle()
        if self._wire.our_state is not h11.IDLE:
            return None
        try:
            event: object = self._wire.next_event()
            if event is h11.NEED_DATA:
                async with asyncio.timeout(self._patience.idle):
                    await self._receive()
                async with asyncio.timeout(self._patience.head):
                    event = await self._event()
        except h11.RemoteProtocolError as exc:
            raise Refused(exc.error_status_hint, f"This is not a usable request: {exc}.") from exc
        except TimeoutError as exc:
            raise Gone from exc
        if not isinstance(event, h11.Request):
            return None
        self._method = event.method
        _check(event)
        return event

    async def body(self, place: Place, limit: int = BODY_LIMIT) -> bytes:
        """The whole body of the request. Raises Gone or Refused."""
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._patience.body):
                while not isinstance(event := await self._event(), h11.EndOfMessage):
                    if not isinstance(event, h11.Data):
                        raise Gone
                    size += len(event.data)
                    if size > limit:
                        raise Refused(413, f"The request is larger than {limit >> 20} MB.")
                    place.grow(len(event.data))
                    parts.append(bytes(event.data))
        except h11.RemoteProtocolError as exc:
            raise Refused(exc.error_status_hint, f"This is not a usable request: {exc}.") from exc
        except TimeoutError as exc:
            raise Gone from exc
        return b"".join(parts)

    async def answer(self, status: int, headers: Headers, body: bytes, *, last: bool = False) -> None:
        """A whole answer. A request whose body was not read to its end is the connection's last in any case."""
        unread = not self._is_read()
        headers = [*headers, (b"content-length", str(len(body)).encode())]
        if unread or last:
            headers.append((b"connection", b"close"))
        await self._send(h11.Response(status_code=status, headers=headers))
        if body and self._method != b"HEAD":
            await self._send(h11.Data(data=body))
        await self._send(h11.EndOfMessage())
        if unread and not self._wire.they_are_waiting_for_100_continue:
            await self._throw_away()

    async def refuse(self, refused: Refused, *, last: bool = False) -> None:
        """Answers with a sentence, in the shape that clients of the model's API understand."""
        if self._wire.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            raise Gone
        passing = refused.status >= 500
        headers = JSON if passing else [*JSON, (b"x-should-retry", b"false")]
        content = error_body("api_error" if passing else refused.kind, refused.words)
        await self.answer(refused.status, headers, content, last=last)

    async def begin(self, status: int, headers: Headers) -> None:
        """Begins an answer whose length is not known."""
        await self._send(h11.Response(status_code=status, headers=headers))

    async def send(self, data: bytes) -> None:
        await self._send(h11.Data(data=data))

    async def end(self) -> None:
        await self._send(h11.EndOfMessage())

    async def switch(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """Agrees to a CONNECT; from here on the connection is a plain stream. Also returns what came already."""
        if not self._is_read():
            raise Gone
        await self._send(h11.Response(status_code=200, headers=[]))
        early = self._wire.trailing_data[0]
        return self._reader, self._writer, early

    async def while_there(self, work: Coroutine[None, None, T]) -> T:
        """Does the work as long as the other side is there. Raises Gone when it leaves first."""
        task = asyncio.ensure_future(work)
        watch = asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Gone
            return task.result()
        finally:
            watch.cancel()
            task.cancel()
            await asyncio.gather(task, watch, return_exceptions=True)

    async def close(self) -> None:
        """Ends the connection; what was sent is delivered if the other side takes it soon."""
        self._writer.close()
        try:
            async with asyncio.timeout(self._patience.refused):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self.abort()

    def abort(self) -> None:
        """Breaks the connection off, so that a truncated answer cannot be taken for a whole one."""
        self._writer.transport.abort()

    def _is_read(self) -> bool:
        """Whether the request has come to its end; looks no further than what is here."""
        if self._wire.their_state is not h11.SEND_BODY:
            return True
        try:
            return isinstance(self._wire.next_event(), h11.EndOfMessage)
        except h11.RemoteProtocolError:
            return False

    async def _event(self) -> object:
        while True:
            event = self._wire.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._wire.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            await self._receive()

    async def _receive(self) -> None:
        try:
            data = await self._reader.read(CHUNK)
        except OSError as exc:
            raise Gone from exc
        self._ended = self._ended or not data
        self._wire.receive_data(data)

    async def _watch(self) -> None:
        """Returns when the other side has left. Requests that it sends ahead are kept for later, within bounds."""
        try:
            while not self._ended:
                await self._receive()
                if len(self._wire.trailing_data[0]) > HEAD_LIMIT:
                    await asyncio.get_running_loop().create_future()
        except Gone:
            return

    async def _throw_away(self) -> None:
        try:
            async with asyncio.timeout(self._patience.refused):
                left = BODY_LIMIT
                while left > 0 and (data := await self._reader.read(CHUNK)):
                    left -= len(data)
        except (OSError, TimeoutError):
            return

    async def _send(self, event: h11.Event) -> None:
        data = self._wire.send(event)
        if not data:
            return
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._patience.unread):
                await self._writer.drain()
        except (OSError, TimeoutError) as exc:
            raise Gone from exc


JSON: Headers = [(b"content-type", b"application/json")]


def error_body(kind: str, words: str) -> bytes:
    """An error in the shape of the Messages API (https://platform.claude.com/docs/en/api/errors)."""
    return json.dumps({"type": "error", "error": {"type": kind, "message": words}}).encode()


def header(request: h11.Request, name: bytes) -> bytes:
    """The value of a header; joined where it comes several times."""
    return b", ".join(value for key, value in request.headers if key == name)


def _check(request: h11.Request) -> None:
    """Refuses other versions, and requests whose length two readers could see differently."""
    if request.http_version not in (b"1.0", b"1.1"):
        raise Refused(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
    if header(request, b"transfer-encoding"):
        if header(request, b"content-length"):
            raise Refused(400, "A request may not have both a length and a transfer encoding.")
        if request.http_version == b"1.0":
            raise Refused(400, "HTTP/1.0 has no transfer encoding.")
