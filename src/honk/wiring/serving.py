"""One server on one socket: the API, the pages, previews and live versions, and what operators ask for.

Each part gives its routes; this module knows all of them and nothing of what they answer. The order says who
wins where two would answer: operators' routes, the API, the pages, then what agents made.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from honk.adapters.pages import Addresses
from honk.adapters.pool import WarmPool
from honk.app import App
from honk.domain.access import Scope
from honk.domain.person import Person
from honk.domain.rules import Rules
from honk.doors.web.app_proxy import Apps
from honk.doors.web.preview_places import PreviewHosts
from honk.doors.web.previews import preview_app
from honk.doors.web.pwa import OneWorker
from honk.doors.web.reach import nonce_route
from honk.errors import HonkError
from honk.ports import Chats
from honk.service import Feed, Local
from honk.service.app_servers import Servers
from honk.service.entering import Entering
from honk.service.linking import Linking
from honk.settings import Settings
from honk.wiring.watching import Watch, is_local

if TYPE_CHECKING:
    from honk.doors.github import GithubDoor
    from honk.doors.gitlab import GitlabDoor
    from honk.doors.slack import SlackDoor
    from honk.doors.web.device_page import DevicePage
    from honk.doors.web.github_page import Accounts, GithubPage
    from honk.doors.web.notices_page import Noticing
    from honk.doors.web.overview import Known
    from honk.doors.web.signing_in import Sessions

#: seconds that a request under way has when the server ends
_PATIENCE = 1


class Host(Protocol):
    """The opened Honk, as far as a site needs it."""

    settings: Settings
    app: App
    addresses: Addresses
    feed: Feed
    watch: Watch
    linking: Linking
    chats: Chats

    @property
    def rules(self) -> Callable[[], Rules]:
        """Gives the policy as it is now."""
        ...

    @property
    def entering(self) -> Entering:
        """Says who a browser belongs to."""
        ...

    @property
    def slack(self) -> "SlackDoor | None":
        """The door in Slack, where there is one."""
        ...

    @property
    def github(self) -> "GithubDoor | None":
        """The door at GitHub, where there is one."""
        ...

    @property
    def gitlab(self) -> "GitlabDoor | None":
        """What GitLab tells, where it may."""
        ...

    @property
    def accounts(self) -> "Accounts | None":
        """People's own accounts at GitHub, where Honk can act for people."""
        ...

    @property
    def noticing(self) -> "Noticing":
        """How people are told who look at no page."""
        ...

    @property
    def home(self) -> Path:
        """HONK_HOME."""
        ...

    def service_for(self, person: Person, scopes: frozenset[Scope]) -> Local:
        """What that person may ask of this Honk."""
        ...


