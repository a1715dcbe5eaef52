"""A target that deploys by webhook, as a real HTTP server: it takes signed calls, answers questions, and calls back."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import anyio
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from honk.domain.deploy_webhook import signed, why_unsigned
from honk.domain.text import Secret
from honk.ports import Clock

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


@dataclass
class DeployTarget:
    """What a test looks at, and how it lets the target behave."""

    clock: Clock
    #: bodies of the calls that were taken, by the deployment's id
    taken: dict[str, dict[str, str]] = field(default_factory=dict)
    #: how often it was told to deploy, taken or not
    told: list[str] = field(default_factory=list)
    #: how far each has come
    states: dict[str, dict[str, str]] = field(default_factory=dict)
    #: with which it answers a call; and whether it names an address to ask
    status: int = 202
    names_status: bool = True
    #: it breaks once it has taken a call, and answers nothing in good order
    breaks: bool = False
    port: int = 0

    @property
    def url(self) -> str:
        """Where it is told to deploy."""
        return f"http://127.0.0.1:{self.port}/deploy"

    def says(self, deployment: str, state: str, **more: str) -> None:
        """How far it is from now on, for who asks."""
        self.states[deployment] = {"state": state, **more}

    async def calls_back(
        self,
        deployment: str,
        through: httpx.AsyncClient,
        *,
        to: str = "",
        at: datetime | None = None,
        key: Secret = SECRET,
        altered: bytes = b"",
        **said: str,
    ) -> httpx.Response:
        """As it was told to, with exactly these words; `altered` is sent in place of what was signed."""
        body = json.dumps(said).encode()
        headers = signed(f"callback-{deployment}", at or self.clock(), body, key)
        where = to or self.taken[deployment]["callback_url"]
        return await through.post(where, content=altered or body, headers=headers)

    async def _deploy(self, request: Request) -> Response:
        body = await request.body()
        id = request.headers["idempotency-key"]
        self.told.append(id)
        if why := why_unsigned(dict(request.headers), body, SECRET, self.clock()):
            return JSONResponse({"detail": why}, 401)
        if self.status >= 300:
            return JSONResponse({"detail": "not today"}, self.status)
        self.taken.setdefault(id, json.loads(body))
        self.states.setdefault(id, {"state": "running"})
        if self.breaks:
            raise _Broken
        named = {"status_url": f"http://127.0.0.1:{self.port}/deployments/{id}"} if self.names_status else {}
        return JSONResponse(self.states[id] | named, self.status)

    async def _asked(self, request: Request) -> Response:
        if why := why_unsigned(dict(request.headers), b"", SECRET, self.clock()):
            return JSONResponse({"detail": why}, 401)
        found = self.states.get(request.path_params["id"])
        return JSONResponse({"detail": "unknown"}, 404) if found is None else JSONResponse(found)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["DeployTarget"]:
        """It answers while the context is open."""
        routes = [Route("/deploy", self._deploy, methods=["POST"]), Route("/deployments/{id}", self._asked)]
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="critical", lifespan="off"))
        listening = socket.create_server(("127.0.0.1", 0))  # who calls before it serves waits in the kernel
        self.port = listening.getsockname()[1]
        async with anyio.create_task_group() as group:
            group.start_soon(partial(server.serve, sockets=[listening]))
            try:
                yield self
            finally:
                server.should_exit = True


class _Broken(Exception):
    """Nothing is answered in good order."""
