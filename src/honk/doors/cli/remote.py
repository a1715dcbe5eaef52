"""A Honk behind a server: the same service, over its API."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote, urlsplit

import anyio
import httpx

from honk.domain.codec import dump
from honk.domain.event import Event
from honk.domain.message import File, Image, Message, Waiting
from honk.domain.person import Person
from honk.domain.task import Task
from honk.domain.text import Secret
from honk.domain.turn import Turn
from honk.doors.cli.house import only_there
from honk.doors.cli.remote_freezing import RemoteFreezing
from honk.doors.cli.remote_working import RemoteWorking
from honk.doors.cli.wire import Wire
from honk.errors import Usage
from honk.service import (
    About,
    Accepted,
    Again,
    Approval,
    Approved,
    Artifact,
    Diagnosis,
    Difference,
    Go,
    HandOver,
    Listed,
    NewTask,
    Pressed,
    Query,
    Reply,
    Review,
    Said,
    Words,
)
from honk.service.promoting import Ended, PromotionWanted
from honk.service.repositories import Candidate
from honk.views import Branch, Card, Merging, Promoting

if TYPE_CHECKING:  # no server lends them
    from honk.app import App
    from honk.service.entering import Entering
    from honk.service.linking import Linking


class Remote(RemoteWorking, RemoteFreezing):
    """Implements honk.service.Service on a server."""

    # ── looking ────────────────────────────────────────────────────────────────────────────────
    async def about(self) -> About:
        return await self._wire.get(About, "/about")

    async def diagnose(self) -> tuple[Diagnosis, ...]:
        return await self._wire.get(tuple[Diagnosis, ...], "/doctor")

    async def find(self, task: str) -> Task:
        return await self._wire.get(Task, _of(task))

    async def tasks(self, query: Query) -> Listed:
        asked = {"state": list(query.states), "repository": query.repository, "before": query.before}
        asked |= {"mine": "true"} if query.mine else {}
        return await self._wire.get(Listed, "/tasks", limit=query.limit, **asked)

    async def repositories(self, search: str = "", limit: int = 100) -> tuple[Candidate, ...]:
        return await self._wire.get(tuple[Candidate, ...], "/repositories", search=search, limit=limit)

    async def card(self, task: str) -> Card:
        return await self._wire.get(Card, _of(task, "card"))

    async def merging(self, task: str) -> Merging:
        return await self._wire.get(Merging, _of(task, "merging"))

    async def branch(self, task: str) -> Branch:
        return await self._wire.get(Branch, _of(task, "branch"))

    async def turn(self, task: str, number: int) -> Turn:
        return await self._wire.get(Turn, _of(task, "turns", str(number)))

    async def events(self, task: str, after: int = 0, limit: int = 10_000) -> tuple[Event, ...]:
        return await self._wire.events(_of(task, "events"), after=after, limit=limit)

    async def follow(self, task: str, after: int = 0) -> AsyncGenerator[Event, None]:
        async with aclosing(self._wire.follow(_of(task, "events"), after)) as events:
            async for event in events:
                yield event

    async def difference(self, task: str) -> Difference:
        return await self._wire.get(Difference, _of(task, "diff"))

    async def patch(self, task: str) -> bytes:
        return await self._wire.content(_of(task, "patch"))

    async def artifacts(self, task: str) -> tuple[Artifact, ...]:
        return await self._wire.get(tuple[Artifact, ...], _of(task, "artifacts"))

    # ── acting ─────────────────────────────────────────────────────────────────────────────────
    async def submit(self, wanted: NewTask, *, id: str = "") -> Accepted:
        return await self._wire.post(Accepted, "/tasks", dump(NewTask, wanted), key=id)

    async def add_image(self, name: str, content: bytes) -> Image:
        return await self._wire.post(Image, "/images", content, again=True, name=name)

    async def add_file(self, name: str, content: bytes | Path) -> File:
        body = content if isinstance(content, bytes) else await anyio.Path(content).read_bytes()
        return await self._wire.post(File, "/files", body, again=True, name=name)

    async def reply(self, task: str, said: Reply, *, id: str = "") -> Said:
        return await self._wire.post(Said, _of(task, "messages"), dump(Reply, said), key=id)

    async def approve_plan(self, task: str, go: Go, *, id: str = "") -> Said:
        return await self._wire.post(Said, _of(task, "go"), dump(Go, go), key=id)

    async def messages(self, task: str) -> tuple[Waiting, ...]:
        return await self._wire.get(tuple[Waiting, ...], _of(task, "messages"))

    async def edit(self, task: str, message: str, text: str) -> Message:
        words = dump(Words, Words(text=text))
        return await self._wire.send("PATCH", Message, _of(task, "messages", message), words, again=True)

    async def withdraw(self, task: str, message: str) -> Message:
        return await self._wire.send("DELETE", Message, _of(task, "messages", message))

    async def hand_over(self, task: str, wanted: HandOver, *, id: str = "") -> Said:
        return await self._wire.post(Said, _of(task, "hand-over"), dump(HandOver, wanted), key=id)

    async def stop(self, task: str) -> Task:
        return await self._wire.post(Task, _of(task, "stop"), again=True)

    async def resume(self, task: str) -> bool:
        return await self._wire.post(bool, _of(task, "resume"), again=True)

    async def retry(self, task: str, *, point: str | None = None, id: str = "") -> Task:
        return await self._wire.post(Task, _of(task, "retry"), dump(Again, Again(point=point)), key=id)

    async def approve(self, task: str, review: Review) -> Approved:
        return await self._wire.post(Approved, _of(task, "approve"), dump(Review, review), again=True)

    async def merge(self, task: str, approval: Approval, *, id: str = "") -> Pressed:
        return await self._wire.post(Pressed, _of(task, "merge"), dump(Approval, approval), key=id)

    async def update(self, task: str, *, id: str = "") -> Said:
        return await self._wire.post(Said, _of(task, "update"), key=id)

    async def revert(self, task: str, *, id: str = "") -> Accepted:
        return await self._wire.post(Accepted, _of(task, "revert"), key=id)

    async def promoting(self, task: str) -> Promoting:
        return await self._wire.get(Promoting, _of(task, "promoting"))

    async def promote(self, task: str, wanted: PromotionWanted, *, id: str = "") -> Pressed:
        return await self._wire.post(Pressed, _of(task, "promote"), dump(PromotionWanted, wanted), key=id)

    async def deployed(self, task: str, ended: Ended) -> None:
        await self._wire.post(bool, _of(task, "deployed"), dump(Ended, ended), again=True)

    async def undo(self, task: str, *, id: str = "") -> Pressed:
        return await self._wire.post(Pressed, _of(task, "undo"), key=id)

    async def forget(self, task: str) -> int:
        return await self._wire.send("DELETE", int, _of(task, "records"), again=True)


def _of(task: str, *more: str) -> str:
    name = "last" if task == "-" else task
    return "/".join(("/tasks", *(quote(part, safe="") for part in (name or "-", *more))))


@dataclass(frozen=True, kw_only=True)
class RemoteHouse:
    """Implements honk.doors.cli.house.House: a server does the work."""

    server: str
    service: Remote

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """The server works on the tasks."""
        yield False

    def working(self) -> AbstractAsyncContextManager[None]:
        self._only_there()

    @property
    def home(self) -> Path:
        self._only_there()

    @property
    def app(self) -> "App":
        self._only_there()

    @property
    def person(self) -> Person:
        self._only_there()

    @property
    def linking(self) -> "Linking":
        self._only_there()

    @property
    def entering(self) -> "Entering":
        self._only_there()

    @property
    def listens(self) -> tuple[str, int]:
        self._only_there()

    def spares(self) -> AbstractAsyncContextManager[None]:
        self._only_there()

    def serving(self, host: str, port: int) -> AbstractAsyncContextManager[str]:
        self._only_there()

    def close_doors(self) -> None:
        self._only_there()

    async def resume(self) -> tuple[Task, ...]:
        self._only_there()

    async def collect(self, days: float) -> int:
        self._only_there()

    def _only_there(self) -> NoReturn:
        raise only_there(self.server)


@asynccontextmanager
async def open_remote(url: str, token: Secret) -> AsyncIterator[RemoteHouse]:
    """The Honk at that address, as the person of the token. Nothing is asked yet."""
    if not token:
        raise Usage(f"HONK_URL is {url}, but HONK_TOKEN is not set", "`honk token create` on the server makes a token")
    # as a header it would be refused with an error that shows it
    if not re.fullmatch("[!-~]+", token.reveal()):
        raise Usage("HONK_TOKEN is no access token", "`honk token create` on the server makes one")
    local = urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=httpx.Timeout(60, connect=10), trust_env=not local
    ) as client:
        yield RemoteHouse(server=url, service=Remote(Wire(client, url)))
