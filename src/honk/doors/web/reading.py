"""How far each person has read in each task: kept in the store, so that it is the same on every device.

Only a POST says that something was read: links are looked at by previews and prefetched by browsers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from honk.domain.event import AgentWrote, Event
from honk.domain.person import PersonId
from honk.domain.task import Task, TaskId
from honk.doors.web.rendering import HEADERS, problem
from honk.doors.web.signing_in import Sessions
from honk.ports import Preferences
from honk.service import Local
from honk.views import sentence

_MARK = re.compile(r"([0-9]{1,10})\.([0-9]{1,12})")
_NAME = "mark"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Up to where somebody read, and when."""

    seq: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Nobody sees or moves another's mark: it is found by who is signed in."""

    sessions: Sessions
    preferences: Preferences

    async def of(self, person: PersonId, task: TaskId) -> Mark | None:
        """None for who has never been there."""
        kept = await self.preferences.read(_subject(person, task))
        match = _MARK.fullmatch(kept.get(_NAME, ""))
        return Mark(seq=int(match[1]), at=datetime.fromtimestamp(int(match[2]), UTC)) if match else None

    async def seen(self, request: Request, service: Local, found: Task) -> Response:
        """Moves the mark to the event that the page showed last; never back. A script gets no page for it."""
        form = await self.sessions.form(request)
        if form is None:
            remedy = "Go back, load the page again, and try once more."
            return problem(request, 403, "Nothing was changed", "This form was not filled in here.", remedy)
        number = form.get("seq", "")
        latest = (await service.app.ports.events.latest((found.id,))).get(found.id, 0)
        seq = min(int(number), latest) if re.fullmatch("[0-9]{1,10}", number) else 0
        before = await self.of(service.person.id, found.id)
        if seq and (before is None or seq > before.seq):
            now = int(service.app.ports.clock().timestamp())
            await self.preferences.write(_subject(service.person.id, found.id), {_NAME: f"{seq}.{now}"})
        if "quiet" in form:
            return Response(status_code=204, headers=HEADERS)
        return RedirectResponse(f"/tasks/{found.id}", status_code=303, headers=HEADERS)


def first_new(log: Sequence[Event], mark: Mark | None, person: PersonId) -> int:
    """The seq of the first line that somebody else, or Honk, has added since; 0 where there is none."""
    if mark is None:
        return 0
    for event in log:
        if event.seq <= mark.seq or event.actor == person:
            continue
        if not (isinstance(event.data, AgentWrote) and event.data.partial) and sentence(event):
            return event.seq
    return 0


def _subject(person: PersonId, task: TaskId) -> str:
    return f"seen/{person}/{task}"
