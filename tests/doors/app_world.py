"""Previews of apps' own servers: a real server in front, a real app behind a socket, and no sandbox between them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import anyio
import httpx
import uvicorn
from starlette.types import ASGIApp

from honk.adapters.pages import Addresses
from honk.domain.app_server import AppServer
from honk.domain.build import Build
from honk.domain.repository import Base, Sha
from honk.domain.task import TaskId
from honk.doors.web.app_proxy import Apps
from honk.doors.web.preview_places import PreviewHosts
from honk.doors.web.previews import preview_app
from honk.service.app_servers import Servers
from honk.testing.world import World, world
from honk.wiring.serving import listening

#: as a browser opens a page; over plain http it says less
VISIT = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html,*/*"}
SERVER = AppServer(command="serve", port=8000, base=Base(branch="main", commit=Sha("b" * 40)))


def build_of(id: str = "b1", task: str = "t1", **about: Any) -> Build:
    given = {"commit": Sha("a" * 40), "kind": "web", "digest": "c" * 64, "size": 1, "server": SERVER, **about}
    return Build(id=id, task=TaskId(task), **given)


@dataclass
class Runs:
    """Stands in for sandboxes: a server is the socket that the test has, until the test ends it."""

    sockets: dict[str, Path] = field(default_factory=dict)
    #: by build: what ends it, with which error
    ends: dict[str, "asyncio.Future[None]"] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def __call__(
        self, build: Build, *, ports: object, tell: Callable[[str], None], ready: Callable[[Path], None]
    ) -> None:
        self.begun.append(build.id)
        self.ends[build.id] = asyncio.get_running_loop().create_future()
        try:
            if (socket := self.sockets.get(build.id)) is not None:
                ready(socket)
            else:
                tell("its files are being fetched")
            await self.ends[build.id]
        finally:
            self.ended.append(build.id)


@dataclass
class AppSite:
    """Everything, with a client that is a browser."""

    world: World
    addresses: Addresses
    servers: Servers
    runs: Runs
    builds: dict[str, Build]
    client: httpx.AsyncClient
    port: int
    #: of the servers' clock
    seconds: list[float]

    def path(self, kind: str = "app", build: str = "b1") -> str:
        return self.addresses.path(kind, build)

    async def opened(self, build: str = "b1", kind: str = "app") -> str:
        """The path of a preview whose server runs."""
        path = self.path(kind, build)
        await self.client.get(path, headers=VISIT)
        await self.until(lambda: self.servers.standing(build).socket is not None)
        return path

    async def until(self, true: Callable[[], object]) -> None:
        with anyio.fail_after(10):
            while not true():
                await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def app_site(home: Path, *, hosts: str = "") -> AsyncIterator[AppSite]:
    """Nothing runs yet. `hosts` is such as ".previews.example": each preview has a host of its own then."""
    async with world(home) as here:
        builds = {"b1": build_of()}
        runs, seconds = Runs(), [1000.0]
        servers = Servers(ports=here.app.ports, most=2, idle=900.0, now=lambda: seconds[0], runs=runs)

        async def find(id: str) -> Build | None:
            return builds.get(id)

        addresses = Addresses(home)
        previews = preview_app(
            addresses, here.app.ports.artifacts.path, lambda _: None, Apps(servers=servers, find_build=find)
        )
        app: ASGIApp = PreviewHosts(site=previews, previews=previews, hosts=hosts) if hosts else previews
        async with servers.running(), _served(app) as (origin, port), httpx.AsyncClient(base_url=origin) as client:
            yield AppSite(here, addresses, servers, runs, builds, client, port, seconds)


@asynccontextmanager
async def _served(app: ASGIApp) -> AsyncIterator[tuple[str, int]]:
    with listening("127.0.0.1", 0) as (listener, origin):
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
        running = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            yield origin, listener.getsockname()[1]
        finally:
            server.should_exit = True
            await running


class _OnSocket(ThreadingHTTPServer):
    address_family = UnixStreamServer.address_family
    daemon_threads = True

    def server_bind(self) -> None:
        UnixStreamServer.server_bind(self)  # type: ignore[arg-type]
        self.server_name, self.server_port = "localhost", 0


@contextmanager
def stdlib_app(socket: Path, answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[None]:
    """An app of the standard library's, at a socket."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_GET

        def address_string(self) -> str:
            return "local"

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = _OnSocket(str(socket), Handler)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
