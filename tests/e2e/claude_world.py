"""The real Claude Code in the real sandbox behind the real broker; only the model is scripted."""

import json
import subprocess
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from honk.adapters.broker import NetworkRules, SocketBroker, Upstream
from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.claude_code import ClaudeCode, Key
from honk.domain.event import EventData
from honk.domain.limits import Limits, Spending
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.ports import Agent, Box, Job, Pass, Sandbox, Session, Tools
from honk.testing.scripted_model import Scenario, ScriptedModel

#: the operator's key; it may appear nowhere but at the model's server
CANARY = "sk-ant-canary-5f1c"


async def nothing_to_verify() -> str:
    return "pass"


async def may_always_end() -> str:
    return ""


async def nobody_to_ask(question: str, choices: tuple[str, ...]) -> str:
    return "passed on"


@dataclass
class World:
    """One task's folders, and everything that was told about it."""

    home: Path
    sandboxes: Bubblewrap
    model: ScriptedModel
    agent: Agent
    limits: Limits = field(default_factory=lambda: Limits(usd=None, calls=None))
    session: str = field(default_factory=lambda: str(uuid.uuid4()))
    events: list[EventData] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        return self.home / "workspace"

    def of(self, kind: type[EventData]) -> list[EventData]:
        return [event for event in self.events if isinstance(event, kind)]

    def texts(self) -> list[str]:
        return [getattr(event, "text", "") for event in self.events if event.type == "agent.wrote"]

    async def tell(self, data: EventData) -> None:
        self.events.append(data)

    async def spend(self, _: Spending) -> None:
        return None

    @asynccontextmanager
    async def start(
        self,
        *,
        verify: Callable[[], Awaitable[str]] = nothing_to_verify,
        may_end: Callable[[], Awaitable[str]] = may_always_end,
        ask: Callable[[str, tuple[str, ...]], Awaitable[str]] = nobody_to_ask,
        guidance: str = "Be brief.",
        attempt: int = 1,
        model: str | None = None,
    ) -> AsyncIterator[tuple[Session, Sandbox]]:
        """A sandbox with the agent running in it."""
        job = Job(session=self.session, model=model, guidance=guidance, attempt=attempt)
        upstream = Upstream(base_url=self.model.url, api_key=Secret(CANARY))
        broker = SocketBroker(self.home / "run", upstream, NetworkRules(), own=self.sandboxes.own)
        permit = Pass(task=TaskId("t"), model=True, limits=self.limits)
        async with broker.open(permit, self.tell, self.spend) as exit:
            mounts, variables = self.agent.box(job, exit.socket)
            box = Box(
                workspace=self.workspace,
                home=self.home / "home",
                mounts=mounts,
                environment=variables,
                exit=exit.socket,
            )
            tools = Tools(verify=verify, may_end=may_end, ask=ask)
            async with (
                self.sandboxes.open(box) as sandbox,
                self.agent.open(job, sandbox, exit, tools, self.tell) as session,
            ):
                yield session, sandbox

    def transcript(self) -> Path:
        return self.home / "home" / ".claude" / "projects" / "-workspace" / f"{self.session}.jsonl"


@asynccontextmanager
async def world(
    folder: Path, sandboxes: Bubblewrap, scenarios: Sequence[Scenario], *, strict: bool = True, retries: int = 1
) -> AsyncIterator[World]:
    """`sandboxes` may be shared: it holds the copy of the binary, where one is needed."""
    async with ScriptedModel(scenarios, key=CANARY, strict=strict) as model:
        agent = ClaudeCode(lambda: sandboxes.runtime("claude"), key=Key.API_KEY, retries=retries)
        made = World(home=folder, sandboxes=sandboxes, model=model, agent=agent)
        (folder / "run").mkdir()
        for name in ("workspace", "home"):
            (folder / name).mkdir()
        subprocess.run(["git", "init", "-q", "-b", "main", str(made.workspace)], check=True)
        (made.workspace / "player.py").write_text("def first(songs):\n    return songs[0]\n")
        for name in ("workspace", "home"):
            sandboxes.own(folder / name)
        yield made
        told = json.dumps([str(event) for event in made.events])
        assert CANARY not in told
