"""The broker: one unix socket a task. The socket is the identity, so nothing inside needs a credential."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import h11

from honk.adapters.broker.budget import Budget
from honk.adapters.broker.ledger import Ledger, Spend
from honk.adapters.broker.model import ModelRoute
from honk.adapters.broker.network import AllowList, NetworkRules, Outside
from honk.adapters.broker.notices import Notices
from honk.adapters.broker.parked import ParkedExit
from honk.adapters.broker.proxy import ProxyRoute
from honk.adapters.broker.sockets import listen
from honk.adapters.broker.telemetry import PATH, Accept, TelemetryRoute
from honk.adapters.broker.upstream import Upstream
from honk.adapters.broker.wire import Caller, Gone, Patience, Refused
from honk.domain.limits import Spending
from honk.errors import SettingsWrong
from honk.ports import Exit, Pass, Tell

#: connections of one exit at a time
CONNECTIONS = 128
#: seconds that closing an exit may take
CLOSING = 10.0

Clock = Callable[[], float]


class SocketBroker:
    """Implements `honk.ports.Broker` with asyncio.

    `run_dir` should be short and is made when needed; `own` gives a socket to the sandbox's user; `clock` counts
    seconds from anywhere.
    """

    def __init__(
        self,
        run_dir: Path,
        upstream: Upstream | None,
        network: NetworkRules,
        *,
        own: Callable[[Path], None],
        patience: Patience | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """Without an upstream no pass may ask for the model."""
        self._run_dir = run_dir
        self._upstream = upstream
        self._network = network
        self._own = own
        self._patience = patience or Patience()
        self._clock = clock
        self._accept: Accept | None = None

    def take_telemetry(self, accept: Accept) -> None:
        """From now on what agents say of themselves is handed to `accept`; without it, it is refused."""
        self._accept = accept

    @asynccontextmanager
    async def open(self, permit: Pass, tell: Tell, spend: Spend) -> AsyncIterator[Exit]:
        """The task's exit while the context is open.

        Afterwards everything that went through it is cut off and the socket is gone. Raises SettingsWrong for a
        host that is none, and on leaving whatever `tell` and `spend` raised.
        """
        behind = self._furnish(permit, tell, spend)
        name = hashlib.sha256(permit.task.encode()).hexdigest()[:12]
        listening, path = listen(self._run_dir, name, self._own)
        server = await asyncio.start_unix_server(behind.accept, sock=listening)
        try:
            yield behind.exit(path)
        finally:
            with anyio.move_on_after(CLOSING, shield=True):
                server.close()
                path.unlink(missing_ok=True)
                await behind.close()
        behind.check()

    @asynccontextmanager
    async def park(self) -> AsyncIterator[ParkedExit]:
        """An exit without a task: nothing passes it before `give`. Afterwards as in `open`."""
        listening, path = listen(self._run_dir, f"parked-{secrets.token_hex(4)}", self._own)
        parked = ParkedExit(path, self._furnish)
        server = await asyncio.start_unix_server(parked.accept, sock=listening)
        try:
            yield parked
        finally:
            with anyio.move_on_after(CLOSING, shield=True):
                server.close()
                path.unlink(missing_ok=True)
                await parked.close()
        parked.check()

    def _furnish(self, permit: Pass, tell: Tell, spend: Spend) -> "_Behind":
        """What stands behind the exit of a task."""
        ledger = Ledger(Budget(permit.limits, permit.spent), spend, tell)
        notices = Notices(tell, self._clock)
        try:
            allowed = AllowList(permit.hosts)
        except ValueError as exc:
            raise SettingsWrong(f"A host that the sandbox may reach is wrong: {exc}.") from exc
        outside = Outside(allowed, self._network, self._patience.connect)
        model = None
        if permit.model and self._upstream is not None:
            model = ModelRoute(self._upstream, ledger, notices, self._patience)
        door = _Door(model, ProxyRoute(outside, notices, self._patience), notices, ledger, self._patience)
        if permit.model and self._accept is not None:
            door.telemetry = TelemetryRoute(permit.task, self._accept, self._clock)
        return _Behind(door, ledger, model)


class _Behind:
    """Implements honk.adapters.broker.parked.Furnished."""

    def __init__(self, door: "_Door", ledger: Ledger, model: ModelRoute | None) -> None:
        self._door = door
        self._ledger = ledger
        self._model = model
        self.accept = door.accept

    def exit(self, socket: Path) -> Exit:
        return SocketExit(socket, self._ledger)

    async def close(self) -> None:
        await self._door.close()
        await self._ledger.close()
        if self._model is not None:
            await self._model.close()

    def check(self) -> None:
        self._ledger.check()


class SocketExit:
    """Implements `honk.ports.Exit`."""

    def __init__(self, socket: Path, ledger: Ledger) -> None:
        self.socket = socket
        self._ledger = ledger

    def spent(self) -> Spending:
        return self._ledger.budget.spent

    def ended_by(self) -> tuple[str, str] | None:
        """Set when a call was refused, not when a limit was merely reached: the agent may have been done by then."""
        return self._ledger.ended


class _Door:
    """Takes the connections of one exit."""

    def __init__(
        self, model: ModelRoute | None, proxy: ProxyRoute, notices: Notices, ledger: Ledger, patience: Patience
    ) -> None:
        self._model = model
        self._proxy = proxy
        self._notices = notices
        self._ledger = ledger
        self._patience = patience
        self._open: set[asyncio.Task[None]] = set()
        self.telemetry: TelemetryRoute | None = None

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves a connection until it ends."""
        full = len(self._open) >= CONNECTIONS
        task = asyncio.ensure_future(self._serve(Caller(reader, writer, self._patience), full=full))
        self._open.add(task)
        task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Cuts every connection off, and waits until each has cleaned up and what it cost is recorded."""
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._ledger.fail(failure)

    async def _serve(self, caller: Caller, *, full: bool) -> None:
        try:
            if full:
                await caller.refuse(Refused(503, f"More than {CONNECTIONS} connections at once."), last=True)
            else:
                while await self._next(caller):
                    pass
            await caller.close()
        except Gone:
            pass
        finally:
            caller.abort()

    async def _next(self, caller: Caller) -> bool:
        """Serves one request; False when none follows."""
        try:
            request = await caller.request()
        except Refused as refused:
            await caller.refuse(refused, last=True)
            return False
        if request is None:
            return False
        try:
            await self._route(caller, request)
        except Refused as refused:
            await caller.refuse(refused)
        return True

    async def _route(self, caller: Caller, request: h11.Request) -> None:
        if request.method == b"CONNECT":
            await self._proxy.tunnel(caller, request)
        elif not request.target.startswith(b"/"):
            await self._proxy.plain(caller, request)
        elif self.telemetry is not None and request.target == PATH:
            await self.telemetry.serve(caller, request)
        elif self._model is not None:
            await self._model.serve(caller, request)
        else:
            await self._notices.denied("the model", "this sandbox may not call the model")
            raise Refused.for_good("This sandbox may not call the model.")
