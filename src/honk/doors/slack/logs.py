"""The event logs of tasks that are talked about: each event is read from the store once."""

from honk.domain.event import Event
from honk.domain.task import TaskId
from honk.ports import Events

#: events that are kept for all tasks together; of those that were looked at longest ago all are read again
_KEPT = 50_000
#: more than any log has
_PAGE = 1_000_000


class Logs:
    """An event log is append-only, so what was read stays true."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._kept: dict[TaskId, tuple[Event, ...]] = {}

    async def of(self, task: TaskId) -> tuple[Event, ...]:
        """The task's events up to now, in order."""
        log = self._kept.pop(task, ())
        log += await self._events.read(task, log[-1].seq if log else 0, _PAGE)
        self._kept[task] = log
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return log
