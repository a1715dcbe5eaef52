"""An opened Honk: every port with its vendor, as the settings say."""

import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.routing import Route

from honk.adapters.broker import Poster
from honk.adapters.broker.sockets import sweep
from honk.adapters.dbos import DbosJournal
from honk.adapters.pages import Addresses
from honk.adapters.passkeys import WebAuthn
from honk.adapters.roles import RolesPolicy
from honk.adapters.sql import SqlStore
from honk.adapters.telemetry import WatchedJournal
from honk.app import App
from honk.domain.access import Scope
from honk.domain.limits import Limits
from honk.domain.person import Identity, IdentityKind, Person
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Named
from honk.domain.rules import Rules
from honk.domain.task import Task, TaskId
from honk.ports import Agent, Chats
from honk.service import Defaults, Feed, Local, Service
from honk.service.entering import Entering
from honk.service.linking import Linking
from honk.settings import Settings
from honk.settings.live import Live
from honk.wiring.agents import agents_of
from honk.wiring.leftovers import clearing
from honk.wiring.locking import WorkerLock
from honk.wiring.outside import Outside, outside_of
from honk.wiring.place import make_home, place_of
from honk.wiring.ports import ports_of
from honk.wiring.readiness import kept
from honk.wiring.retention import Retention
from honk.wiring.serving import Site, listening, served
from honk.wiring.watching import Watch
from honk.worker import Worker

if TYPE_CHECKING:
    from honk.adapters.github.users import UserTokens
    from honk.doors.github import GithubDoor
    from honk.doors.gitlab import GitlabDoor
    from honk.doors.notices import NoticesDoor
    from honk.doors.slack import SlackDoor
    from honk.doors.web.github_page import Accounts
    from honk.doors.web.notices_page import Noticing


