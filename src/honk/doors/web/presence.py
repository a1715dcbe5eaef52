"""Who has a task's page open now. It is known to this server alone, and forgotten with it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from honk.domain.person import Person, PersonId
from honk.domain.task import TaskId


class Presence:
    """The open pages of each task."""

    def __init__(self) -> None:
        self._here: dict[TaskId, list[Person]] = {}
        self._changed: dict[TaskId, asyncio.Event] = {}

    @contextmanager
    def of(self, task: TaskId, person: Person) -> Iterator[None]:
        """The person looks at the task until the end of this; in several tabs, until the last is closed."""
        self._here.setdefault(task, []).append(person)
        self._tell(task)
        try:
            yield
        finally:
            self._here[task].remove(person)
            self._tell(task)
            if not self._here[task]:
                del self._here[task]
                self._changed.pop(task, None)

    def others(self, task: TaskId, than: PersonId) -> tuple[str, ...]:
        """Names of everybody else who looks at it, each once."""
        return tuple(sorted({one.name for one in self._here.get(task, ()) if one.id != than}, key=str.casefold))

    def changed(self, task: TaskId) -> asyncio.Event:
        """Is set when somebody comes or goes; each time it is another one."""
        return self._changed.setdefault(task, asyncio.Event())

    def _tell(self, task: TaskId) -> None:
        event = self._changed.pop(task, None)
        if event is not None:
            event.set()
