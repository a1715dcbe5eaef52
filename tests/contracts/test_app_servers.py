"""Apps' own servers in the real sandbox: reached without a network, gone without a trace."""

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from honk.adapters.bubblewrap import Bubblewrap
from honk.domain.app_server import AppServer
from honk.domain.build import Build
from honk.domain.repository import Base, Repository, Sha
from honk.service.app_servers import Servers, Standing, Stands
from honk.testing.fake_code import FakeRepositories
from honk.testing.world import World, world

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

#: It says what it sees; /crash ends it.
SERVE = """
import http.server, os, socket, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            print("a bad day", flush=True)
            os._exit(3)
        out = "no way out"
        try: socket.create_connection(("192.0.2.1", 80), 0.5); out = "a way out"
        except OSError: pass
        said = f"{open('app.py').read()} {os.path.exists('dist/index.html')} {out}".encode()
        self.send_response(200); self.send_header("Content-Length", str(len(said))); self.end_headers()
        self.wfile.write(said)
    def log_message(self, *_): pass
    def address_string(self): return "local"
print("about to listen", flush=True)
"""
ON_PORT = SERVE + 'http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()\n'
ON_SOCKET = (
    SERVE
    + """
import socketserver
class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): pass
Unix(os.environ["HONK_SOCKET"], Handler).serve_forever()
"""
)


@pytest.fixture
async def here(short_tmp: Path) -> AsyncIterator[World]:
    async with world(short_tmp, {"port.py": ON_PORT.encode(), "socket.server": ON_SOCKET.encode()}) as made:
        yield made


class Owned(FakeRepositories):
    """Checks out for the sandbox's user, as the real one does."""

    def __init__(self, here: World, sandboxes: Bubblewrap) -> None:
        super().__init__(here.code)
        self._sandboxes = sandboxes

    async def checkout(self, repository: Repository, base: Base, commit: Sha, into: Path) -> None:
        await super().checkout(repository, base, commit, into)
        self._sandboxes.own(into)


def _servers(here: World, most: int = 1) -> Servers:
    sandboxes = Bubblewrap(here.home)
    ports = replace(here.app.ports, sandboxes=sandboxes, repositories=Owned(here, sandboxes))
    return Servers(ports=ports, most=most, idle=900)


async def _build(here: World, command: str, **about: Any) -> Build:
    task = await here.ask()
    base = Base(branch="main", commit=here.code.branches["main"])
    server = AppServer(command=command, port=8123, output="dist", base=base, **about)
    digest = await here.app.ports.artifacts.put(await _archive())
    return Build(
        id=command[:5], task=task.id, commit=Sha(base.commit), kind="web", digest=digest, size=1, server=server
    )


async def _archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        folder = tarfile.TarInfo("./")
        folder.type = tarfile.DIRTYPE
        folder.mode = 0o755
        tar.addfile(folder)
        file = tarfile.TarInfo("./index.html")
        file.size = 2
        tar.addfile(file, io.BytesIO(b"hi"))
    return out.getvalue()


async def _until(servers: Servers, build: Build, *wanted: Stands) -> Standing:
    with anyio.fail_after(30):
        while (standing := servers.standing(build.id)).stands not in wanted:
            await anyio.sleep(0.01)
    return standing


async def _get(standing: Standing, path: str) -> str:
    transport = httpx.AsyncHTTPTransport(uds=str(standing.socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return (await client.get(path)).text


def _processes(word: str) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        try:
            line = (process / "cmdline").read_bytes() if process.name.isdigit() else b""
        except OSError:
            continue
        if word.encode() in line and process.name != str(os.getpid()):
            found.append(line.decode("utf-8", "replace")[:200])
    return found


async def test_a_server_is_reached_without_a_network_and_leaves_nothing(here: World) -> None:
    servers = _servers(here, most=2)
    build = await _build(here, "exec python3 -S port.py", ready="/healthz")
    async with servers.running():
        assert (await servers.visit(build)).stands is Stands.STARTING
        ready = await _until(servers, build, Stands.READY, Stands.FAILED)
        assert ready.stands is Stands.READY, ready
        assert await _get(ready, "/") == "crash True no way out"
        assert _processes("port.py")
        with pytest.raises(httpx.HTTPError):
            await _get(ready, "/crash")
        failed = await _until(servers, build, Stands.FAILED)
        assert failed.said == "the app's server ended with exit code 3"
        assert failed.log[-2:] == ("about to listen", "a bad day")
        await servers.visit(build)
        await _until(servers, build, Stands.READY)
    assert _processes("port.py") == []
    assert list((here.home / "checkouts").iterdir()) == []
    assert not [one for one in (here.home / "run").glob("box-*")]


async def test_a_server_may_listen_at_a_socket(here: World) -> None:
    servers = _servers(here)
    build = await _build(here, "exec python3 -S socket.server", timeout=30)
    assert build.server is not None
    build = replace(build, server=replace(build.server, port=0, output=""))
    async with servers.running():
        await servers.visit(build)
        ready = await _until(servers, build, Stands.READY, Stands.FAILED)
        assert ready.stands is Stands.READY, ready
        assert await _get(ready, "/") == "crash False no way out"


@pytest.mark.parametrize(
    "command, said",
    [("echo no such thing >&2; exit 7", "exit code 7"), ("echo waiting; exec sleep 60", "within 1 s")],
    ids=["ends", "never-listens"],
)
async def test_one_that_does_not_start_says_why(command: str, said: str, here: World) -> None:
    servers = _servers(here)
    build = await _build(here, command, timeout=1.0 if "sleep" in command else 30.0)
    async with servers.running():
        await servers.visit(build)
        failed = await _until(servers, build, Stands.FAILED)
        assert said in failed.said and failed.log[-1] in {"no such thing", "waiting"}


async def test_ending_the_house_in_the_middle_of_a_start_leaves_nothing(here: World) -> None:
    servers = _servers(here)
    build = await _build(here, "exec sleep 4711")
    async with servers.running():
        await servers.visit(build)
        with anyio.fail_after(30):
            while not _processes("sleep 4711") and not _processes("sleep\x004711"):
                await asyncio.sleep(0.01)
    assert _processes("4711") == []
    assert (await servers.visit(build)).stands is Stands.RESTING
    assert list((here.home / "checkouts").iterdir()) == []