class Site:
    """What is served. `closing` is true from the moment at which the server is told to end."""

    def __init__(self, house: Host) -> None:
        self.house = house
        self.closing = False
        previews = house.settings.file.previews
        #: the apps' own servers, while people look at them
        self.servers = Servers(ports=house.app.ports, most=previews.servers, idle=previews.idle_minutes * 60)
        #: the address that is listened on
        self.host = ""

    def app(self, extra: Sequence[BaseRoute] = ()) -> ASGIApp:
        """The one ASGI application."""
        ports, file = self.house.app.ports, self.house.settings.file
        secure = (file.previews.url or file.public_url).startswith("https:")
        apps = Apps(servers=self.servers, find_build=ports.records.find_build, secure=secure)
        previews = preview_app(self.house.addresses, ports.artifacts.path, self._live, apps)
        routes = [*self._reach(), *self._ops(), *self._api(), *self._told(), *self._pages(), *previews.routes, *extra]
        site = Starlette(routes=routes, exception_handlers={404: _nowhere}, middleware=[Middleware(OneWorker)])
        # Such redirects are made of the Host header, which anybody can choose.
        site.router.redirect_slashes = False
        hosts = file.previews.url.partition("://*")[2].partition(":")[0]
        return PreviewHosts(site=site, previews=previews, hosts=hosts) if hosts else site

    def _reach(self) -> Sequence[BaseRoute]:
        """/healthz?nonce=…, by which `honk doctor` knows this server from others."""
        return (nonce_route(self.house.addresses.answer),)

    def _ops(self) -> Sequence[BaseRoute]:
        """/healthz, /readyz, /metrics."""
        self.house.watch.followers = lambda: self.house.feed.followers
        pool = self.house.app.ports.pool
        if isinstance(pool, WarmPool):
            self.house.watch.warm_agents = lambda: pool.waiting
        local = is_local(self.host, self.house.settings.file.public_url)
        return self.house.watch.routes(self.house.app.ports.tokens, closing=lambda: self.closing, local=local)

    def _api(self) -> Sequence[BaseRoute]:
        """/api/v1/…"""
        from honk.doors.api import PREFIX, Backstage, api

        backstage = Backstage(
            tokens=self.house.app.ports.tokens,
            service=lambda access: self.house.service_for(access.person, access.scopes).with_token(access),
            closing=lambda: self.closing,
        )
        return (Mount(PREFIX, api(backstage)),)

    def _told(self) -> Sequence[BaseRoute]:
        """/slack/events, /github/events, /gitlab/events, /webhooks/deployments/…: what others deliver over HTTP."""
        from honk.doors.targets import TargetDoor

        ports = self.house.app.ports
        targets = TargetDoor(
            ports.webhook_calls,
            ports.clock,
            seal=self.house.addresses.seal,
            secret=self.house.settings.file.webhooks.secret,
            look=self.house.app.look,
        )
        doors = (self.house.slack, self.house.github, self.house.gitlab)
        return [*targets.routes(), *(route for door in doors if door is not None for route in door.routes())]

    def _pages(self) -> Sequence[BaseRoute]:
        """/, /tasks/…, /builds/…, /sign-in, and the overviews."""
        from honk.doors.web.attempts import Attempts
        from honk.doors.web.install_page import InstallPage
        from honk.doors.web.pages import Hall, pages
        from honk.doors.web.signing_in import Sessions

        ports, entering = self.house.app.ports, self.house.entering
        sessions = Sessions(
            tokens=ports.tokens,
            entrance=entering.entrance,
            attempts=Attempts(clock=ports.clock),
            clock=ports.clock,
            secure=self.house.settings.file.public_url.startswith("https:"),
            providers=tuple((one.name, one.title) for one in entering.providers.values()),
            passkeys_at=entering.authenticators.origin,
        )
        return pages(
            Hall(
                sessions=sessions,
                service=lambda access: self.house.service_for(access.person, access.scopes),
                linking=self.house.linking,
                entering=entering,
                address=ports.previews.page,
                closing=lambda: self.closing,
                known=self._known(),
                github=self._github_page(sessions),
                install=InstallPage(ports=ports, devices=self._devices(sessions)),
                servers=self.servers,
            )
        )

    def _devices(self, sessions: "Sessions") -> "DevicePage":
        """What tells whether an iPhone is in a build's profile."""
        from honk.doors.web.device_page import DevicePage

        key = self.house.addresses.derived("device")
        return DevicePage(ports=self.house.app.ports, sessions=sessions, key=key)

    def _known(self) -> "Known":
        """What pages show besides what the service answers."""
        from honk.doors.web.overview import Known
        from honk.wiring.shown_settings import shown_settings

        house = self.house
        return Known(
            preferences=house.chats.preferences,
            rules=house.rules,
            settings=lambda: shown_settings(house.settings),
            noticing=house.noticing,
        )

    def _github_page(self, sessions: "Sessions") -> "GithubPage | None":
        """Where people let Honk act in their name."""
        from honk.doors.web.github_page import GithubPage

        if (accounts := self.house.accounts) is None:
            return None
        ports, addresses = self.house.app.ports, self.house.addresses
        return GithubPage(
            sessions=sessions, accounts=accounts, sign=addresses.sign, clock=ports.clock, address=ports.previews.page
        )

    def _live(self, id: str) -> Path | None:
        repository, _, environment = id.partition(".")
        folder = self.house.home / "production" / repository / environment / "current"
        return folder if folder.is_dir() else None


async def _nowhere(request: Request, _: Exception) -> Response:
    from honk.doors.web.pages import nowhere

    return nowhere(request)


@asynccontextmanager
async def served(site: Site, listener: socket.socket, extra: Sequence[BaseRoute] = ()) -> AsyncIterator[None]:
    """Serves the site on a socket that listens already; on leaving, what is under way has a second."""
    import uvicorn  # only who serves pays for it

    from honk.doors.web.app_sockets import MESSAGE_LIMIT

    site.host = listener.getsockname()[0]
    config = uvicorn.Config(
        site.app(extra),
        log_config=None,
        access_log=False,
        lifespan="off",
        proxy_headers=False,
        timeout_graceful_shutdown=_PATIENCE,
        ws_max_size=MESSAGE_LIMIT,
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    # Signals are for whoever serves; uvicorn would take them, and raise them again when it has ended.
    server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        async with site.servers.running():
            yield
    finally:
        site.closing = True
        site.house.feed.close()
        server.should_exit = True
        await running


@contextmanager
def listening(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """A socket that listens, and the origin under which it is reached from this machine."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as exc:
        raise HonkError(f"cannot listen on {host}:{port}: {exc.strerror}", "choose another --port") from exc
    with listener:
        # Head and body of an answer are written apart: a kept connection would wait 40 ms for the second one.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setblocking(False)
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        yield listener, f"http://{shown}:{listener.getsockname()[1]}"
