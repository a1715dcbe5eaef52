"""The door at GitHub as a whole: opened with the server, and closed with it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from honk.domain.discussion import Hint, HintKind
from honk.domain.event import Event
from honk.domain.text import Secret
from honk.domain.thread import Delivery
from honk.doors.github.asking import Asking
from honk.doors.github.backstage import DOOR, Backstage
from honk.doors.github.commands import Commands
from honk.doors.github.context import Context
from honk.doors.github.hearing import Hearing
from honk.doors.github.inside import Inside
from honk.doors.github.names import lane_of, packed
from honk.doors.github.noticing import Noticing
from honk.doors.github.noting import Noting
from honk.doors.github.people import People
from honk.doors.github.places import Places
from honk.doors.github.plain_words import said_of
from honk.doors.github.polling import Polling
from honk.doors.github.rerunning import Rerunning
from honk.doors.github.reviewing import Reviewing
from honk.doors.github.saying import Saying
from honk.doors.github.telling import Telling
from honk.doors.github.webhooks import Webhooks
from honk.errors import HonkError, first
from honk.ports import Discussions
from honk.service.intake import Handler, Intake, Ways

_log = structlog.get_logger()

#: What people say; it does not wait for checks that are looked at.
_TALK = frozenset({HintKind.REMARK, HintKind.REVIEW, HintKind.ISSUE, HintKind.LABELLED})


class GithubDoor:
    """Hears, and tells, while it is open."""

    def __init__(self, backstage: Backstage, discussions: Discussions, webhook_secret: Secret) -> None:
        self._stage = backstage
        self._secret = webhook_secret
        places = Places(backstage, discussions)
        people = People(backstage, discussions)
        self._saying = Saying(backstage, discussions)
        self._telling = Telling(backstage, discussions, places)
        asking = Asking(backstage, people, Context(backstage, discussions), self._telling)
        commands = Commands(backstage, people)
        inside = Inside(
            stage=backstage,
            discussions=discussions,
            places=places,
            people=people,
            saying=self._saying,
            keep=self._keep,
        )
        self._hearing = Hearing(inside, asking, commands)
        reviewing = Reviewing(inside, asking, self._hearing)
        noticing = Noticing(inside, self._telling)
        handlers: dict[str, Handler] = {
            HintKind.REMARK: self._hearing.remark,
            HintKind.ISSUE: self._hearing.issue,
            HintKind.LABELLED: self._hearing.labelled,
            HintKind.REVIEW: reviewing.review,
            HintKind.PULL_REQUEST: noticing.pull_request,
            HintKind.CHECKS: noticing.checks,
            HintKind.RERUN: Rerunning(inside).rerun,
            HintKind.QUEUE: noticing.queue,
            HintKind.PUSH: noticing.push,
            HintKind.DEPLOYMENT: noticing.deployment,
            HintKind.REPOSITORY: noticing.repository,
        }
        self._intake = Intake(self._ways(handlers))
        self._noting = Noting(backstage)
        self._polling = Polling(backstage, discussions, places, self._keep, self._noting)
        self._webhooks = Webhooks(webhook_secret, self._keep)
        #: true from the moment at which deliveries are taken
        self.open_ = False
        self._listening = False

    def _ways(self, handlers: dict[str, Handler]) -> Ways:
        stage = self._stage
        return Ways(
            door=DOOR,
            called="GitHub",
            deliveries=stage.chats.deliveries,
            clock=stage.ports.clock,
            handlers=handlers,
            gave_up=self._gave_up,
            words=lambda error: said_of(error, stage.choices.name),
            quick=_TALK,
            answer=stage.waits.answer,
            look=stage.waits.look,
            later=stage.waits.later,
            rest=stage.waits.rest,
        )

    # ── opened ─────────────────────────────────────────────────────────────────────────────────
    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Takes deliveries, asks for news and tells while the context is open."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._for_ever)
            try:
                yield
            finally:
                self.open_ = False
                group.cancel_scope.cancel()

    async def _for_ever(self) -> None:
        """Whatever goes wrong in it: it is said, and begun again, and the server goes on."""
        if not self._listening:
            self._stage.listen(self._heard)
            self._listening = True
        await self._noting.trouble("")
        while True:
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._intake.keep)
                    group.start_soon(self._telling.keep)
                    group.start_soon(self._polling.keep)
                    self.open_ = True
            except Exception as error:  # noqa: BLE001 - the boundary of a door: the server goes on
                _log.exception("the door at GitHub broke down", error=repr(first(error)))
                await self._noting.trouble("the door at GitHub broke down: see the server's output")
            finally:
                self.open_ = False
            await anyio.sleep(self._stage.waits.again)

    def _heard(self, event: Event) -> None:
        if self.open_:
            self._telling.heard(event)

    # ── over HTTP ──────────────────────────────────────────────────────────────────────────────
    def routes(self) -> Sequence[BaseRoute]:
        """Where GitHub delivers; nowhere without the secret by which its deliveries are known."""
        return (Route("/github/events", self._request, methods=["POST"]),) if self._secret else ()

    async def _request(self, request: Request) -> Response:
        if not self.open_:
            return PlainTextResponse("not yet", status_code=503)
        return await self._webhooks.take(request)

    async def _keep(self, hint: Hint, id: str) -> None:
        await self._intake.accept(hint.kind, id, packed(hint), lane=lane_of(hint))

    async def _gave_up(self, delivery: Delivery, reason: str) -> None:
        """Says so where it was found to be for Honk; of everything else nobody needs to hear."""
        spot = self._hearing.addressed.pop(delivery.id, None)
        if spot is None:
            return
        try:
            await self._saying.answer(spot, reason)
        except HonkError as error:
            _log.warning("nobody could be told", id=delivery.id, reason=error.message)
