"""Waits of the real adapters and of the real gate say why; docs/reference/waits.md lists all of them."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from broker_world import GOOD, Request, Server, World

from honk.adapters.broker import Patience
from honk.domain.event import AgentWaits, EventData, StepProgressed
from honk.domain.task import TaskId
from honk.ports.slow import progress, slow
from honk.testing.gate_world import GateWorld
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio


class Told:
    """What was told, and a way to wait for it."""

    def __init__(self) -> None:
        self.details: list[str] = []
        self._news = anyio.Event()

    async def tell(self, data: EventData) -> None:
        if isinstance(data, StepProgressed):
            self.details.append(data.detail)
        elif isinstance(data, AgentWaits):
            self.details.append(data.reason)
        self._news.set()

    async def until(self, words: str) -> str:
        while not (found := [one for one in self.details if words in one]):
            self._news = anyio.Event()
            await self._news.wait()
        return found[0]


@contextmanager
def silent() -> Iterator[int]:
    """A server that takes connections and says nothing; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


# ── the means itself ───────────────────────────────────────────────────────────────────────────
async def test_what_is_quick_says_nothing() -> None:
    told = Told()
    async with slow(told.tell, progress("prepare", "asking"), after=60):
        await asyncio.sleep(0)
    assert told.details == []


async def test_what_is_slow_says_so_again_and_again_until_it_ends() -> None:
    told = Told()
    async with slow(told.tell, progress("prepare", "asking"), after=0.0, every=0.001):
        while len(told.details) < 3:
            await asyncio.sleep(0)
    count = len(told.details)
    await anyio.wait_all_tasks_blocked()
    assert len(told.details) == count and told.details[0] == "asking (0 s so far)"


async def test_an_error_passes_through_as_it_is_and_a_failed_telling_harms_nothing() -> None:
    tried = anyio.Event()

    async def broken(_: EventData) -> None:
        tried.set()
        raise OSError("the store is gone")

    with pytest.raises(KeyError):
        async with slow(broken, progress("prepare", "asking"), after=0.0):
            await tried.wait()
            raise KeyError


# ── git ────────────────────────────────────────────────────────────────────────────────────────
async def test_a_git_server_that_says_nothing_is_named(tmp_path: Path) -> None:
    world, told = GitWorld(tmp_path, PlainSandboxes()), Told()
    with silent() as port:
        repository = world.repositories.identify(f"http://127.0.0.1:{port}/music.git")
        async with anyio.create_task_group() as group:
            group.start_soon(world.repositories.refresh, repository, told.tell)
            assert await told.until("asking") == "asking music for its branches (2 s so far)"
            group.cancel_scope.cancel()


async def test_whoever_waits_for_a_repository_is_told_which_task_has_it(tmp_path: Path) -> None:
    world, told = GitWorld(tmp_path, PlainSandboxes()), Told()
    repository = world.repositories.identify(str(world.make()))
    async with world.repositories.mirrors.locked(repository, holder="task fix-the-crash"):
        waiting = asyncio.create_task(world.repositories.refresh(repository, told.tell))
        said = await told.until("waiting")
    await waiting
    assert said == "waiting: music is being fetched already for task fix-the-crash"
    assert (await world.repositories.base(repository, None)).branch == "main"


# ── the gate ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.sandbox
@pytest.mark.seconds(60)
async def test_set_up_says_at_which_line_it_is_and_another_task_for_whom_it_waits(short_tmp: Path) -> None:
    world, first, second = GateWorld(short_tmp), Told(), Told()
    config = 'setup = ["echo Collecting numpy; echo about to build >&2; sleep 4"]\nverify = ["true"]\n'
    world.commit({".honk.toml": config, "song.txt": "la\n"})
    exam = await world.exam(None)
    async with anyio.create_task_group() as group:
        group.start_soon(world.gate.baseline, exam, first.tell)
        assert (await first.until("so far")).endswith("(2 s so far): about to build")
        group.start_soon(world.gate.baseline, replace(exam, task=TaskId("task-2")), second.tell)
        assert await second.until("waits") == "waits for task task-1, which makes the same one"


# ── the model ──────────────────────────────────────────────────────────────────────────────────
async def test_a_model_that_does_not_begin_to_answer_is_told(short_tmp: Path) -> None:
    answer_now = asyncio.Event()

    async def late(request: Request, writer: asyncio.StreamWriter) -> None:
        await answer_now.wait()
        await GOOD(request, writer)

    async with Server(late) as upstream:
        world = World(run_dir=short_tmp, port=upstream.port, patience=Patience(quiet=0.01))
        async with world.open() as inside, anyio.create_task_group() as group:
            group.start_soon(inside.ask)
            while not inside.told(AgentWaits):
                await asyncio.sleep(0)
            answer_now.set()
        (said, *_) = inside.told(AgentWaits)
    assert isinstance(said, AgentWaits) and said.reason.startswith("the model's server has not begun to answer")
