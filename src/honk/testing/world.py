"""A whole world in memory, in which the flow runs: repository, forge, production, agent, gate and clock.

Everything behaves: the agent does what its words say, the gate reads the files, the forge compares
heads, production is what was deployed last. The store is the real one, on a database in memory.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import anyio

from honk.adapters.files import FileUploads
from honk.adapters.sql import SqlStore
from honk.app import App
from honk.domain.budget import Budget
from honk.domain.event import Event
from honk.domain.person import Identity, IdentityKind, Person
from honk.domain.pull_request import MergeMethod, PullRequest
from honk.domain.repository import Sha
from honk.domain.rules import Rules
from honk.domain.task import Options, Task, TaskId
from honk.errors import Stopped
from honk.ports import Agent, Clock, Deployer, Ports
from honk.testing.fake_channels import FakeChannels
from honk.testing.fake_ci import FakeCi, FakeDeployer, FakeLooker
from honk.testing.fake_code import Code, FakeRepositories, FakeWorkspaces
from honk.testing.fake_gate import FakeGate
from honk.testing.fake_machine import FakeMachine
from honk.testing.fake_outside import FakeArtifacts, FakeCamera, FakeForge, FakePolicy, FakePreviews
from honk.testing.fake_packages import FakePackages
from honk.testing.fake_sandbox import FakeSandboxes
from honk.testing.fake_work import APP, Edit, FakeAgent, FakeBroker
from honk.testing.memory_journal import MemoryJournal
from honk.worker import Worker

P = TypeVar("P")
#: The repository's address; the fakes know one.
ADDRESS = "/somewhere/music-player"
CONFIG = b"""
[build]
command = "build"
output = "built"
[deploy]
command = "deploy"
"""


#: What the agent does unless a test says otherwise.
HABITS = {
    "the app has a bug": Edit(files={APP: b"fixed"}, summary="corrected"),
    "fix the crash": Edit(files={APP: b"fixed"}),
    "friendlier": Edit(files={APP: b"fixed, friendly"}),
    "bump": Edit(files={APP: b"fixed, bumped"}),
}


@dataclass
class Watch:
    """A second passes whenever somebody looks at it."""

    now: datetime = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    #: or less, where many look and one must have time
    step: timedelta = timedelta(seconds=1)

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


@dataclass
class Trap:
    """One place where whoever passes is held for good, as a process that is killed there would be.

    `place` is a port's method, such as "forge.open"; `number` counts the passings; with `after`,
    the call has had its effect. Without a `place` every call that changes something counts.
    """

    place: str = ""
    number: int = 1
    after: bool = True
    passed: int = 0
    reached: anyio.Event = field(default_factory=anyio.Event)
    #: who is held goes on once it is set; None holds for good
    goes_on: anyio.Event | None = None

    async def passing(self, place: str, *, after: bool) -> None:
        """Holds the caller when this is the place."""
        if after is not self.after or (self.place != place if self.place else place.split(".")[1] not in _EFFECTS):
            return
        self.passed += 1
        if self.passed == self.number:
            self.reached.set()
            await (self.goes_on or anyio.Event()).wait()


#: Methods of ports that change what outlives the process.
_EFFECTS = frozenset(
    {
        "move",
        "add",
        "add_turn",
        "begin_turn",
        "end_turn",
        "queue_message",
        "approve_plan",
        "cancel_plan",
        "clear_stop",
        "record",
        "start",
    }
    | {"save_verdict", "save_pull_request", "save_build", "save_deployment", "add_spending"}
    | {"reserve", "settle", "warn"}
    | {"enter", "hold", "take", "leave", "watch", "unwatch"}
    | {"put", "open", "take", "publish", "update", "approve", "merge"}
)


class _Passed:
    """A port whose every call passes the world's trap."""

    def __init__(self, port: object, name: str, world: "World") -> None:
        self._port = port
        self._name = name
        self._world = world

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not inspect.iscoroutinefunction(method):
            return method
        place = f"{self._name}.{name}"

        async def call(*args: object, **kwargs: object) -> object:
            await self._world.trap.passing(place, after=False)
            if errors := self._world.troubles.get(place):
                raise errors.pop(0)
            result: object = await method(*args, **kwargs)
            await self._world.trap.passing(place, after=True)
            return result

        return call


