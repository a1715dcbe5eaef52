"""`/tasks/<id>/live`: what changes of a task's page while somebody has it open, as Server-Sent Events.

Each message is HTML: lines that belong at the end of a list (`data-in`), and parts that take the place of what has
their id (`data-part`). A line names its event (`data-seq`), so that none is shown twice. `id:` is the event up to
which lines and parts are complete; from there a follower goes on (`Last-Event-ID`, or `?after=`). `?once=1` answers
what is new, and ends: for who gets no stream through.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from honk.domain.event import (
    AgentCalledTool,
    AgentToolAnswered,
    AgentWaits,
    AgentWrote,
    EnvironmentReady,
    Event,
    ModelCalled,
    ModelFailed,
    NetworkDenied,
    SnapshotTaken,
    StepProgressed,
    VerifierFinished,
    VerifierStarted,
)
from honk.domain.person import PersonId
from honk.domain.task import Task
from honk.doors.web.rendering import HEADERS, fragments
from honk.doors.web.signing_in import Sessions
from honk.doors.web.task_page import TaskPage, names_of
from honk.doors.web.thread import doing, ends_writing, line
from honk.service import Local, Told
from honk.service.streaming import STILL_HERE, Stream

#: Events after which lines alone are new, and what they themselves say; after any other one the parts are made anew.
_LIGHT = (
    *(AgentCalledTool, AgentToolAnswered, AgentWaits, AgentWrote, EnvironmentReady, ModelCalled, ModelFailed),
    *(NetworkDenied, SnapshotTaken, StepProgressed, VerifierFinished, VerifierStarted),
)
#: seconds between two times that the parts are made for one follower
_PARTS_EVERY = 0.5
#: seconds after which others are told that somebody came or went: a page that is loaded again does both
_SETTLES = 1.0
#: seconds for which a visit that was ended may still follow
_ASKS_EVERY = 10.0
#: messages that are kept for others who follow
_KEPT = 1024
#: parts of the template stand apart by this; no words of others can contain it
_APART = "\0part\0"
#: what each form has anew
_NUMBERS = re.compile(r'(name="(?:once|nonce)" value=")[0-9a-f]*')


@dataclass(frozen=True, kw_only=True)
class LivePage:
    """The stream."""

    sessions: Sessions
    pages: TaskPage
    #: seconds between two times that the parts are made for one follower
    parts_every: float = _PARTS_EVERY
    settles: float = _SETTLES
    _made: OrderedDict[tuple[object, ...], bytes] = field(default_factory=OrderedDict)

    async def live(self, request: Request, service: Local, found: Task) -> Response:
        """What is new since the event that is named; then, unless it is asked once, what comes."""
        follower = _Follower(page=self, request=request, service=service, task=found, after=_after(request))
        if "once" not in request.query_params:
            return Stream(follower.chunks(), headers=HEADERS)
        body = await follower.told(await service.events(found.id, follower.after))
        if follower.owed:
            body += await follower.parts()
        return Response(body, media_type="text/event-stream", headers=HEADERS)

    def news(self, events: Sequence[Event], names: tuple[str, ...], owed: bool) -> bytes:
        """What these events say, made once for everybody who is told of them together."""
        key = (events[0].task, events[0].id, events[-1].id, names, owed)
        if (made := self._made.get(key)) is None:
            made = self._made[key] = frame(_told(events, names, owed), None if owed else events[-1].seq)
            if len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return made


def _told(events: Sequence[Event], names: Sequence[str], owed: bool) -> str:
    """Lines, and unless the parts say it soon, what goes on and what it has cost."""
    whole = max((at for at, event in enumerate(events) if ends_writing(event)), default=-1)
    html = []
    for at, (event, name) in enumerate(zip(events, names, strict=True)):
        if at < whole and isinstance(event.data, AgentWrote) and event.data.partial:
            continue  # said as a whole by what follows
        if made := line(event, {event.actor: name} if event.actor else {}):
            html.append(fragments("thread.html", "line", made))
    if (words := doing(events)) is not None and not owed:
        html.append(fragments("thread.html", "doing_part", words))
    calls = [event.data for event in events if isinstance(event.data, ModelCalled)]
    if calls and not owed:
        html.append(fragments("thread.html", "spent_part", calls[-1].total_usd, calls[-1].total_calls))
    return "".join(html)


@dataclass(kw_only=True)
class _Follower:
    """One open page, and what it was sent."""

    page: LivePage
    request: Request
    service: Local
    task: Task
    #: the event as of which the page was made
    after: int
    #: whether something happened that the parts do not show yet
    owed: bool = False
    #: the latest event that was told
    last: int = field(init=False)
    #: the latest turn that the page has
    known: int | None = None
    _sent: dict[str, str] = field(default_factory=dict)
    _names: dict[PersonId, str] = field(default_factory=dict)
    #: when the parts, and who is here, may be sent
    _next: float = 0.0
    _company: float | None = None
    #: when it is asked again whether the visit goes on
    _asks: float = 0.0

    def __post_init__(self) -> None:
        self.last = self.after

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Until the server ends, or the visit does."""
        presence, now = self.page.pages.presence, asyncio.get_running_loop().time
        with presence.of(self.task.id, self.service.person):
            moved = presence.changed(self.task.id)
            yield self._here() + STILL_HERE
            async with _batches(self.service.feed.follow(self.task.id, self.after)) as coming:
                while True:
                    batch = await coming.get(self._due(now()), moved)
                    if moved.is_set():
                        moved = presence.changed(self.task.id)
                        self._company = self._company or now() + self.page.settles
                    if coming.ended or not await self._may(now()):
                        return
                    if batch is not None:
                        yield await self.told([one.event for one in batch]) or STILL_HERE
                    if self.owed and now() >= self._next:
                        self._next = now() + self.page.parts_every
                        yield await self.parts()
                    if self._company is not None and now() >= self._company:
                        self._company = None
                        yield self._here()

    async def _may(self, now: float) -> bool:
        """Whether the visit goes on. To ask of each of hundreds at each event would make all of them late."""
        if now >= self._asks:
            self._asks = now + _ASKS_EVERY
            return await self.page.sessions.still(self.request)
        return True

    def _due(self, now: float) -> float | None:
        due = [at for at in (self._next if self.owed else None, self._company) if at is not None]
        return max(min(due) - now, 0.0) if due else None

    async def told(self, events: Sequence[Event]) -> bytes:
        """Their lines, and what they say of the present; nothing of the parts."""
        if not events:
            return b""
        self.last = events[-1].seq
        self.owed = self.owed or not all(isinstance(event.data, _LIGHT) for event in events)
        names = tuple([await self._name(event) for event in events])
        return self.page.news(events, names, self.owed)

    async def parts(self) -> bytes:
        """Those parts of the page that differ from what was sent before."""
        shown = await self.page.pages.shown(self.request, self.service, self.task)
        self.owed = False
        html = []
        self.known = _turn_at(shown["log"], self.after) if self.known is None else self.known
        made = fragments("thread.html", "parts", shown, self.known, Markup(_APART))
        self.known = shown["task"].turn
        for part in made.split(_APART):
            name, plain = part.split(">", 1)[0], _NUMBERS.sub(r"\1", part)
            if part.strip() and self._sent.get(name) != plain:
                self._sent[name] = plain
                html.append(part)
        return frame("".join(html), self.last)

    def _here(self) -> bytes:
        others = self.page.pages.presence.others(self.task.id, self.service.person.id)
        return frame(fragments("thread.html", "here_part", others))

    async def _name(self, event: Event) -> str:
        if event.actor is None:
            return ""
        if event.actor not in self._names:
            self._names |= await names_of(self.service, [event.actor])
        return self._names[event.actor]


