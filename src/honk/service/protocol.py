"""Everything that a door may ask of Honk, in the name of one person."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

from honk.domain.event import Event
from honk.domain.message import File, Image, Message, Waiting
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.service.freezing import Freezing
from honk.service.governing import Governing
from honk.service.nouns import (
    About,
    Accepted,
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
)
from honk.service.promoting import Promotes
from honk.service.repositories import Candidate
from honk.service.uploads import Uploads
from honk.service.working import Working
from honk.views import Branch, Card, Merging


class Looking(Protocol):
    """What changes nothing. `task` is the beginning of a task's id, or "last".

    Raises Unknown where there is no such task, Usage where several begin so.
    """

    async def about(self) -> About: ...

    async def diagnose(self) -> tuple[Diagnosis, ...]:
        """Tries everything that can fail later, where the work is done."""

    async def find(self, task: str) -> Task: ...

    async def tasks(self, query: Query) -> Listed: ...

    async def repositories(self, search: str = "", limit: int = 100) -> tuple[Candidate, ...]:
        """Those that the person may use and that have every word of the search, most recently used first."""

    async def card(self, task: str) -> Card: ...

    async def merging(self, task: str) -> Merging:
        """What there is to know before `merge` is pressed; it refuses nothing, and says what would."""

    async def branch(self, task: str) -> Branch:
        """Where the task's branch can be fetched. Raises NotNow while there is none."""

    async def turn(self, task: str, number: int) -> Turn: ...

    async def events(self, task: str, after: int = 0, limit: int = 10_000) -> tuple[Event, ...]:
        """Events with `seq` greater than `after`, in order."""

    def follow(self, task: str, after: int = 0) -> AsyncGenerator[Event, None]:
        """The same, and then those that follow, as they happen. Ends when the server does."""

    async def difference(self, task: str) -> Difference: ...

    async def patch(self, task: str) -> bytes:
        """What the task changed, byte for byte, as `git apply` takes it."""

    async def artifacts(self, task: str) -> tuple[Artifact, ...]:
        """Builds, full logs, pictures and files of the task."""


class Acting(Protocol):
    """What changes something: the policy is asked at each act. Raises NotAllowed, NotNow, Usage.

    An `id` names the request: made again with the same one, it has no second effect.
    """

    async def submit(self, wanted: NewTask, *, id: str = "") -> Accepted: ...

    async def add_image(self, name: str, content: bytes) -> Image:
        """Keeps a picture for a message. Raises Usage for what is none, or is too large."""

    async def add_file(self, name: str, content: bytes | Path) -> File:
        """Keeps a file for a message, under a name made safe. Raises Usage for one that is too large."""

    async def reply(self, task: str, said: Reply, *, id: str = "") -> Said: ...

    async def approve_plan(self, task: str, go: Go, *, id: str = "") -> Said:
        """The plan that waits is carried out, in a turn of its own. Raises NotNow when it does not wait (any more).

        To change it, `reply`; to cancel it, `stop`.
        """

    async def messages(self, task: str) -> tuple[Waiting, ...]:
        """Messages that no turn and no agent has had yet, oldest first."""

    async def edit(self, task: str, message: str, text: str) -> Message:
        """Other words for a message that still waits. Raises Unknown, or NotNow when the agent has it."""

    async def withdraw(self, task: str, message: str) -> Message:
        """A message that still waits is not worked on. Raises as `edit` does."""

    async def hand_over(self, task: str, wanted: HandOver, *, id: str = "") -> Said:
        """Another agent or model goes on, in the same workspace and pull request."""

    async def stop(self, task: str) -> Task: ...

    async def resume(self, task: str) -> bool:
        """Goes on with what was cut off; False when nothing was."""

    async def retry(self, task: str, *, point: str | None = None, id: str = "") -> Task: ...

    async def approve(self, task: str, review: Review) -> Approved:
        """Exactly that commit is good, says the person; nothing is merged by it. Twice: no effect.

        Raises NotNow when the branch has moved since.
        """

    async def merge(self, task: str, approval: Approval, *, id: str = "") -> Pressed:
        """Raises NotNow where the branch has moved since the person looked, or the policy asks for more."""

    async def update(self, task: str, *, id: str = "") -> Said:
        """Merges the base into the task's branch, in a turn of its own. Raises NotNow without a pull request."""

    async def revert(self, task: str, *, id: str = "") -> Accepted:
        """A new task that takes the merged change back, by a pull request. Raises NotNow where nothing was merged."""

    async def undo(self, task: str, *, id: str = "") -> Pressed:
        """The same `id` again has no effect, and the same answer."""

    async def forget(self, task: str) -> int:
        """Deletes transcript, workspace and artifacts for good; returns the bytes of artifacts."""


class Service(Looking, Acting, Governing, Uploads, Freezing, Promotes, Working, Protocol):
    """A Honk, in this process or behind a server."""
