"""The way to other hosts: CONNECT and plain requests, to allowed names only."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import aclosing
from urllib.parse import urlsplit

import h11
import httpx

from honk.adapters.broker.network import Denied, Outside, Target, parse_target
from honk.adapters.broker.notices import Notices, printable
from honk.adapters.broker.wire import CHUNK, Caller, Gone, Headers, Patience, Refused, Shelf, header

#: headers that belong to one connection, and what was meant for a proxy
_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding "
    b"upgrade host content-length expect".split()
)
_TEXT: Headers = [(b"content-type", b"text/plain; charset=utf-8")]
_METHODS = frozenset({b"GET", b"HEAD", b"POST"})


class ProxyRoute:
    """Serves as the sandbox's HTTP proxy."""

    def __init__(self, outside: Outside, notices: Notices, patience: Patience) -> None:
        self._outside = outside
        self._notices = notices
        self._patience = patience
        self._shelf = Shelf()

    async def tunnel(self, caller: Caller, request: h11.Request) -> None:
        """Serves CONNECT: bytes pass unseen in both directions until both have ended. Raises Gone or Refused."""
        if header(request, b"transfer-encoding") or header(request, b"content-length").strip(b"0"):
            raise Refused(400, "CONNECT has no body.")
        name = request.target.decode("ascii", "replace")
        try:
            target = parse_target(name)
            connection = await caller.while_there(self._outside.connect(target))
        except (Denied, ValueError, OSError) as exc:
            await self._sorry(caller, name, exc)
            return
        await self._relay(caller, connection)

    async def plain(self, caller: Caller, request: h11.Request) -> None:
        """Serves a request for `http://host/…`. Raises Gone or Refused."""
        address = request.target.decode("ascii", "replace")
        if request.method not in _METHODS:
            raise Refused(405, "Only GET, HEAD and POST are passed on.")
        with self._shelf.place() as place:
            body = await caller.body(place)
            try:
                target, path = _split(address)
                await caller.while_there(self._pass_on(caller, request, target, path, body))
            except (Denied, ValueError, OSError, httpx.TransportError) as exc:
                await self._sorry(caller, address, exc)

    async def _sorry(self, caller: Caller, name: str, problem: Exception) -> None:
        if isinstance(problem, Denied):
            await self._notices.denied(problem.target, problem.reason)
            words = f"Honk does not let {problem.target} be reached: {problem.reason}."
            await caller.answer(403, _TEXT, f"{words}\n".encode())
        elif isinstance(problem, ValueError):
            await self._notices.denied(name, "this is not a target")
            await caller.answer(403, _TEXT, f"Honk does not let this be reached: {printable(name)}\n".encode())
        else:
            late = isinstance(problem, TimeoutError | httpx.TimeoutException)
            words = f"{printable(name)} cannot be reached: {str(problem) or type(problem).__name__}\n"
            await caller.answer(504 if late else 502, _TEXT, words.encode())

    async def _relay(self, caller: Caller, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        reader, writer = connection
        try:
            inner_reader, inner_writer, early = await caller.switch()
            writer.write(early)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(self._patience.tunnel) as limit:

                def alive() -> None:
                    limit.reschedule(loop.time() + self._patience.tunnel)

                await asyncio.gather(_pump(inner_reader, writer, alive), _pump(reader, inner_writer, alive))
                writer.close()
                await writer.wait_closed()
        except OSError as exc:
            caller.abort()
            raise Gone from exc
        finally:
            writer.transport.abort()

    async def _pass_on(self, caller: Caller, request: h11.Request, target: Target, path: str, body: bytes) -> None:
        address = (await self._outside.addresses(target))[0]
        host = f"[{address}]" if address.version == 6 else str(address)
        headers = [(name, value) for name, value in request.headers if name not in _dropped(request)]
        headers.insert(0, (b"host", str(target).removesuffix(":80").encode()))
        timeout = httpx.Timeout(self._patience.tunnel, connect=self._patience.connect)
        try:
            url = httpx.URL(scheme="http", host=host, port=target.port, raw_path=path.encode("ascii"))
        except httpx.InvalidURL as exc:
            raise ValueError(str(exc)) from exc
        outgoing = httpx.Request(
            request.method.decode("ascii"),
            url,
            headers=headers,
            content=body or None,
            extensions={"timeout": timeout.as_dict()},
        )
        transport = httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)
        async with transport, aclosing(await transport.handle_async_request(outgoing)) as response:
            kept = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in _HOP]
            await caller.begin(response.status_code, kept)
            try:
                async for chunk in response.aiter_raw():
                    await caller.send(chunk)
            except httpx.TransportError as exc:
                caller.abort()
                raise Gone from exc
            await caller.end()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, alive: Callable[[], None]) -> None:
    while data := await reader.read(CHUNK):
        alive()
        writer.write(data)
        await writer.drain()
        alive()
    if writer.can_write_eof():
        writer.write_eof()


def _dropped(request: h11.Request) -> frozenset[bytes]:
    """Headers of this request that end here: the usual ones, and those that it names itself."""
    named = header(request, b"connection").lower().split(b",")
    return _HOP | {name.strip() for name in named}


def _split(address: str) -> tuple[Target, str]:
    """Host and path of an absolute address. Raises ValueError for all but plain http."""
    parts = urlsplit(address)
    if parts.scheme.lower() != "http" or "@" in parts.netloc:
        raise ValueError(f"{address!r} is not a plain http address")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parse_target(parts.netloc, 80), path
