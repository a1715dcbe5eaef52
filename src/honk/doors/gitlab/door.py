"""POST /gitlab/events: checked by its token, kept, acknowledged, then looked into."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.domain.thread import Delivery
from honk.doors.gitlab.events import Event, branch_of, task_of
from honk.ports import Clock, Deliveries
from honk.service.intake import Intake, NotKept, Ways

DOOR = "gitlab"
PATH = "/gitlab/events"
Look = Callable[[TaskId], Awaitable[object]]

_LOOK = "look"
#: bytes of an event; those of pipelines with many jobs are large
_LIMIT = 5_000_000
#: GitLab sends an event again under the same key, and each of them under a name of its own:
#: https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers
_NAMES = ("Idempotency-Key", "webhook-id", "X-Gitlab-Event-UUID")
#: GitLab waits for 10 seconds, and stops calling after some failures
_ANSWER = 5.0


class GitlabDoor:
    """Open within `opened`. An event says where to look, and nothing else of it counts: see `honk.doors.gitlab`."""

    def __init__(self, token: Secret, deliveries: Deliveries, clock: Clock, look: Look) -> None:
        self._token = token
        self._look = look
        self._intake = Intake(
            Ways(
                door=DOOR,
                called="GitLab",
                deliveries=deliveries,
                clock=clock,
                handlers={_LOOK: self._handle},
                gave_up=_nobody,
                words=str,
                answer=_ANSWER,
                look=30.0,
                later=10.0,
                rest=600.0,
            )
        )

    def routes(self) -> Sequence[BaseRoute]:
        """What the server answers below its origin."""
        return (Route(PATH, self._receive, methods=["POST"]),)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Works on what was delivered, also before the last restart."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._intake.keep)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    async def _receive(self, request: Request) -> Response:
        shown = request.headers.get("X-Gitlab-Token", "")
        if not self._token or not hmac.compare_digest(shown.encode(), self._token.reveal().encode()):
            return PlainTextResponse("the secret token is another one\n", status_code=401)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > _LIMIT:
                return PlainTextResponse("too large\n", status_code=413)
        try:
            branch = branch_of(Event.model_validate_json(bytes(body)))
        except ValidationError:
            return PlainTextResponse("not an event\n", status_code=400)
        task = task_of(branch)
        if task is None:
            return PlainTextResponse("not about Honk\n")
        try:
            await self._intake.accept(_LOOK, _name(request, bytes(body)), task, lane=f"{DOOR}/{task}")
        except NotKept:
            return PlainTextResponse("not kept, send it again\n", status_code=503)
        return PlainTextResponse("kept\n")

    async def _handle(self, delivery: Delivery) -> None:
        await self._look(TaskId(delivery.body))


def _name(request: Request, body: bytes) -> str:
    """What makes a second delivery of the same event recognisable."""
    named = next((request.headers[one] for one in _NAMES if request.headers.get(one)), "")
    digest = hashlib.sha256(named.encode() + b"\n" + body)
    return f"{DOOR}/{digest.hexdigest()}"


async def _nobody(_: Delivery, __: str) -> None:
    """Nobody waits for an answer to an event."""
