"""What is remembered: tasks, events, records, artifacts."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from honk.domain.build import Build
from honk.domain.deployment import Deployment
from honk.domain.event import Event, EventData
from honk.domain.limits import Spending
from honk.domain.message import Handling, Message, MessageId, Waiting
from honk.domain.person import Identity, Person, PersonId
from honk.domain.pull_request import Comment, PullRequest
from honk.domain.repository import Sha, Used
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Outcome, Turn
from honk.domain.verdict import Verdict

#: Records one event of the task and turn at hand.
Tell = Callable[[EventData], Awaitable[object]]

#: The present moment, in UTC. Tests pass their own.
Clock = Callable[[], datetime]


class Mailbox(Protocol):
    """Messages on their way to a turn or to the agent at work. Every method is one transaction."""

    async def queue_message(self, task: TaskId, message: Message, handling: Handling = Handling.QUEUED) -> None:
        """Keeps a message until `begin_turn` makes it a turn, or the agent at work has it. Redelivery: no effect."""

    async def waiting(self, task: TaskId) -> tuple[Waiting, ...]:
        """In the order in which they came; those that are on their way to the agent among them."""

    async def edit_message(self, task: TaskId, id: MessageId, text: str, *, by: PersonId) -> None:
        """Other words, and the event of it. Raises Unknown, or NotNow when it does not wait any more."""

    async def withdraw_message(self, task: TaskId, id: MessageId, *, by: PersonId) -> None:
        """It will not be worked on; with the event of it. Raises Unknown, or NotNow when it does not wait any more."""

    async def hand_messages(self, task: TaskId, turn: int) -> tuple[Message, ...]:
        """Those for the agent at work, oldest first. From now on each is on its way: no longer edited or withdrawn."""

    async def take_back(self, task: TaskId, id: MessageId) -> None:
        """It did not reach the agent, so it waits again. Delivered meanwhile: no effect."""

    async def deliver(self, task: TaskId, turn: int, id: MessageId) -> None:
        """The agent has it: records `message.delivered` in the same transaction. Delivered already: no effect."""

    async def said(self, task: TaskId, turn: int) -> tuple[Message, ...]:
        """What the agent was told by people up to that turn: each turn's own message, then those delivered to it."""

    async def news(self, task: TaskId, seconds: float) -> None:
        """Returns when the task is to stop or a message for its agent comes; at the latest after so many seconds.

        At once for what this process does, within 0.3 s for what others do, at the price of one look for all who wait.
        It may return for nothing, so whoever waits looks again.
        """


class Plans(Protocol):
    """The end of a plan's waiting. It waits while its turn is the latest, has ended, and no message has come since."""

    async def approve_plan(self, task: TaskId, message: Message) -> bool:
        """Keeps a Go on the plan that it names, as `queue_message` does. False when that plan does not wait any more.

        Redelivery: True, and no effect.
        """

    async def cancel_plan(self, task: TaskId, plan: str, reason: str, *, by: PersonId) -> bool:
        """The task rests as stopped, with `task.moved`. False when that plan does not wait any more."""


class Tasks(Mailbox, Plans, Protocol):
    """Tasks, turns, people and the mailbox. Every method is one transaction."""

    async def person(self, identity: Identity, name: str) -> Person:
        """The person with this identity; made when unknown."""

    async def person_of(self, identity: Identity) -> Person | None:
        """The person with this identity; None, and nobody is made, when unknown."""

    async def get_person(self, id: PersonId) -> Person: ...

    async def add(self, task: Task, turn: Turn) -> Task:
        """Stores a task and its first turn. The same message id again returns the task it made."""

    async def get(self, prefix: str) -> Task:
        """The one task whose id begins so. Raises Usage when none or several do."""

    async def list(
        self,
        *,
        states: frozenset[State] | None = None,
        limit: int = 100,
        repository: str = "",
        before: TaskId | None = None,
        by: PersonId | None = None,
    ) -> tuple[Task, ...]:
        """Newest first. `repository` is a name or a key; `before` asks for those older than that task.

        `by` asks for those of that person, also under whatever name they were known before.
        """

    async def repositories(self, limit: int = 100) -> tuple[Used, ...]:
        """Those of all tasks, each once, the most recently used first; it costs a look a repository, not a task."""

    async def unsettled(self) -> tuple[TaskId, ...]:
        """Tasks on which somebody must be at work by their state, or for which a message waits; oldest first."""

    async def busy(self, by: PersonId, also: frozenset[TaskId]) -> tuple[Task, ...]:
        """The person's tasks on which somebody must be at work, and those of theirs among `also`; newest first."""

    async def resting(self, before: datetime) -> tuple[Task, ...]:
        """Tasks on which nobody is at work, and of which nothing was heard since that moment."""

    async def move(self, id: TaskId, to: State, reason: str = "", *, actor: PersonId | None = None) -> Task:
        """Moves by the table and records `task.moved` in the same transaction; same state and reason: no effect."""

    async def begin_turn(self, task: TaskId) -> Turn | None:
        """The turn that is to be at work: the one that has not ended, else the next one, of the oldest queued message.

        None when there is neither, or while the task is landing or has landed. The message leaves the mailbox
        as the turn is stored; a stop that was asked of an earlier turn does not stop the new one.
        """

    async def turn(self, task: TaskId, number: int) -> Turn: ...

    async def end_turn(self, task: TaskId, number: int, outcome: Outcome) -> None: ...

    async def reopen_turn(self, task: TaskId, number: int, point: str) -> Turn | None:
        """The latest turn, to be done again from that step on. None when it is at work or the task has landed."""

    async def set_options(self, task: TaskId, options: Options) -> Task:
        """From the next turn on."""

    async def name_contact(self, task: TaskId, to: Person, *, by: PersonId) -> Task:
        """That person is asked and told from now on, with the event of it. It is that person already: no effect."""

    async def ask_stop(self, task: TaskId, by: PersonId) -> None:
        """Asks whoever works on the task, in any process, to stop. Messages that wait now do not begin a turn by it."""

    async def stop_asked(self, task: TaskId) -> PersonId | None: ...

    async def stops(self) -> tuple[TaskId, ...]:
        """Tasks that were asked to stop and have not yet."""

    async def spoken_since_stop(self, task: TaskId) -> bool:
        """Whether a message waits that came after the latest stop: whoever sent it wants the work to go on."""

    async def clear_stop(self, task: TaskId) -> None: ...


