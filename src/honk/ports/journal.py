"""The durable engine's record of finished steps."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

T = TypeVar("T")
#: seconds before each further try of a step that raised Retryable
RETRY_DELAYS = (1.0, 4.0, 15.0)


class Once(Protocol):
    """Runs a step, or returns what it returned when it finished before a crash.

    A step cut off by a crash runs again, so its effects must bear being repeated. `returns` is a
    JSON-serialisable type (domain dataclass, builtin, or union of them). Errors propagate;
    `Retryable` ones after one more try than there are RETRY_DELAYS, but for trouble of the machine: whoever
    pauses the work has tried that again already.
    """

    async def __call__(self, name: str, returns: type[T], step: Callable[[], Awaitable[T]]) -> T: ...


#: A workflow: gets its payload and `once`, returns a JSON-serialisable string.
Workflow = Callable[[str, Once], Awaitable[str]]


class Journal(Protocol):
    """The durable engine's record of finished steps."""

    def serve(self, workflows: Mapping[str, Workflow]) -> AbstractAsyncContextManager[None]:
        """Runs started workflows of these kinds in this process while the context is open.

        On leaving, workflows under way are cut off; like those that a crash cut off, they go on when
        somebody starts them again.
        """

    async def start(self, kind: str, id: str, payload: str) -> None:
        """Starts a workflow, or resumes it where a crash cut it off. Running or finished: no effect."""

    async def wait(self, id: str) -> str:
        """What the workflow returned. Raises what it raised."""

    async def cancel(self, id: str) -> None:
        """Cuts the workflow off for good. Unknown or finished: no effect."""

    async def finished(self, id: str) -> Mapping[str, str]:
        """What the workflow's steps returned, by name and in order, as JSON of honk.domain.codec; no errors.

        Empty for an unknown workflow.
        """

    async def unfinished(self) -> tuple[str, ...]:
        """Ids of the workflows that were started and have not ended."""

    async def waiting(self) -> tuple[str, ...]:
        """Ids of those that wait for a free place, the next one first. What was cut off does not wait."""