class _Journal(MemoryJournal):
    """Remembers what was started, so that a test can wait for all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[str] = []

    async def start(self, kind: str, id: str, payload: str) -> None:
        await super().start(kind, id, payload)
        if id not in self.started:
            self.started.append(id)


class World:
    """Made by `world()`. Tests look at what is in it afterwards, never at how it was called."""

    #: how people merge here
    method = MergeMethod.MERGE

    def __init__(self, home: Path, store: SqlStore, code: Code, clock: Clock) -> None:
        self.home = home
        self.store = store
        self.code = code
        self.clock = clock
        self.trap = Trap(place="nowhere")
        #: by a port's method, such as "forge.open": what its next calls run into instead of having their effect
        self.troubles: dict[str, list[Exception]] = {}
        self.journal = _Journal()
        self.gate = FakeGate(code)
        self.agent = FakeAgent(dict(HABITS))
        self.agents: dict[str, Agent] = {"claude": self.agent}
        self.forge = FakeForge(code, store.records, self.clock)
        self.policy = FakePolicy()
        self.budget = Budget()
        #: whose identities belong together, as honk.toml says now
        self.who_is_who = Rules()
        self.machine = FakeMachine()
        self.previews = FakePreviews()
        self.camera = FakeCamera()
        self.ci = FakeCi()
        self.deployer = FakeDeployer()
        self.looker = FakeLooker()
        #: where deployments by webhook go; a test may put the real one here, before `ports` is asked for
        self.webhooks: Deployer = self.deployer
        self.channels = FakeChannels()
        self.workspaces = FakeWorkspaces(code, home)
        self.app = App(ports=self.ports(), journal=self._passed(self.journal, "journal"))

    def ports(self) -> Ports:
        """Every port, each with a fake that behaves."""
        return Ports(
            clock=self.clock,
            tasks=self._passed(self.store.tasks, "tasks"),
            events=self._passed(self.store.events, "events"),
            records=self._passed(self.store.records, "records"),
            artifacts=self._passed(FakeArtifacts(self.home / "artifacts"), "artifacts"),
            uploads=FileUploads(self.home / "uploads"),
            repositories=self._passed(FakeRepositories(self.code), "repositories"),
            workspaces=self._passed(self.workspaces, "workspaces"),
            sandboxes=FakeSandboxes(),
            broker=FakeBroker(),
            agents=self.agents,
            gate=self._passed(self.gate, "gate"),
            forge=self._passed(self.forge, "forge"),
            previews=self.previews,
            policy=self.policy,
            machine=self.machine,
            tokens=self.store.tokens,
            audit=self._passed(self.store.audit, "audit"),
            budgets=self._passed(self.store.budgets, "budgets"),
            overview=self.store.overview,
            deploys=self._passed(self.store.deploys, "deploys"),
            jobs=self._passed(self.store.jobs, "jobs"),
            offers=self._passed(self.store.offers, "offers"),
            channels=self.channels,
            home=self.home,
            camera=self.camera,
            ci=self._passed(self.ci, "ci"),
            deployer=self._passed(self.deployer, "deployer"),
            packages=FakePackages(),
            looker=self.looker,
            webhooks=self.webhooks,
            webhook_calls=self.store.webhook_calls,
        )

    def _passed(self, port: P, name: str) -> P:
        return cast("P", _Passed(port, name, self))

    # ── people and their acts ──────────────────────────────────────────────────────────────────
    async def person(self, name: str = "Ada") -> Person:
        """Somebody known by a local name."""
        return await self.store.tasks.person(Identity(kind=IdentityKind.LOCAL, value=name.lower()), name)

    async def ask(self, text: str = "fix the crash", **options: Any) -> Task:
        """Ada asks for something."""
        return await self.app.submit(await self.person(), ADDRESS, text, Options(**options))

    async def settled(self, task: Task) -> Task:
        """The task as it is once everything that was started for it has ended."""
        waited: set[str] = set()
        while left := [one for one in self.journal.started if one.split("/")[1] == task.id and one not in waited]:
            for one in left:
                with suppress(Stopped):
                    await self.journal.wait(one)
                waited.add(one)
        return await self.now(task)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """A worker is at work while the context is open; leaving it is like a kill."""
        async with Worker(self.app).working():
            yield

    async def killed_at(self, trap: Trap, act: Callable[[], Awaitable[object]], task: Task | None = None) -> bool:
        """A process that dies in the trap while it works; False when all ended before the trap was reached."""
        self.trap = trap
        ended = False
        async with self.working(), anyio.create_task_group() as group:

            async def live() -> None:
                nonlocal ended
                made = await act()
                of = task or made
                assert isinstance(of, Task)
                await self.settled(of)
                ended = True
                group.cancel_scope.cancel()

            group.start_soon(live)
            await trap.reached.wait()
            group.cancel_scope.cancel()
        self.trap = Trap(place="nowhere")
        return not ended

    # ── what is to be seen ─────────────────────────────────────────────────────────────────────
    async def now(self, task: Task) -> Task:
        """The task as it is."""
        return await self.store.tasks.get(task.id)

    async def latest(self) -> Task | None:
        """The task that was asked for last."""
        return next(iter(await self.store.tasks.list(limit=1)), None)

    async def log(self, task: Task) -> tuple[Event, ...]:
        """Everything that people were shown."""
        return await self.store.events.read(task.id)

    async def pull_request(self, task: Task) -> PullRequest:
        """The task's pull request; there must be one."""
        found = await self.store.records.pull_request(task.id)
        assert found is not None, f"{task.id} has no pull request"
        return found

    def file(self, branch: str, path: str = APP) -> bytes | None:
        """A file on a branch of the target."""
        return self.code.files(self.code.branches[branch]).get(path)

    def kept(self, task: TaskId, path: str = APP) -> bytes:
        """A file in the task's workspace."""
        return (self.workspaces.place(task) / path).read_bytes()

    def production(self) -> bytes | None:
        """What users have in front of them."""
        found = [path.read_bytes() for path in self.home.glob(f"production/*/production/current/{APP}")]
        assert len(found) < 2
        return found[0] if found else None

    def somebody_commits(self, branch: str, files: dict[str, bytes], message: str = "by hand") -> Sha:
        """A person commits to a branch of the target."""
        tip = self.code.branches[branch]
        tree = self.code.tree({**self.code.files(tip), **files})
        self.code.branches[branch] = self.code.commit(tree, (tip,), message)
        return self.code.branches[branch]


@asynccontextmanager
async def world(
    home: Path, files: Mapping[str, bytes] | None = None, *, database: str = "sqlite://"
) -> AsyncIterator[World]:
    """A fresh world whose repository has an app that crashes, and these files; it builds and deploys."""
    code = Code()
    tree = code.tree({".honk.toml": CONFIG, APP: b"crash", **(files or {})})
    clock = Watch()
    code.branches["main"] = code.commit(tree, (), "the beginning")
    async with SqlStore(database, clock=clock, rules=lambda: made.who_is_who, budget=lambda: made.budget) as store:
        made = World(home, store, code, clock)
        yield made
