"""An opened Honk: every port with its vendor, as the settings say."""

import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path

from starlette.routing import Route

from honk.adapters.broker import NetworkRules, SocketBroker, Upstream
from honk.adapters.broker.sockets import sweep
from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.command import Command
from honk.adapters.dbos import DbosJournal
from honk.adapters.embedded.forge import EmbeddedForge
from honk.adapters.files import FileArtifacts
from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.targets import GitTargets
from honk.adapters.git.workspaces import GitWorkspaces
from honk.adapters.machine import LocalMachine
from honk.adapters.pages import Addresses
from honk.adapters.pool import Parker
from honk.adapters.registries import discover
from honk.adapters.roles import RolesPolicy
from honk.adapters.sql import SqlStore
from honk.adapters.telemetry import WatchedJournal
from honk.app import App
from honk.checks.gate import LocalGate
from honk.domain.access import Scope
from honk.domain.limits import Limits
from honk.domain.person import Identity, IdentityKind, Person
from honk.domain.pull_request import MergeMethod
from honk.domain.task import State, Task, TaskId
from honk.errors import HonkError
from honk.ports import Agent, Ports, Registries
from honk.service import Defaults, Feed, Local, Service
from honk.settings import Settings
from honk.settings.live import Live
from honk.wiring.leftovers import clearing
from honk.wiring.locking import WorkerLock
from honk.wiring.readiness import kept, pool_of
from honk.wiring.retention import Retention
from honk.wiring.serving import Site, listening, served
from honk.wiring.watching import Watch
from honk.worker import Worker


@dataclass(kw_only=True)
class OpenHonk:
    """Implements honk.doors.cli.house.House: store, journal and ports of one process."""

    settings: Settings
    app: App
    person: Person
    addresses: Addresses
    gate: LocalGate
    feed: Feed
    watch: Watch
    retention: Retention
    sites: list[Site] = field(default_factory=list)

    @cached_property
    def lock(self) -> WorkerLock:
        """Held by whoever does the work."""
        return WorkerLock(self.home, self.settings.database)

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
            async with self.serve_on(listener), self.retention.daily():
                yield origin

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
        tasks = self.app.ports.tasks
        cut_off = {id.split("/")[1] for id in await self.app.journal.unfinished()}
        found = [await tasks.get(id) for id in dict.fromkeys((*await tasks.unsettled(), *sorted(cut_off)))]
        return tuple([task for task in found if await self.app.resume(task)])

    async def collect(self, days: float) -> int:
        """Removes workspaces of finished tasks and of old failed ones, expired environments, former releases."""
        tasks = await self.app.ports.tasks.list(limit=100_000)
        old = self.app.ports.clock() - timedelta(days=days)
        done = {State.MERGED, State.DEPLOYED}
        given_up = {State.STOPPED, State.FAILED}
        gone = {task.id for task in tasks if task.state in done}
        for task in tasks:
            if task.state in given_up:
                events = await self.app.ports.events.read(task.id)
                gone |= {task.id} if max((e.at for e in events), default=task.created_at) < old else set()
        keep: frozenset[TaskId] = frozenset(task.id for task in tasks if task.id not in gone)
        freed = await self.app.ports.workspaces.collect(keep)
        await self.gate.collect()
        for current in self.home.glob("production/*/*/current"):
            for release in (current.parent / "releases").iterdir():
                if release != current.resolve():
                    shutil.rmtree(release, ignore_errors=True)
        return freed + await self.retention.sweep()


@asynccontextmanager
async def open_honk(settings: Settings, *, agents: Mapping[str, Agent] | None = None) -> AsyncIterator[OpenHonk]:
    """Opens store and journal. Raises SettingsWrong, or what the operating system says of HONK_HOME."""
    make_home(settings.home)
    live = Live(settings.path)
    async with SqlStore(settings.database, rules=live.last_rules, budget=live.budget) as store:
        place = _place(settings, store)
        ports = _ports(settings, store, live, place, agents or _agents(settings, place.sandboxes))
        person = await store.tasks.person(Identity(kind=IdentityKind.LOCAL, value=settings.user), settings.user)
        async with DbosJournal(settings.journal, concurrency=settings.file.work.concurrency) as journal:
            watched = WatchedJournal(journal)
            app, watch = App(ports=ports, journal=watched), Watch(settings, store, watched)
            feed = Feed(store.events)
            store.listen(feed.heard)
            async with feed.running(), watch.tracing(place.broker):
                yield OpenHonk(
                    settings=settings,
                    app=app,
                    person=person,
                    addresses=place.addresses,
                    gate=place.gate,
                    feed=feed,
                    watch=watch,
                    retention=Retention(
                        ports=ports,
                        journal=journal,
                        artifacts=place.artifacts,
                        settings=settings.file.retention,
                        home=settings.home,
                    ),
                )


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What holds and runs agents' work on this machine."""

    addresses: Addresses
    repositories: GitRepositories
    workspaces: GitWorkspaces
    sandboxes: Bubblewrap
    broker: SocketBroker
    artifacts: FileArtifacts
    gate: LocalGate