class Events(Protocol):
    """The append-only event log of every task."""

    async def record(
        self, task: TaskId, turn: int, data: EventData, *, actor: PersonId | None = None, key: str = ""
    ) -> Event:
        """Appends. With a `key`, a second event of the task with that key is not stored again."""

    async def read(self, task: TaskId, after: int = 0, limit: int = 10_000) -> tuple[Event, ...]:
        """Events with `seq` greater than `after`, in order."""

    async def latest(self, of: Collection[TaskId]) -> Mapping[TaskId, int]:
        """The `seq` of the latest event of each of these tasks; unknown ones are left out. Cheap."""


class Records(Protocol):
    """What the steps made: verdicts, pull requests, builds, deployments, spending."""

    async def save_verdict(self, task: TaskId, turn: int, attempt: int, verdict: Verdict) -> None: ...

    async def verdict(self, task: TaskId, commit: Sha | None = None) -> Verdict | None:
        """The latest verdict of the task, or on that commit of it."""

    async def cached(self, key: str) -> str | None:
        """A finding stored under (tree, verifier, environment) and not older than seven days."""

    async def cache(self, key: str, value: str) -> None: ...

    async def spent(self, task: TaskId) -> Spending: ...

    async def add_spending(self, task: TaskId, spending: Spending) -> None:
        """Adds one call's spending; the broker calls it as it meters."""

    async def save_pull_request(self, repository: str, pull_request: PullRequest) -> PullRequest:
        """Stores it; number 0 is replaced by the repository's next number."""

    async def pull_request(self, task: TaskId) -> PullRequest | None: ...

    async def save_comment(self, comment: Comment) -> None:
        """Stores a comment on the task's pull request. The same task and key again: no effect."""

    async def comments(self, task: TaskId) -> tuple[Comment, ...]:
        """Oldest first."""

    async def save_build(self, build: Build) -> None: ...

    async def build(self, task: TaskId) -> Build | None:
        """The latest build of the task: not one that is older than another."""

    async def builds(self, task: TaskId) -> tuple[Build, ...]:
        """All builds of the task, in the order in which they first came."""

    async def set_older(self, id: str, older: bool) -> None:
        """Whether the build is of an older commit than another one of its task, and so is not the latest."""

    async def find_build(self, id: str) -> Build | None:
        """The build with that id, of whichever task."""

    async def end_links(self, build: str) -> None:
        """Counts that the links to it were ended; `save_build` leaves that count as it is."""

    async def count_fetched(self, build: str) -> None:
        """Counts that a phone fetched its package; `save_build` leaves that count as it is."""

    async def save_deployment(self, deployment: Deployment) -> None: ...

    async def deployments(self, repository: str, environment: str) -> tuple[Deployment, ...]:
        """Newest first."""

    async def named(self) -> Mapping[str, frozenset[TaskId]]:
        """Every artifact that messages, verdicts and builds name, with the tasks whose they are."""

    async def in_use(self) -> frozenset[str]:
        """Artifacts that are live somewhere, or that an undo would make live again."""


class Artifacts(Protocol):
    """Bytes by the SHA-256 of their content: builds, full logs, images."""

    async def put(self, content: bytes | Path, *, move: bool = False) -> str:
        """Stores the bytes, or a copy of the file, and returns the digest; with `move` the file itself."""

    async def get(self, digest: str) -> bytes:
        """Raises KeyError when there is nothing under it."""

    def path(self, digest: str) -> Path:
        """Where the bytes lie; the file may not be changed."""

    async def delete(self, digest: str) -> int:
        """Removes them; returns how many bytes that were. Nothing under it: 0."""
