"""The fake Slack: a workspace behind HTTP and websockets on loopback."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from uuid import uuid4

from aiohttp import web

from honk.testing.fake_slack import methods_chat, methods_conversations, methods_files, methods_views, responses
from honk.testing.fake_slack.app import App
from honk.testing.fake_slack.deliveries import Deliveries
from honk.testing.fake_slack.events import Events
from honk.testing.fake_slack.hands import Hands
from honk.testing.fake_slack.limits import Limits
from honk.testing.fake_slack.people import People
from honk.testing.fake_slack.web_api import Call, Trouble, WebApi
from honk.testing.fake_slack.workspace import (
    Channel,
    Ephemeral,
    File,
    Kind,
    Message,
    Team,
    User,
    View,
    Workspace,
)
from honk.testing.fake_slack.world import Assistant, World

T = TypeVar("T")


class FakeSlack(People, Hands):
    """Serves one workspace with one app while its context is open, at `url`; `api` is the base of its methods.

    It begins with the team `acme`, the people `ada`, `ben` and `cleo`, and the channel `general` with all of
    them and the app. Without `limits` an app may call as often as it likes. `patience` is how long Slack waits
    for an acknowledgement. With a `request_url` events go there, signed; otherwise to the sockets.
    """

    def __init__(
        self,
        *,
        app: App | None = None,
        clock: Callable[[], float] = time.time,
        limits: Limits | None = None,
        patience: float = 3.0,
        request_url: str = "",
        port: int = 0,
    ) -> None:
        self.app = app or App()
        self.space = Workspace(clock)
        self._bell = asyncio.Event()
        self.deliveries = Deliveries(self.ring, secret=self.app.signing_secret, patience=patience, clock=clock)
        self.deliveries.request_url = request_url
        events = Events(self.space, self.app, self.deliveries)
        self.world = World(self.space, self.app, self.deliveries, events, self.ring)
        People.__init__(self, self.world)
        every = (methods_chat, methods_conversations, methods_files, methods_views)
        methods = {name: one for module in every for name, one in module.METHODS.items()}
        self.web_api = WebApi(self.world, methods, limits)
        #: every reading of a file: its id, and whether the content was given out
        self.downloads: list[tuple[str, bool]] = []
        self.url = ""
        self._port = port
        self._runner: web.AppRunner | None = None
        self._furnish()

    def _furnish(self) -> None:
        self.add_team("acme", id=self.app.team)
        app = self.app
        self.space.users[app.user] = User(
            app.user, app.name, app.team, real_name="Honk", is_bot=True, bot_id=app.bot_id, app_id=app.id
        )
        for name, real in (("ada", "Ada Lovelace"), ("ben", "Ben Bitdiddle"), ("cleo", "Cleo Chen")):
            self.add_user(name, real_name=real)
        self.add_channel("general", members=[*self.space.users])

    async def __aenter__(self) -> Self:
        routes = web.Application(client_max_size=1 << 30)
        routes.router.add_route("*", "/api/{method}", self.web_api.handle)
        routes.router.add_get("/link/", self.deliveries.serve)
        routes.router.add_post("/upload/v1/{file}", self._upload)
        routes.router.add_get("/files-pri/{team}-{file}/{name:.+}", self._download)
        routes.router.add_post("/actions/{team}/{name}", self._respond)
        self._runner = web.AppRunner(routes, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.world.url = self.world.events.url = self.url
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        for trouble in self.web_api.troubles:
            if trouble.gate is not None:
                trouble.gate.set()
        await self.deliveries.close()
        await self._runner.cleanup()

    @property
    def api(self) -> str:
        """What a client takes as its base_url."""
        return f"{self.url}/api/"

    def ring(self) -> None:
        """Wakes whoever waits with `until`; called after every change."""
        self._bell.set()
        self._bell = asyncio.Event()

    async def until(self, condition: Callable[[], T], seconds: float = 10.0) -> T:
        """What the condition gives, once that is true; looked at after every change. TimeoutError otherwise."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                await self._bell.wait()
        return found

    # who and what is there

    def add_team(self, name: str, id: str = "") -> Team:
        """Another company, for people of channels that are shared."""
        team = Team(id or f"T0{name.upper()}", name.capitalize(), name)
        self.space.teams[team.id] = team
        return team

    def add_user(self, name: str, *, team: str = "", **more: Any) -> User:
        """A person or a bot; `more` are fields of User. A stranger has the id of another team."""
        user = User(f"U0{name.upper()}", name, team or self.app.team, **{"email": f"{name}@acme.example", **more})
        if user.is_bot and not user.bot_id:
            user.bot_id, user.app_id = f"B0{name.upper()}", f"A0{name.upper()}"
        self.space.users[user.id] = user
        return user

    def add_channel(
        self, name: str, *, members: Sequence[User | str] = (), kind: Kind = "public", app: bool = True, **more: Any
    ) -> Channel:
        """A channel with these people, and the app unless said otherwise. It is shared where they are of two teams."""
        users = [self.space.user(one) for one in members]
        if app:
            users.append(self.space.users[self.app.user])
        channel = Channel(
            id=f"C0{name.upper().replace('-', '')}",
            name=name,
            kind=kind,
            members=list(dict.fromkeys(one.id for one in users)),
            teams=list(dict.fromkeys([self.app.team, *(one.team for one in users)])),
            created=int(self.space.clock()),
            **more,
        )
        self.space.channels[channel.id] = channel
        return channel

    @property
    def mention(self) -> str:
        """How people name the app in a message."""
        return f"<@{self.app.user}>"

    # what can be seen

    def messages(self, channel: Channel | str) -> list[Message]:
        """Every message of a channel, replies too, oldest first."""
        kept = self.space.messages.get(self.space.channel(channel).id, {}).values()
        return sorted((one for one in kept if not one.deleted), key=lambda one: float(one.ts))

    def thread(self, channel: Channel | str, ts: str) -> list[Message]:
        """The messages of a thread, oldest first."""
        return self.space.thread(self.space.channel(channel).id, ts)

    def message(self, channel: Channel | str, ts: str) -> Message:
        """One message, deleted ones too, with all its versions."""
        return self.space.messages[self.space.channel(channel).id][ts]

    def dm(self, user: User | str) -> Channel:
        """A person's direct message with the app."""
        return self.space.direct(self.app.user, self.space.user(user).id)

    def ephemeral(self, user: User | str) -> list[Ephemeral]:
        """What only that person sees, oldest first."""
        who = self.space.user(user).id
        return [one for one in self.space.ephemerals if one.user == who and not one.deleted]

    def views(self, user: User | str) -> list[View]:
        """The open modals of a person, the one in front last."""
        return self.space.modals.get(self.space.user(user).id, [])

    def home(self, user: User | str) -> View | None:
        """What the app's home tab shows to a person."""
        return self.space.homes.get(self.space.user(user).id)

    def reactions(self, channel: Channel | str, ts: str) -> dict[str, list[str]]:
        """Who reacted to a message, by the reaction."""
        return self.message(channel, ts).reactions

    def assistant(self, thread: tuple[str, str]) -> Assistant:
        """What an assistant thread shows beside its messages."""
        return self.world.assistants[thread]

    @property
    def files(self) -> list[File]:
        """Every file, oldest first."""
        return list(self.space.files.values())

    @property
    def calls(self) -> list[Call]:
        """Every call of the Web API, oldest first."""
        return self.web_api.calls

    def calls_of(self, method: str) -> list[Call]:
        """The calls of one method, oldest first."""
        return [one for one in self.calls if one.method == method]

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return len(self.deliveries.links)

    # what goes wrong

    def trouble(self, method: str, **more: Any) -> Trouble:
        """The next calls of a method ("*": of any) go wrong; `more` are fields of Trouble."""
        trouble = Trouble(method, **more)
        self.web_api.troubles.append(trouble)
        return trouble

    def rate_limit(self, method: str, seconds: int, times: int = 1) -> Trouble:
        """The next calls are answered with 429 and Retry-After."""
        return self.trouble(method, times=times, error="ratelimited", status=429, retry_after=seconds)

    def fail(self, method: str, error: str, times: int = 1) -> Trouble:
        """The next calls are refused with that error."""
        return self.trouble(method, times=times, error=error)

    def break_down(self, method: str, times: int = 1) -> Trouble:
        """The next calls are answered with HTTP 500."""
        return self.trouble(method, times=times, status=500)

    def drop(self, method: str, times: int = 1, *, stored: bool = False) -> Trouble:
        """The connection of the next calls breaks: before anything is done, or after, before the answer."""
        return self.trouble(method, times=times, drop=not stored, stored=stored)

    def stall(self, method: str, times: int = 1) -> asyncio.Event:
        """The next calls wait until what is returned is set."""
        gate = asyncio.Event()
        self.trouble(method, times=times, gate=gate)
        return gate

    def lack(self, feature: str, error: str = "unknown_method") -> None:
        """The workspace has no `streaming`, no `assistant`, or not that method."""
        self.app.missing[feature] = error

    def revoke(self) -> None:
        """An admin revokes the app's token."""
        tokens = {"oauth": [], "bot": [self.app.user]}
        self.world.events.emit({"type": "tokens_revoked", "tokens": tokens, "event_ts": self.space.ts()})
        self.app.revoked.add(self.app.bot_token)
        self.ring()

    def uninstall(self) -> None:
        """An admin removes the app from the workspace."""
        self.world.events.emit({"type": "app_uninstalled", "event_ts": self.space.ts()})
        self.app.installed = False
        self.ring()

    def end_stream(self, channel: Channel | str, ts: str) -> None:
        """Slack gives a stream up, as it does after some minutes."""
        self.message(channel, ts).streaming = False

    async def disconnect(
        self, reason: Literal["warning", "refresh_requested", "link_disabled"] = "refresh_requested"
    ) -> None:
        """Slack asks every socket to come again."""
        await self.deliveries.disconnect(reason)

    def cut(self) -> None:
        """Every socket breaks without a word."""
        self.deliveries.cut()

    async def verify_url(self) -> bool:
        """Whether the app answers Slack's url_verification at its request_url."""
        challenge = uuid4().hex
        body = json.dumps({"token": self.app.verification, "challenge": challenge, "type": "url_verification"})
        status, words, _ = await self.deliveries.post(body, "application/json")
        return status == 200 and challenge in words

    async def _upload(self, request: web.Request) -> web.Response:
        return await methods_files.upload(self.world, request)

    async def _download(self, request: web.Request) -> web.Response:
        reply, given = await methods_files.download(self.world, request)
        self.downloads.append((request.match_info["file"], given))
        self.ring()
        return reply

    async def _respond(self, request: web.Request) -> web.Response:
        return await responses.handle(self.world, request)