def _place(settings: Settings, store: SqlStore) -> _Place:
    sandboxes = sandboxes_of(settings)
    repositories = GitRepositories(settings.home, sandboxes, operator=settings.remote_environment)
    workspaces = GitWorkspaces(repositories)
    artifacts = FileArtifacts(settings.home / "artifacts")
    rules = NetworkRules(allow_networks=settings.file.network.allow_networks)
    broker = SocketBroker(settings.home / "run", _upstream(settings), rules, own=sandboxes.own)
    gate = LocalGate(
        repositories=repositories,
        workspaces=workspaces,
        sandboxes=sandboxes,
        broker=broker,
        records=store.records,
        artifacts=artifacts,
        registries=registries_of(settings),
        home=settings.home,
        clock=_now,
    )
    return _Place(
        addresses=Addresses(settings.home, settings.file.public_url),
        repositories=repositories,
        workspaces=workspaces,
        sandboxes=sandboxes,
        broker=broker,
        artifacts=artifacts,
        gate=gate,
    )


def _ports(settings: Settings, store: SqlStore, live: Live, place: _Place, agents: Mapping[str, Agent]) -> Ports:
    parker = partial(
        Parker, broker=place.broker, sandboxes=place.sandboxes, workspaces=place.workspaces, gate=place.gate
    )
    return Ports(
        clock=_now,
        tasks=store.tasks,
        events=store.events,
        records=store.records,
        artifacts=place.artifacts,
        repositories=place.repositories,
        workspaces=place.workspaces,
        sandboxes=place.sandboxes,
        broker=place.broker,
        agents=agents,
        gate=place.gate,
        forge=EmbeddedForge(GitTargets(place.repositories), store.records, _now),
        previews=place.addresses,
        policy=RolesPolicy(live.rules),
        tokens=store.tokens,
        audit=store.audit,
        budgets=store.budgets,
        machine=LocalMachine(settings.home, least_free_mb=settings.file.work.least_free_mb),
        home=settings.home,
        pool=pool_of(settings, place.repositories, agents, parker=parker),
    )


def _now() -> datetime:
    return datetime.now(UTC)


def make_home(home: Path) -> None:
    """Makes HONK_HOME. Raises HonkError when it cannot be used."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Others may pass through, not look: the sandbox's user reaches its own folders by their full names.
        home.chmod(0o711)
        (home / "run").mkdir(exist_ok=True)
    except OSError as exc:
        raise HonkError(
            f"HONK_HOME {home} cannot be used: {exc.strerror}", "set HONK_HOME to a folder that you may write to"
        ) from exc


def sandboxes_of(settings: Settings) -> Bubblewrap:
    """The walls, as the settings say."""
    return Bubblewrap(settings.home, service_uid=settings.file.sandbox.uid)


def _upstream(settings: Settings) -> Upstream:
    return Upstream(
        base_url=settings.file.model.base_url,
        api_key=settings.api_key or None,
        auth_token=settings.auth_token or None,
        proxy=settings.model_proxy or None,
        ca_bundle=settings.ca_bundle,
    )


def registries_of(settings: Settings) -> Registries:
    """Where packages come from on this machine."""
    home = Path(settings.remote_environment.get("HOME", "/nonexistent"))
    found = discover(settings.registry_environment, home=home)
    return Registries(
        hosts=(*found.hosts, *settings.file.network.hosts),
        mounts=found.mounts,
        environment=found.environment,
        refusals=found.refusals,
    )


class _Agents(Mapping[str, Agent]):
    """Agents by name, made when asked for: loading one's SDK takes a second that `honk tasks` need not pay."""

    def __init__(self, makers: Mapping[str, Callable[[], Agent]]) -> None:
        self._makers = makers
        self._made: dict[str, Agent] = {}

    def __getitem__(self, name: str) -> Agent:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def _agents(settings: Settings, sandboxes: Bubblewrap) -> Mapping[str, Agent]:
    def claude() -> Agent:
        from honk.adapters.claude_code import ClaudeCode, Key

        key = Key.API_KEY if settings.api_key else Key.AUTH_TOKEN if settings.auth_token else Key.NONE
        telemetry = bool(settings.file.telemetry.otlp_endpoint)
        return ClaudeCode(partial(sandboxes.runtime, "claude"), key=key, telemetry=telemetry)

    return _Agents({"claude": claude, "command": Command})
