"""One agent that was started beforehand in the sandbox of a spare."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from honk.domain.task import TaskId
from honk.domain.workspace import Workspace
from honk.errors import HonkError
from honk.ports import (
    ATTACHMENTS,
    Agent,
    Box,
    Exam,
    Gate,
    Job,
    Mount,
    Movable,
    ParkedExit,
    Parking,
    Sandbox,
    Sandboxes,
    Seat,
    Sitting,
    Spare,
    Waiting,
    Waits,
    Wanted,
    Workspaces,
)

_log = structlog.get_logger()
#: the task in whose name an environment is looked up before there is one
_NOBODY = TaskId("spare")
#: file beside a spare that says that an agent waits in it
READY = "agent"


async def _silent(_: object) -> None:
    """Nobody follows what is made ready."""


@dataclass(frozen=True, kw_only=True)
class Parker:
    """Starts agents in spares, with everything that a task of that repository would start them with."""

    agent: Callable[[], Agent]
    model: str | None
    broker: Parking
    sandboxes: Sandboxes
    workspaces: Workspaces
    gate: Gate
    guidance: Callable[[Workspace], Awaitable[str]]

    async def park(self, spare: Spare) -> "Parked | None":
        """Starts one; None when it cannot be started, which a task would be told when it tries."""
        agent = self.agent()
        if not isinstance(agent, Waits):
            return None
        workspace = Workspace(task=_NOBODY, repository=spare.repository, base=spare.base, path=str(spare.workspace))
        try:
            await agent.requirements()
            exam = Exam(
                task=_NOBODY, repository=spare.repository, base=spare.base, change=None, instruction="", on="agent"
            )
            mounts, environment = await self.gate.environment(exam, _silent)
            guidance = await self.guidance(workspace)
            wanted = Wanted(guidance=guidance, mounts=mounts, environment=environment, model=self.model, words="")
            parked = Parked(self, agent, workspace, spare, wanted)
            await parked.start()
        except HonkError as error:
            _log.info("no agent can wait", repository=spare.repository.name, reason=str(error))
            return None
        (spare.folder / READY).touch()
        return parked


class Parked:
    """Lives on a task of its own, from start to end, whoever claims it meanwhile."""

    def __init__(self, parker: Parker, agent: Agent, workspace: Workspace, spare: Spare, wanted: Wanted) -> None:
        self._parker = parker
        self._agent = agent
        self.agent_name = agent.name
        self._workspace = workspace
        self.spare = spare
        #: what it was started with
        self.started_with = wanted
        #: the words it was told before a task claimed it
        self.told = ""
        self.began = asyncio.get_running_loop().time()
        self.session = str(uuid.uuid4())
        self._exit: ParkedExit | None = None
        self._sandbox: Sandbox | None = None
        self._waiting: Waiting | None = None
        self._up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._life: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        return self._waiting is not None and self._waiting.alive and not self._over.is_set()

    async def start(self) -> None:
        """Returns when it waits. Raises HonkError when it does not start."""
        self._life = asyncio.create_task(self._live(), name="waiting agent")
        try:
            await asyncio.shield(self._up)
        except BaseException:
            await self.end(broken_off=True, tell=False)
            raise

    def moved(self, to: Spare) -> None:
        """Its folders have other names now."""
        sandbox: object = self._sandbox
        if isinstance(sandbox, Movable):
            sandbox.moved(to.workspace, to.home)

    async def tell(self, words: str) -> None:
        self.told = words
        if self._waiting is not None:
            await self._waiting.tell(words)

    def matches(self, wanted: Wanted) -> bool:
        """Whether it was started with just that, and told nothing else."""
        own = self.started_with
        return (own.guidance, own.model, own.mounts, dict(own.environment)) == (
            wanted.guidance,
            wanted.model,
            wanted.mounts,
            dict(wanted.environment),
        ) and self.told in ("", wanted.words)

    def sit(self, sitting: Sitting) -> Seat:
        """Binds it to its task."""
        assert self._exit is not None and self._waiting is not None
        exit = self._exit.give(sitting.permit, sitting.tell, sitting.spend)
        session = self._waiting.sit(sitting.attempt, exit, sitting.tools, sitting.tell)
        return Seat(name=self.session, session=session)

    async def end(self, *, broken_off: bool, tell: bool = True) -> None:
        """Returns when everything of it is gone. With `tell`, raises what went wrong at its exit."""
        if broken_off and self._waiting is not None:
            self._waiting.break_off()
        self._over.set()
        if self._life is None:
            return
        cancelled = False
        while not self._life.done():
            try:
                await asyncio.wait({self._life})
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError
        if tell:
            self._life.result()

    async def _live(self) -> None:
        parker, agent = self._parker, self._agent
        try:
            async with AsyncExitStack() as stack:
                exit = self._exit = await stack.enter_async_context(parker.broker.park())
                job = Job(session=self.session, model=self.started_with.model, guidance=self.started_with.guidance)
                mounts, variables = agent.box(job, exit.socket)
                attachments = Mount(source=self.spare.attachments, target=ATTACHMENTS)
                box = Box(
                    workspace=Path(self._workspace.path),
                    home=self.spare.home,
                    mounts=(
                        *parker.workspaces.mounts(self._workspace),
                        *self.started_with.mounts,
                        *mounts,
                        attachments,
                    ),
                    environment={**self.started_with.environment, **variables},
                    exit=exit.socket,
                    relay=agent.relay,
                    grows=True,
                )
                sandbox = self._sandbox = await stack.enter_async_context(parker.sandboxes.open(box))
                assert isinstance(agent, Waits)
                self._waiting = await stack.enter_async_context(agent.wait(job, sandbox))
                if not self._up.done():
                    self._up.set_result(None)
                await self._over.wait()
        except BaseException as error:
            if self._up.done():
                raise
            self._up.set_exception(error if isinstance(error, Exception) else HonkError("it was cancelled"))
