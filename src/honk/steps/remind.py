"""question → reminder: once a period while nobody answers, a few times, whoever serves.

A reminder is an event with a key, so that it is given once, however often processes begin anew; which one
is due follows from the moment of the question alone.
"""

from datetime import datetime, timedelta

import anyio

from honk.domain.event import PlanProposed, QuestionAsked, QuestionReminded
from honk.domain.plan import WAITS
from honk.domain.task import State, TaskId
from honk.ports import Ports

#: How often people are reminded of one question.
REMINDERS = 3
_LONGEST_LOOK = 600.0
#: Tasks that are looked at.
_MANY = 100_000


class Reminders:
    """Reminds people of questions of which the answer is overdue."""

    def __init__(self, after: timedelta, *, ports: Ports) -> None:
        self._after = after
        self._ports = ports
        #: the questions that wait, by task and turn; None where the task waits for something else
        self._known: dict[tuple[TaskId, int], tuple[datetime, str] | None] = {}

    async def keep(self) -> None:
        """Looks for as long as it is not cancelled."""
        while True:
            await self.look()
            await anyio.sleep(min(self._after.total_seconds() / 20, _LONGEST_LOOK))

    async def look(self) -> None:
        """Gives the reminders that are due now."""
        waiting = await self._ports.tasks.list(states=frozenset({State.WAITING}), limit=_MANY)
        names = {(task.id, task.turn) for task in waiting}
        self._known = {name: asked for name, asked in self._known.items() if name in names}
        for name in names:
            if name not in self._known:
                self._known[name] = await self._asked(*name)
            if (asked := self._known[name]) is not None:
                await self._remind(*name, *asked)

    async def _asked(self, task: TaskId, turn: int) -> tuple[datetime, str] | None:
        events = await self._ports.events.read(task)
        asked = [
            (one.at, one.data.question if isinstance(one.data, QuestionAsked) else WAITS)
            for one in events
            if one.turn == turn and isinstance(one.data, QuestionAsked | PlanProposed)
        ]
        return asked[-1] if asked else None

    async def _remind(self, task: TaskId, turn: int, at: datetime, question: str) -> None:
        waited = self._ports.clock() - at
        number = int(waited / self._after)
        if not 1 <= number <= REMINDERS:
            return
        hours = round(number * self._after.total_seconds() / 3600, 2)
        reminded = QuestionReminded(question=question, hours=hours)
        await self._ports.events.record(task, turn, reminded, key=f"reminded/{at.isoformat()}/{number}")