class _Coming:
    """The next batch of a follower, waited for beside other things."""

    def __init__(self, batches: AsyncGenerator[Sequence[Told], None]) -> None:
        self._batches = batches
        self.next: asyncio.Future[Any] = asyncio.ensure_future(anext(batches))
        self._other: asyncio.Event | None = None
        self.waits: asyncio.Future[Any] | None = None
        self.ended = False

    async def get(self, seconds: float | None, other: asyncio.Event) -> Sequence[Told] | None:
        """The batch, () for a heartbeat; None after those seconds, when the other happens, or at the end."""
        if self.waits is None or self._other is not other:
            self._other, self.waits = other, asyncio.ensure_future(other.wait())
        await asyncio.wait((self.next, self.waits), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not self.next.done():
            return None
        try:
            batch = self.next.result()
        except StopAsyncIteration:
            self.ended = True
            return None
        self.next = asyncio.ensure_future(anext(self._batches))
        return tuple(batch)

    async def end(self) -> None:
        """Nothing is waited for any more."""
        jobs = [job for job in (self.next, self.waits) if job is not None]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await self._batches.aclose()


@asynccontextmanager
async def _batches(batches: AsyncGenerator[Sequence[Told], None]) -> AsyncIterator[_Coming]:
    coming = _Coming(batches)
    try:
        yield coming
    finally:
        await coming.end()


def frame(html: str, seq: int | None = None) -> bytes:
    """One message on the wire; b"" where it says nothing and completes nothing."""
    lines = [f"data: {one}" for one in re.split(r"\r\n|\r|\n", html)] if html else []
    if seq is not None:
        lines = [f"id: {seq}", *(lines or ["data:"])]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace") if lines else b""


def _turn_at(log: Sequence[Event], seq: int) -> int:
    """The latest turn of a page that was made as of that event."""
    return max((event.turn for event in log if event.seq <= seq), default=0)


def _after(request: Request) -> int:
    """The event after which to go on. A number that is none is as if there were none."""
    for text in (request.headers.get("last-event-id", ""), request.query_params.get("after", "")):
        if re.fullmatch("[0-9]{1,10}", text):
            return int(text)
    return 0
