"""The Slack door as a whole: opened with the server, and closed with it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import anyio
import structlog
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from honk.domain.event import Event
from honk.domain.task import BUSY, State
from honk.domain.text import Secret
from honk.domain.thread import Delivery
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api, Bot
from honk.doors.slack.asking import Asked, Asking
from honk.doors.slack.assistant import Assistant
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.bolt import LOST, bolt_app, of_workspace, shape_of
from honk.doors.slack.commands import Commands
from honk.doors.slack.hearing import Hearing
from honk.doors.slack.home import Home
from honk.doors.slack.keeping import ways
from honk.doors.slack.opening import Opening
from honk.doors.slack.pacing import Pace
from honk.doors.slack.payloads import Command, Interaction, Reaction, Said
from honk.doors.slack.people import People
from honk.doors.slack.presses import Presses
from honk.doors.slack.socket import connected
from honk.doors.slack.submitting import Answer, Submitting
from honk.doors.slack.telling import Telling
from honk.doors.slack.trouble import SlackRefused
from honk.errors import HonkError, Usage, first
from honk.service.intake import Intake, NotKept

_log = structlog.get_logger()

#: A request larger than this is not Slack's.
_BODY = 2 << 20


class SlackDoor:
    """Implements what Bolt's listeners hand on (honk.doors.slack.bolt.Inside)."""

    def __init__(
        self, backstage: Backstage, *, token: Secret, app_token: Secret, signing_secret: Secret, api_url: str
    ) -> None:
        self._stage = backstage
        self._token = token
        self._app_token = app_token
        self._signing_secret = signing_secret
        self._api_url = api_url
        self.bot = Bot(team="", team_name="", user="", bot="", url="", scopes=frozenset())
        self._app: AsyncApp | None = None
        #: true from the moment at which deliveries are taken
        self.open_ = False
        #: what `honk doctor` was told last
        self._noted: str | None = None
        self._listening = False

    # ── opened ─────────────────────────────────────────────────────────────────────────────────
    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Takes deliveries while the context is open. A Slack that cannot be reached is tried until it can."""
        async with aiohttp.ClientSession() as session:
            client = AsyncWebClient(self._token.reveal(), base_url=self._api_url, session=session, retry_handlers=[])
            api = Api(client, Pace())
            async with anyio.create_task_group() as group:
                group.start_soon(self._for_ever, lambda: self._begin(client, api))
                try:
                    yield
                finally:
                    self.open_ = False
                    group.cancel_scope.cancel()

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever goes wrong in it: it is said, and begun again, and the server goes on."""
        while True:
            try:
                await work()
            except HonkError as error:
                _log.error("the Slack door is not open", reason=str(error))
                await self._note(error.message)
            except Exception as error:  # noqa: BLE001 - the boundary of a door: the server goes on
                _log.exception("the Slack door broke down")
                await self._note(f"the door broke down ({type(first(error)).__name__}); the log says more")
            finally:
                self.open_ = False
            await anyio.sleep(self._stage.waits.again)

    async def _begin(self, client: AsyncWebClient, api: Api) -> None:
        """Finds out who this is, then hears and tells for as long as nothing breaks."""
        self.bot = await api.bot()
        api.refused, api.refusal = None, anyio.Event()
        self._furnish(api)
        self._app = bolt_app(client, self._signing_secret.reveal(), self)
        await self._note("")
        async with anyio.create_task_group() as group:
            self._beside = group
            group.start_soon(self._intake.keep)
            group.start_soon(self._telling.keep)
            group.start_soon(self._home.keep)
            group.start_soon(self._guard, api)
            if not self._listening:
                self._stage.listen(self._heard)
                self._listening = True
            self.open_ = True
            if self._stage.choices.mode == "socket":
                group.start_soon(self._socket, self._app)
            _log.info("the Slack door is open", workspace=self.bot.team_name, mode=self._stage.choices.mode)

    def _heard(self, event: Event) -> None:
        if self.open_:
            self._telling.heard(event)
            self._home.heard(event)

    async def _guard(self, api: Api) -> None:
        """Nothing is asked of Slack while it refuses the token; whether it still does is looked at now and then."""
        while True:
            await api.refusal.wait()
            error: HonkError | None = api.refused
            while error is not None:
                _log.error("Slack refuses the token", reason=str(error))
                await self._note(error.message)
                await anyio.sleep(self._stage.waits.again)
                error = await self._still_refused(api)
            api.refused, api.refusal = None, anyio.Event()
            await self._note("")
            self._telling.recovered()

    async def _still_refused(self, api: Api) -> HonkError | None:
        try:
            await api.bot()
        except HonkError as error:
            return error
        return None

    def _furnish(self, api: Api) -> None:
        """Everything within, once it is known who this is."""
        stage, bot = self._stage, self.bot
        self._api = api
        self._assistant = Assistant(stage, api)
        self._telling = Telling(stage, api, self._assistant)
        self._people = People(stage, api, bot)
        asking = Asking(stage, api, bot, self._people, self._telling)
        hearing = Hearing(stage, api, bot, self._people, asking)
        presses = Presses(stage, api, self._people, asking, hearing, self._telling)
        self._home = Home(stage, api, bot, self._people)
        commands = Commands(stage, api, bot, self._people, hearing, self._home)
        handlers = {
            "message": hearing.said,
            "stop": hearing.said,
            "edited": hearing.changed,
            "reaction": hearing.reacted,
            "ask": asking.ask,
            "press": presses.pressed,
            "command": commands.typed,
        }
        self._intake = Intake(ways(stage, handlers, self._gave_up))
        hearing.accept = self._intake.accept
        self._asking, self._hearing = asking, hearing
        self._presses, self._commands = presses, commands
        self._opening = Opening(api, self._people, bot.team)
        self._submitting = Submitting(stage, api, self._people, asking, hearing)

    async def _socket(self, app: AsyncApp) -> None:
        """A socket as long as the door is open; made anew where Slack's own client does not bring it back."""
        while True:
            try:
                await connected(app, self._app_token, self._api_url, self._stage.waits, self._socket_is)
            except Exception as error:  # noqa: BLE001 - a socket that breaks must not end the telling
                _log.warning("the socket to Slack broke", error=repr(error))
                await self._socket_is(False)
                await anyio.sleep(self._stage.waits.ping)

    async def _socket_is(self, there: bool) -> None:
        if self._api.refused is None:
            await self._note("" if there else "there is no socket to Slack: the network, or the app-level token")

    # ── over HTTP ──────────────────────────────────────────────────────────────────────────────
    def routes(self) -> Sequence[BaseRoute]:
        """Where Slack delivers, when it does so over HTTP; verified by Bolt."""
        if self._stage.choices.mode != "http":
            return ()
        return (Route("/slack/events", self._request, methods=["POST"]),)

    async def _request(self, request: Request) -> Response:
        if self._app is None or not self.open_:
            return PlainTextResponse("not yet", status_code=503)
        size = 0
        chunks = []
        async for chunk in request.stream():
            size += len(chunk)
            if size > _BODY:
                return PlainTextResponse("too large", status_code=413)
            chunks.append(chunk)
        request._body = b"".join(chunks)  # what was read is read again by the library
        try:
            return await AsyncSlackRequestHandler(self._app).handle(request)
        except (AttributeError, TypeError, ValueError, LookupError, RecursionError) as error:
            # the library reads what it was given before anybody knows whether it is Slack's
            _log.warning("a request is none of Slack's", error=shape_of(error))
            return PlainTextResponse("not understood", status_code=400)

    # ── what Bolt's listeners hand on ──────────────────────────────────────────────────────────
    async def accept(self, kind: str, id: str, body: str, *, lane: str) -> bool:
        return await self._intake.accept(kind, id, body, lane=lane)

    def kept(self, said: Said) -> None:
        """Whoever asks sees at once that it was heard, before anybody works on it."""
        if self._hearing.begins(said):
            self._beside.start_soon(self._asking.acknowledge, said.channel, said.ts)

    def ours(self, body: dict[str, Any]) -> bool:
        """Of the one workspace; a shared channel delivers under both, and only ours is answered."""
        return of_workspace(body, self.bot)

    def opens(self, interaction: Interaction) -> bool:
        return bool(interaction.actions) and self._opening.opens(interaction.actions[0])

    async def open(self, interaction: Interaction) -> None:
        try:
            with anyio.fail_after(self._stage.waits.answer):
                if interaction.type == "message_action":
                    await self._opening.shortcut(interaction)
                else:
                    await self._opening.pressed(interaction)
        except TimeoutError:
            raise NotKept("a modal") from None
        except SlackRefused as error:
            if error.error != "exchanged_trigger_id":  # otherwise it is open already
                raise
        except Usage as error:
            await self._presses.tell(interaction, error)

    async def submit(self, interaction: Interaction) -> Answer:
        answer = await self._submitting.submitted(interaction)
        self._home.acted(interaction.user.id)
        return answer

    async def offer(self, user: str, typed: str) -> dict[str, Any]:
        try:
            found = await (await self._people.caller(user)).service.repositories(typed, limit=50)
        except HonkError:
            return w.offered(())
        return w.offered((f"{one.name} · {one.address}", one.address) for one in found if len(one.address) <= 150)

    async def home(self, user: str) -> None:
        with suppress(HonkError):
            await self._home.opened(user)

    async def place(self, kind: str, channel: str, user: str) -> None:
        """A channel that is gone is not written to; one that is there again is told what it missed."""
        self._api.forget_channel(channel)
        if kind in LOST:
            if kind == "member_left_channel" and user != self.bot.user:
                return
            await self._lose(channel, LOST[kind])
        elif kind != "member_joined_channel" or user == self.bot.user:
            await self._stage.chats.threads.mend(DOOR, channel)

    async def _lose(self, channel: str, reason: str) -> None:
        for thread in await self._stage.chats.threads.in_channel(DOOR, self.bot.team, channel):
            task = await self._stage.ports.tasks.get(thread.task)
            if thread.broken:
                continue
            if task.state in BUSY | {State.WAITING}:
                self._telling.gone(task.id, reason)
            else:
                await self._stage.chats.threads.change(task.id, DOOR, broken=reason)

    async def revoked(self, kind: str) -> None:
        """Somebody's token was, or the app is gone: whether it is this one's is asked of Slack itself."""
        _log.warning("a token was revoked", kind=kind)
        with suppress(HonkError):
            await self._api.bot()

    async def _note(self, trouble: str) -> None:
        """What `honk doctor` says of the running door."""
        if trouble == self._noted:
            return
        since = self._stage.ports.clock().isoformat() if trouble else ""
        try:
            await self._stage.chats.preferences.write(f"{DOOR}/door", {"trouble": trouble, "since": since})
            self._noted = trouble
        except HonkError as error:
            _log.warning("the state of the Slack door was not noted", reason=str(error))

    async def _gave_up(self, delivery: Delivery, reason: str) -> None:
        """Says to whoever delivered it that it will not be done."""
        words = [w.text(reason[:2900])]
        if delivery.kind == "press":
            await self._presses.tell(Interaction.model_validate_json(delivery.body), Usage(reason))
        elif delivery.kind == "command":
            await self._commands.answer(Command.model_validate_json(delivery.body), reason, words)
        elif delivery.kind == "ask":
            asked = Asked.model_validate_json(delivery.body)
            thread = asked.root if asked.root != asked.ts else ""
            await self._api.whisper(asked.channel, asked.user, w.notice(reason), words, thread=thread)
        elif delivery.kind in {"message", "stop"}:
            said = Said.model_validate_json(delivery.body)
            await self._api.whisper(said.channel, said.user, w.notice(reason), words, thread=said.thread_ts)
        elif delivery.kind == "reaction":
            reaction = Reaction.model_validate_json(delivery.body)
            await self._api.whisper(reaction.item.channel, reaction.user, w.notice(reason), words)
