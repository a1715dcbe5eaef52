"""One task from its instruction to production, as people drive it, and what it looks like from outside afterwards."""

import random
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from place import Place
from story import FILES, MORE, STEPS, WORDS, redone, steps

from honk.app import App
from honk.domain.deployment import DeploymentState
from honk.domain.event import (
    AgentCalledTool,
    DeploymentFinished,
    Event,
    MergeDone,
    MessageDelivered,
    PullRequestOpened,
    TaskAccepted,
)
from honk.domain.message import Handling
from honk.domain.person import Person
from honk.domain.pull_request import MergeMethod
from honk.domain.task import Options, State, Task
from honk.domain.turn import Outcome

_POLL = 0.1
#: seconds without anything happening after which a life is given up
_LIMIT = 180.0
_ONCE = (TaskAccepted, PullRequestOpened, MergeDone, DeploymentFinished)


@dataclass(kw_only=True)
class Life:
    """A task, and what was found wrong with it."""

    number: int
    here: Place
    app: App
    person: Person
    chance: random.Random
    task: Task | None = None
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    redone: int = 0
    #: turns that ended because one attempt was killed more often than it is begun again, and were retried by a person
    retried: int = 0
    over: bool = False

    async def live(self) -> None:
        """To its end; whatever is wrong then is in `lost` and `doubled`."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch, group.cancel_scope)
            await self._live()
            group.cancel_scope.cancel()
        self.over = True

    async def _watch(self, scope: anyio.CancelScope) -> None:
        """Gives it up when nothing happens to it any more."""
        count = -1
        while count < (count := len(await self.events())):
            await anyio.sleep(_LIMIT)
        now = await self._now()
        self.lost.append(f"{now.id} does not go on: {now.state} {now.reason}")
        scope.cancel()

    async def events(self) -> tuple[Event, ...]:
        """Everything that happened to it so far."""
        return () if self.task is None else await self.app.ports.events.read(self.task.id)

    async def _live(self) -> None:
        target = self.here.repository(dict(FILES), f"song-{self.number}")
        self.task = await self.app.submit(self.person, str(target), WORDS, Options())
        message = ""
        if self.chance.random() < 0.7:
            message = str(uuid.uuid4())
            await self._until_called(self.chance.randrange(0, STEPS + 1))
            await self.app.reply(self.person, self.task, f"and one more {MORE}", id=message, handling=Handling.STEER)
        now = await self._settled()
        while now.state in {State.FAILED, State.DRAFT} and "killed" in now.reason and self.retried < 3:
            self.retried += 1
            await self.app.retry(self.person, now)
            now = await self._settled()
        if now.state is not State.PROPOSED:
            self.lost.append(f"{now.id} is {now.state}, not proposed: {now.reason}")
            return
        await self.app.merge(self.person, now, method=MergeMethod.MERGE, act="press")
        if self.chance.random() < 0.5:
            await self.app.merge(self.person, now, method=MergeMethod.MERGE, act="press")
        while (now := await self._now()).state is not State.DEPLOYED or await self._unfinished():
            await anyio.sleep(_POLL)
        await self._judge(target, message)

    async def _now(self) -> Task:
        assert self.task is not None
        return await self.app.ports.tasks.get(self.task.id)

    async def _unfinished(self) -> bool:
        assert self.task is not None
        return any(one.split("/")[1] == self.task.id for one in await self.app.journal.unfinished())

    async def _until_called(self, times: int) -> None:
        while sum(isinstance(event.data, AgentCalledTool) for event in await self.events()) < times:
            now = await self._now()
            if (await self.app.ports.tasks.turn(now.id, 1)).outcome is not None:
                return
            await anyio.sleep(_POLL)

    async def _settled(self) -> Task:
        """Once no turn is at work and no message waits."""
        while True:
            now = await self._now()
            last = await self.app.ports.tasks.turn(now.id, now.turn)
            waits = await self.app.messages(now)
            if last.outcome is not None and not waits and not await self._unfinished():
                return await self._now()
            await anyio.sleep(_POLL)

    async def _judge(self, target: Path, message: str) -> None:
        """Looks from outside: at the target repository, production, the records and the events."""
        now = await self._now()
        wanted = {f"{name}.txt" for name in steps(bool(message))}
        turns = [await self.app.ports.tasks.turn(now.id, number) for number in range(1, now.turn + 1)]
        changing = sum(turn.outcome is Outcome.PASS for turn in turns)
        git = self.here.git
        main = git(target, "ls-tree", "-r", "--name-only", "main").splitlines()
        self._missing("on main", wanted - set(main))
        merges = git(target, "rev-list", "--count", "--first-parent", "main")
        self._once("merge commits", int(merges) - 1)
        commits = int(git(target, "rev-list", "--count", f"main~1..{now.branch}"))
        if commits > changing:
            self.doubled.append(f"{now.id}: {commits} commits of {changing} turns")
        branches = git(target, "for-each-ref", "--format=%(refname)", "refs/heads/honk").splitlines()
        self._once("branches", len(branches))
        self.redone = redone(git(target, "show", "main:log.txt"))
        live = self.here.home.glob(f"production/{now.repository.key}/production/current/*.txt")
        self._missing("in production", wanted - {path.name for path in live})
        history = await self.app.ports.records.deployments(now.repository.key, "production")
        self._once("deployments", sum(one.state is DeploymentState.LIVE for one in history))
        log = await self.events()
        for kind in _ONCE:
            self._once(kind.type, sum(isinstance(event.data, kind) for event in log))
        if [event.seq for event in log] != list(range(1, len(log) + 1)):
            self.lost.append(f"{now.id}: the events have gaps")
        if message:
            got = sum(isinstance(one.data, MessageDelivered) and one.data.message == message for one in log)
            self._once("deliveries of the message", got + sum(turn.message.id == message for turn in turns))

    def _missing(self, where: str, names: set[str]) -> None:
        assert self.task is not None
        if names:
            self.lost.append(f"{self.task.id}: {', '.join(sorted(names))} not {where}")

    def _once(self, what: str, count: int) -> None:
        assert self.task is not None
        if count < 1:
            self.lost.append(f"{self.task.id}: no {what}")
        if count > 1:
            self.doubled.append(f"{self.task.id}: {count} {what}")
