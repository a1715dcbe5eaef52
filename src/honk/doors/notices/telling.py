"""events → postings. Each event is looked at once, by whichever server is first, and what comes of it stored then."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from honk.domain.event import Event, TaskSettled
from honk.domain.notice import Posting
from honk.domain.task import TaskId
from honk.doors.notices.backstage import Backstage
from honk.doors.notices.choosing import postings_for
from honk.errors import HonkError
from honk.views.notices import TOLD, notice_of, still_so

_log = structlog.get_logger()

#: What is older is no news any more, such as after a server that was down for days.
STALE = timedelta(days=1)
#: tasks
_AT_A_TIME = 200


class Telling:
    """Finds what people are to be told."""

    def __init__(self, stage: Backstage) -> None:
        self._stage = stage

    async def look(self, of: frozenset[TaskId] | None = None) -> bool:
        """Looks at what is new of these tasks, or of all; whether there may be more."""
        behind = await self._stage.outbox.behind(_AT_A_TIME, of=of)
        looked = 0
        for task, before in behind.items():
            try:
                looked += await self._task(task, before)
            except HonkError as error:
                _log.warning("nobody could be told of a task", task=task, reason=error.message)
        return looked > 0 and len(behind) >= _AT_A_TIME

    async def _task(self, id: TaskId, before: int) -> bool:
        """False where somebody else was first."""
        ports = self._stage.ports
        fresh = await ports.events.read(id, before)
        told = max([event.seq for event in fresh], default=(await ports.events.latest((id,))).get(id, before))
        postings = [one for event in fresh for one in await self._postings(event)]
        return await self._stage.outbox.look(id, before=before, told=told, postings=tuple(postings))

    async def _postings(self, event: Event) -> tuple[Posting, ...]:
        ports = self._stage.ports
        if not isinstance(event.data, TOLD) or ports.clock() - event.at > STALE:
            return ()
        task = await ports.tasks.get(event.task)
        notice = notice_of(event, await before(event, self._stage), task)
        if notice is None or not still_so(event, task):
            return ()
        return await postings_for(notice, task, self._stage)


async def before(event: Event, stage: Backstage) -> Sequence[Event]:
    """What came before it in its turn, where that matters for what is said."""
    if not isinstance(event.data, TaskSettled):
        return ()
    log = await stage.ports.events.read(event.task)
    return [one for one in log if one.seq < event.seq and one.turn == event.turn]
