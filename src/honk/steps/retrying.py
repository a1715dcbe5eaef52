"""a step that failed for now → its next try: people are told at once why, and when it is tried again."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from honk.domain.event import StepProgressed
from honk.domain.task import TaskId
from honk.errors import MachineInTrouble, Retryable
from honk.ports import Once, Ports
from honk.ports.journal import RETRY_DELAYS

T = TypeVar("T")


def telling(once: Once, task: TaskId, turn: int, *, ports: Ports) -> Once:
    """The same `once`, whose every failed try of a step that the journal repeats is an event."""

    async def run(name: str, returns: type[T], step: Callable[[], Awaitable[T]]) -> T:
        failed = 0

        async def told() -> T:
            nonlocal failed
            try:
                return await step()
            except MachineInTrouble:  # a pause, which speaks for itself
                raise
            except Retryable as error:
                if failed < len(RETRY_DELAYS):
                    said = f"{error.message}; trying again in {RETRY_DELAYS[failed]:.0f} s"
                    said += f" (try {failed + 2} of {len(RETRY_DELAYS) + 1})"
                    await ports.events.record(task, turn, StepProgressed(step=name.partition("/")[0], detail=said))
                failed += 1
                raise

        return await once(name, returns, told)

    return run
