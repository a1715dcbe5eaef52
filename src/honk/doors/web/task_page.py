"""`/tasks/<id>`: what was asked, how it stands, what happened turn by turn, and what can be done next.

The page is complete as it is; with a script it goes on by itself (`live_page`).
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.event import Event
from honk.domain.person import PersonId
from honk.domain.task import BUSY, Task, TaskId
from honk.doors.web.contacts import contacts
from honk.doors.web.possible import possible
from honk.doors.web.presence import Presence
from honk.doors.web.reading import Readings, first_new
from honk.doors.web.rendering import page
from honk.doors.web.thread import Room, doing, lines, turn_shown, waiting
from honk.ports import Events
from honk.service import Local
from honk.views import elapsed, next_steps
from honk.views.shown import card

#: tasks whose logs are kept in memory, for those who follow them
_LOGS = 64


@dataclass(frozen=True, kw_only=True)
class Logs:
    """The logs of the tasks that were looked at last: read once, then only what is new of them."""

    _kept: OrderedDict[TaskId, tuple[Event, ...]] = field(default_factory=OrderedDict)

    async def read(self, events: Events, task: TaskId) -> tuple[Event, ...]:
        """All of it."""
        before = self._kept.get(task, ())
        log = before + await events.read(task, before[-1].seq if before else 0, 1_000_000)
        if len(log) >= len(self._kept.get(task, ())):
            self._kept[task] = log
        self._kept.move_to_end(task)
        while len(self._kept) > _LOGS:
            self._kept.popitem(last=False)
        return log


@dataclass(frozen=True, kw_only=True)
class TaskPage:
    """The page, and what its parts show."""

    readings: Readings
    presence: Presence
    logs: Logs = field(default_factory=Logs)

    async def task(self, request: Request, service: Local, found: Task) -> Response:
        """The whole page."""
        shown = await self.shown(request, service, found)
        mark = await self.readings.of(service.person.id, found.id)
        new = first_new(shown["log"], mark, service.person.id)
        since = _since(mark.at, service.app.ports.clock()) if mark and new else ""
        return page(request, "task.html", **shown, s=shown, new=new, new_since=since)

    async def shown(self, request: Request, service: Local, found: Task) -> dict[str, Any]:
        """What the page says, as of its events; what is read after them is at least as new."""
        ports = service.app.ports
        log = await self.logs.read(ports.events, found.id)
        found = await ports.tasks.get(found.id)
        stands = await card(found, ports=ports, log=log)
        turns = [await ports.tasks.turn(found.id, number) for number in range(found.turn, 0, -1)]
        people = [*(event.actor for event in log), *(turn.message.by for turn in turns)]
        names = await names_of(service, people)
        room = Room()
        can = await possible(service, stands, log)
        return {
            "visit": request.state,
            "card": stands,
            "task": found,
            "log": log,
            "seq": log[-1].seq if log else 0,
            "age": elapsed(found.created_at, ports.clock()),
            "busy": found.state in BUSY or await _begun(service, found),
            "doing": (doing(log) or "") if found.state in BUSY else "",
            "waiting": waiting(log, frozenset(turn.message.id for turn in turns)),
            "turns": [turn_shown(turn, log, names, room, latest=turn.number == found.turn) for turn in turns],
            "before": lines([event for event in log if event.turn == 0], names)[0],
            "steps": next_steps(stands),
            "can": can,
            "told": (await ports.tasks.get_person(found.told)).name,
            "contacts": await contacts(service, found, log) if can.reply else [],
            "others": self.presence.others(found.id, service.person.id),
        }


def _since(at: datetime, now: datetime) -> str:
    """The time alone says enough of the last hours."""
    return at.astimezone(UTC).strftime("%H:%M UTC" if now - at < timedelta(hours=12) else "%Y-%m-%d %H:%M UTC")


async def names_of(service: Local, people: Iterable[PersonId | None]) -> dict[PersonId, str]:
    """What they are called."""
    return {id: (await service.app.ports.tasks.get_person(id)).name for id in set(people) if id is not None}


async def _begun(service: Local, found: Task) -> bool:
    """Whether something was pressed that no state shows yet, such as a merge."""
    pressed = (f"land/{found.id}/", f"undo/{found.id}/")
    return any(one.startswith(pressed) for one in await service.app.journal.unfinished())
