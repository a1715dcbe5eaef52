"""What Slack sends to the app: over sockets, or as signed requests, again where nobody acknowledged it."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
from aiohttp import web

from honk.testing.fake_slack.workspace import Json

Envelope = Literal["events_api", "interactive", "slash_commands"]
_HOST = "applink-1"


@dataclass(eq=False)
class Delivery:
    """One thing that was sent, with how often and what came back."""

    kind: Envelope
    payload: Json
    retry_reason: str = ""
    #: how often it was sent again
    retries: int = 0
    #: the sockets or statuses that it went to, one for each time
    sent: list[str] = field(default_factory=list)
    acknowledged: bool = False
    #: what the acknowledgement carried
    answer: Json = field(default_factory=dict)
    failed: bool = False

    @property
    def event(self) -> Json:
        """The event in it, empty where it is an interaction."""
        found: Json = self.payload.get("event", {})
        return found

    @property
    def done(self) -> bool:
        """Whether it was acknowledged or given up."""
        return self.acknowledged or self.failed


@dataclass(eq=False)
class Link:
    """One socket of the app."""

    name: str
    socket: web.WebSocketResponse
    waiting: dict[str, Delivery] = field(default_factory=dict)
    #: told to go: it gets nothing new
    leaving: bool = False


class Deliveries:
    """Sends to the app and keeps what was sent. With a `request_url` over HTTP, otherwise over sockets.

    `patience` is how long Slack waits for an acknowledgement, `retry_after` the pauses before events are sent
    again: at once, after a minute and after five, which tests shorten.
    """

    def __init__(self, ring: Callable[[], None], *, secret: str, patience: float, clock: Callable[[], float]) -> None:
        self.request_url = ""
        self._rung = asyncio.Event()
        self.patience = patience
        self.retry_after: tuple[float, ...] = (0.0, 60.0, 300.0)
        self.links: list[Link] = []
        self.tickets: set[str] = set()
        #: everything that was ever sent, oldest first
        self.all: list[Delivery] = []
        #: events that nobody could be given yet
        self.pending: deque[Delivery] = deque()
        self._held: list[Delivery] | None = None
        self._tell = ring
        self._secret = secret
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = 0
        self.http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends every socket and every wait."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in tuple(self.links):
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(link.socket.close(), 1)
        if self.http is not None:
            await self.http.close()

    def send(self, kind: Envelope, payload: Json) -> Delivery:
        """Sends it now, or keeps it while deliveries are held."""
        delivery = Delivery(kind, payload)
        self.all.append(delivery)
        if self._held is not None and kind == "events_api":
            self._held.append(delivery)
        else:
            self._start(delivery)
        self._ring()
        return delivery

    def again(self, delivery: Delivery, *, times: int = 1, reason: str = "timeout") -> None:
        """Sends it once more, as Slack does when an acknowledgement was lost on its way."""
        for _ in range(times):
            delivery.retries += 1
            delivery.retry_reason = reason
            self._start(delivery)

    def _ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()
        self._tell()

    async def _next(self) -> None:
        await self._rung.wait()

    async def finished(self, delivery: Delivery) -> Delivery:
        """The same, once it was acknowledged or given up."""
        while not delivery.done:
            await self._next()
        return delivery

    def hold(self) -> None:
        """From now on events wait for `release`."""
        self._held = []

    def release(self, order: Callable[[list[Delivery]], Iterable[Delivery]] = list) -> None:
        """Sends what was held, in that order: `reversed`, say."""
        held, self._held = self._held or [], None
        for one in order(held):
            self._start(one)

    def _start(self, delivery: Delivery) -> None:
        if self.request_url:
            self._spawn(self._over_http(delivery))
        elif (link := self._next_link()) is not None:
            self._spawn(self._over(link, delivery))
        elif delivery.kind == "events_api":
            self.pending.append(delivery)
        else:
            delivery.failed = True

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # over sockets

    def _next_link(self) -> Link | None:
        ready = [link for link in self.links if not link.leaving and not link.socket.closed]
        self._turn += 1
        return ready[self._turn % len(ready)] if ready else None

    async def _over(self, link: Link, delivery: Delivery) -> None:
        envelope = str(uuid4())
        link.waiting[envelope] = delivery
        delivery.sent.append(link.name)
        words: Json = {
            "envelope_id": envelope,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            words |= {"retry_attempt": delivery.retries, "retry_reason": delivery.retry_reason}
        try:
            await link.socket.send_json(words)
        except (ConnectionError, RuntimeError):
            self._lost(link)
            return
        self._ring()
        await asyncio.sleep(self.patience)
        if link.waiting.pop(envelope, None) is not None:
            self._unacknowledged(delivery)

    def _unacknowledged(self, delivery: Delivery) -> None:
        if delivery.acknowledged:
            return
        if delivery.kind == "events_api" and delivery.retries < len(self.retry_after):
            self.again(delivery)
        else:
            delivery.failed = True
        self._ring()

    def _lost(self, link: Link) -> None:
        """A socket is gone: what it did not acknowledge goes elsewhere."""
        if link in self.links:
            self.links.remove(link)
        waiting, link.waiting = link.waiting, {}
        for delivery in waiting.values():
            self._unacknowledged(delivery)
        self._ring()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One socket, from hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            return web.Response(status=403, text="invalid_ticket")
        self.tickets.remove(ticket)
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        link = Link(name=ticket, socket=socket)
        self.links.append(link)
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self.links),
                "debug_info": {"host": _HOST, "build_number": 10, "approximate_connection_time": 18060},
                "connection_info": {"app_id": request.query.get("app_id", "")},
            }
        )
        while self.pending:
            self._spawn(self._over(link, self.pending.popleft()))
        self._ring()
        try:
            async for said in socket:
                if said.type == aiohttp.WSMsgType.TEXT:
                    self._heard(link, json.loads(said.data))
        finally:
            self._lost(link)
        return socket

    def _heard(self, link: Link, words: Json) -> None:
        delivery = link.waiting.pop(str(words.get("envelope_id")), None)
        if delivery is not None:
            delivery.acknowledged = True
            delivery.answer = words.get("payload") or {}
            self._ring()

    async def disconnect(self, reason: Literal["warning", "refresh_requested", "link_disabled"]) -> None:
        """Tells every socket to go. A warned one stays open; the others are closed, as Slack does soon after."""
        for link in tuple(self.links):
            link.leaving = True
            with contextlib.suppress(ConnectionError, RuntimeError):
                await link.socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": _HOST}})
            if reason != "warning":
                self._spawn(_closed(link.socket))
        self._ring()

    def cut(self) -> None:
        """Breaks every socket without a word."""
        for link in tuple(self.links):
            transport = getattr(link.socket, "_req", None) and link.socket._req.transport  # type: ignore[union-attr]
            if transport is not None:
                transport.abort()
            self._lost(link)

    # over HTTP

    async def post(
        self, body: str, kind: str, headers: dict[str, str] | None = None
    ) -> tuple[int, str, dict[str, str]]:
        """A signed request to the app: status, body and headers of its answer. 0 where there was none."""
        if self.http is None:
            self.http = aiohttp.ClientSession()
        stamp = str(int(self._clock()))
        signed = hmac.new(self._secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        sent = {
            "Content-Type": kind,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={signed}",
            **(headers or {}),
        }
        try:
            limit = aiohttp.ClientTimeout(total=self.patience)
            async with self.http.post(self.request_url, data=body.encode(), headers=sent, timeout=limit) as reply:
                return reply.status, await reply.text(), {key.lower(): value for key, value in reply.headers.items()}
        except (aiohttp.ClientError, TimeoutError) as error:
            return 0, "http_timeout" if isinstance(error, TimeoutError) else "connection_failed", {}

    async def _over_http(self, delivery: Delivery) -> None:
        if delivery.kind == "events_api":
            body, kind = json.dumps(delivery.payload), "application/json"
        elif delivery.kind == "interactive":
            body, kind = urlencode({"payload": json.dumps(delivery.payload)}), "application/x-www-form-urlencoded"
        else:
            body, kind = urlencode(delivery.payload), "application/x-www-form-urlencoded"
        while True:
            headers = {}
            if delivery.retries:
                headers = {"X-Slack-Retry-Num": str(delivery.retries), "X-Slack-Retry-Reason": delivery.retry_reason}
            status, words, back = await self.post(body, kind, headers)
            delivery.sent.append(str(status))
            if status == 200:
                delivery.acknowledged = True
                delivery.answer = _payload(words)
            elif delivery.kind == "events_api" and delivery.retries < len(self.retry_after):
                if back.get("x-slack-no-retry") != "1":
                    await asyncio.sleep(self.retry_after[delivery.retries])
                    delivery.retries += 1
                    delivery.retry_reason = words if status == 0 else "http_error"
                    self._ring()
                    continue
                delivery.failed = True
            else:
                delivery.failed = True
            self._ring()
            return


async def _closed(socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        await socket.close()


def _payload(words: str) -> Json:
    try:
        found = json.loads(words) if words else {}
    except ValueError:
        return {"text": words}
    return found if isinstance(found, dict) else {}
