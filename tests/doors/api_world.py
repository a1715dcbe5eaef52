"""The API on the world of fakes, served on a real socket, and both ways to ask it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from honk.domain.access import Scope
from honk.domain.limits import Limits
from honk.domain.person import Person
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Named
from honk.domain.text import Secret
from honk.doors.api import PREFIX, Backstage, api
from honk.doors.cli.remote import Remote, open_remote
from honk.ports import Access
from honk.service import Defaults, Diagnosis, Feed, Local
from honk.testing.world import World, world

EVERYTHING = frozenset(Scope)


@dataclass(kw_only=True)
class ApiWorld:
    """A world with a door. `closing` is what the server says of itself."""

    world: World
    feed: Feed
    ada: Person
    url: str = ""
    closing: bool = False
    #: seconds for which it waits for more of an upload
    silence: float = 20.0
    #: what honk.toml lists
    listed: tuple[Named, ...] = ()

    def local(self, person: Person, scopes: frozenset[Scope] = EVERYTHING) -> Local:
        """The service in this process."""
        return Local(
            app=self.world.app,
            feed=self.feed,
            person=person,
            scopes=scopes,
            defaults=Defaults(limits=Limits(usd=3.0), model="", merge=MergeMethod.MERGE),
            alone=lambda: nullcontext(False),
            doctor=self._doctor,
            listed=lambda: self.listed,
        )

    async def _doctor(self) -> tuple[Diagnosis, ...]:
        return (Diagnosis(name="walls", ok=True), Diagnosis(name="key", ok=False, remedy="set it", required=False))

    async def token(self, *scopes: Scope, person: Person | None = None) -> str:
        """A token of that person, Ada if nobody is named, for these scopes or all."""
        issued = await self.world.store.tokens.issue(
            (person or self.ada).id, "test", frozenset(scopes) if scopes else EVERYTHING
        )
        return issued.secret.reveal()

    @asynccontextmanager
    async def client(self, *scopes: Scope, person: Person | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A program with a token."""
        headers = {"Authorization": f"Bearer {await self.token(*scopes, person=person)}"}
        async with httpx.AsyncClient(base_url=self.url + PREFIX, headers=headers, trust_env=False) as client:
            yield client

    @asynccontextmanager
    async def remote(self, *scopes: Scope, person: Person | None = None) -> AsyncIterator[Remote]:
        """The command line's way."""
        async with open_remote(self.url, Secret(await self.token(*scopes, person=person))) as house:
            yield house.service


@asynccontextmanager
async def api_world(
    home: Path, *, heartbeat: float = 15.0, buffer: int = 1024, port: int = 0
) -> AsyncIterator[ApiWorld]:
    """Served on loopback, with a worker at work."""
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(world(home))
        feed = Feed(made.store.events, heartbeat=heartbeat, buffer=buffer)
        made.store.listen(feed.heard)
        await stack.enter_async_context(feed.running())
        await stack.enter_async_context(made.working())
        door = ApiWorld(world=made, feed=feed, ada=await made.person())
        backstage = Backstage(
            tokens=made.store.tokens,
            service=lambda access: door.local(access.person, access.scopes).with_token(access),
            closing=lambda: door.closing,
            silence=lambda: door.silence,
        )
        door.url = await stack.enter_async_context(
            served(Starlette(routes=[Mount(PREFIX, api(backstage))]), port, feed)
        )
        yield door


@asynccontextmanager
async def served(app: Starlette, port: int, feed: Feed) -> AsyncIterator[str]:
    """The application on loopback."""
    listener = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    )
    server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        feed.close()
        server.should_exit = True
        await running
        listener.close()


def access(person: Person) -> Access:
    """What a token of everything gives."""
    return Access(person=person, scopes=EVERYTHING, token="t")


@dataclass(frozen=True)
class Frame:
    """One event of a stream."""

    id: str
    data: dict[str, Any]


async def frames(lines: AsyncIterator[str]) -> AsyncIterator[Frame | str]:
    """Events, and comments and retries as they stand."""
    id = ""
    async for line in lines:
        if line.startswith("id: "):
            id = line[4:]
        elif line.startswith("data: "):
            yield Frame(id, json.loads(line[6:]))
        elif line:
            yield line