@dataclass(kw_only=True)
class OpenHonk:
    """Implements honk.doors.cli.house.House: store, journal and ports of one process."""

    settings: Settings
    app: App
    person: Person
    addresses: Addresses
    feed: Feed
    watch: Watch
    retention: Retention
    store: SqlStore
    chats: Chats
    linking: Linking
    #: the forges in which Honk has an account of its own
    outside: Outside
    #: posts to addresses of the outside
    poster: Poster
    #: people's own tokens at GitHub; None where Honk is not there
    users: "UserTokens | None" = None
    #: the repositories of honk.toml, as it is now
    listed: Callable[[], tuple[Named, ...]]
    #: the policy of honk.toml, as it is now
    rules: Callable[[], Rules]
    sites: list[Site] = field(default_factory=list)

    @cached_property
    def lock(self) -> WorkerLock:
        """Held by whoever does the work."""
        return WorkerLock(self.home, self.settings.database)

    @cached_property
    def entering(self) -> Entering:
        """Says who a browser belongs to."""
        from honk.wiring.entrance import providers_of  # only who serves pays for it

        addresses = self.addresses
        return Entering(
            entrance=self.store.entrance,
            app=self.app,
            linking=self.linking,
            authenticators=WebAuthn(addresses.public_url, addresses.served_at),
            providers=providers_of(self.settings),
        )

    @cached_property
    def slack(self) -> "SlackDoor | None":
        """The door in Slack; None without tokens for it."""
        if not self.settings.has_slack:
            return None
        from honk.wiring.slack import slack_door  # only who is there pays for its libraries

        return slack_door(self)

    @cached_property
    def github(self) -> "GithubDoor | None":
        """The door at GitHub; None where Honk is not there."""
        if self.outside.github is None:
            return None
        from honk.wiring.github import github_door

        return github_door(self, self.outside.github)

    @cached_property
    def gitlab(self) -> "GitlabDoor | None":
        """What GitLab tells; None where it has no token for that."""
        return None if self.outside.gitlab is None else self.outside.gitlab.door(self.store, self._look)

    @cached_property
    def notices(self) -> "NoticesDoor":
        """Tells people who look at no page."""
        from honk.wiring.notices import notices_door  # only who serves pays for it

        return notices_door(self)

    @property
    def noticing(self) -> "Noticing":
        """What the pages have of it."""
        from honk.wiring.notices import noticing_of

        return noticing_of(self)

    async def _look(self, task: TaskId) -> None:
        await self.app.look(task)

    @property
    def accounts(self) -> "Accounts | None":
        """People's own accounts at GitHub; None where Honk cannot act for people."""
        if self.users is None:
            return None
        from honk.wiring.github import github_accounts

        return github_accounts(self, self.users)

    @property
    def home(self) -> Path:
        """HONK_HOME."""
        return self.settings.home

    @property
    def defaults(self) -> Defaults:
        """What applies when the person says nothing."""
        file = self.settings.file
        return Defaults(
            limits=Limits(usd=file.limits.usd, calls=file.limits.calls, seconds=file.limits.seconds),
            model=file.model.name,
            merge=MergeMethod(file.work.merge),
            plan=file.work.plan,
        )

    @property
    def service(self) -> Service:
        """The verbs, in the name of the person who types."""
        return self.service_for(self.person)

    @property
    def server(self) -> str:
        """The work is done in this process, or in another one on this machine."""
        return ""

    @property
    def listens(self) -> tuple[str, int]:
        """Host and port of `honk serve`."""
        return self.settings.file.pages.host, self.settings.file.pages.port

    def service_for(self, person: Person, scopes: frozenset[Scope] = frozenset(Scope)) -> Local:
        """What that person may ask of this Honk."""
        from honk.wiring.doctor import Doctor  # which opens what is tried by itself

        return Local(
            app=self.app,
            feed=self.feed,
            person=person,
            scopes=scopes,
            defaults=self.defaults,
            alone=self.alone,
            doctor=Doctor().diagnose,
            listed=self.listed,
            largest_build=self.settings.file.work.largest_build_mb << 20,
        )

    def alone(self) -> AbstractContextManager[bool]:
        """Takes the worker lock of HONK_HOME, if it is free."""
        return self.watch.noting(self.lock.alone())

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Runs workflows in this process. The worker lock says that no other one has a broker at work here."""
        sweep(self.home / "run")
        async with clearing(self.home), self.lock.kept(self._worker().working()):
            yield

    def _worker(self) -> Worker:
        work = self.settings.file.work
        remind = timedelta(hours=work.remind_hours)
        return Worker(self.app, merge=self.defaults.merge, limit=work.concurrency, remind=remind)

    def spares(self) -> AbstractAsyncContextManager[None]:
        """Keeps checkouts of the repositories in use ready, and agents that wait in them."""
        return kept(self.app.ports, self.settings)

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[str]:
        """Serves API, pages, previews and live versions; other processes learn the origin."""
        with self.watch.logging(), listening(host, port) as (listener, origin), self.addresses.announced(origin):
            async with self.serve_on(listener), self._doors(), self.retention.daily():
                yield origin

    @asynccontextmanager
    async def _doors(self) -> AsyncIterator[None]:
        """Those that listen somewhere else, while the context is open."""
        async with AsyncExitStack() as stack:
            for door in (self.slack, self.github, self.gitlab, self.notices):
                if door is not None:
                    await stack.enter_async_context(door.opened())
            yield

    @asynccontextmanager
    async def serve_on(self, listener: socket.socket, extra: Sequence[Route] = ()) -> AsyncIterator[None]:
        """Serves the same, and `extra` pages, on a socket that listens already."""
        site = Site(self)
        self.sites.append(site)
        async with served(site, listener, extra):
            yield

    def close_doors(self) -> None:
        """The server takes no new work from now on, and followers are told to come back."""
        for site in self.sites:
            site.closing = True
        self.feed.close()

    async def resume(self) -> tuple[Task, ...]:
        """Goes on with everything that was cut off; which tasks that was."""
        await self.app.finish_uploads()
        tasks = self.app.ports.tasks
        cut_off = {id.split("/")[1] for id in await self.app.journal.unfinished()}
        found = [await tasks.get(id) for id in dict.fromkeys((*await tasks.unsettled(), *sorted(cut_off)))]
        return tuple([task for task in found if await self.app.resume(task)])

    async def collect(self, days: float) -> int:
        """See `honk gc`; returns the bytes that were freed."""
        return await self.retention.collect(days)


@asynccontextmanager
async def open_honk(settings: Settings, *, agents: Mapping[str, Agent] | None = None) -> AsyncIterator[OpenHonk]:
    """Opens store and journal. Raises SettingsWrong, or what the operating system says of HONK_HOME."""
    make_home(settings.home)
    live = Live(settings.path)
    async with (
        outside_of(settings) as outside,
        SqlStore(settings.database, rules=live.last_rules, budget=live.budget) as store,
    ):
        place = place_of(settings, store, outside.credentials)
        users = outside.users(place, store, RolesPolicy(live.rules))
        sites = outside.sites(place, store, users)
        ports = ports_of(settings, store, live, place, agents or agents_of(settings, place.sandboxes), sites)
        person = await store.tasks.person(Identity(kind=IdentityKind.LOCAL, value=settings.user), settings.user)
        async with DbosJournal(settings.journal, concurrency=settings.file.work.concurrency) as journal:
            watched = WatchedJournal(journal)
            app, watch = App(ports=ports, journal=watched), Watch(settings, store, watched)
            feed = Feed(store.events, stamp=store.stamp)
            store.listen(feed.heard)
            async with feed.running(), watch.tracing(place.broker):
                yield OpenHonk(
                    settings=settings,
                    app=app,
                    person=person,
                    addresses=place.addresses,
                    feed=feed,
                    watch=watch,
                    retention=Retention(
                        ports=ports,
                        journal=journal,
                        artifacts=place.artifacts,
                        settings=settings.file.retention,
                        home=settings.home,
                        gate=place.gate,
                        repositories=place.repositories,
                        chats=store.chats,
                    ),
                    store=store,
                    chats=store.chats,
                    listed=live.repositories,
                    rules=live.rules,
                    outside=outside,
                    poster=place.poster,
                    users=users,
                    linking=Linking(sign=place.addresses.sign, links=store.chats.links, app=app),
                )
