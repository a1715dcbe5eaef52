"""Words that act at once, such as stop, merge and revert; and those that only show: status, help."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from honk.domain.discussion import Author, Issue
from honk.domain.repository import Repository
from honk.domain.task import Task
from honk.domain.thread import Thread
from honk.doors.github.backstage import Backstage
from honk.doors.github.names import place_of
from honk.doors.github.people import Caller, Need, People
from honk.doors.github.status import status_of
from honk.doors.github.words import Command
from honk.errors import NotNow
from honk.service import Approval, Go, Review
from honk.service.promoting import PromotionWanted

#: Those that change what people use, or say that it may.
_LANDING = frozenset({"merge", "approve", "promote", "undo", "revert"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Typed:
    """A command, and where it was typed."""

    #: the door's own id of the remark, which names the act
    id: str
    command: Command
    repository: Repository
    issue: Issue
    by: Author


class Commands:
    """Each returns what is said about it; "" where what comes of it is seen anyway."""

    def __init__(self, backstage: Backstage, people: People) -> None:
        self._stage = backstage
        self._people = people
        self._does: dict[str, Callable[[Typed, Caller, Task], Awaitable[str]]] = {
            "stop": self._stop,
            "retry": self._retry,
            "go": self._go,
            "merge": self._merge,
            "approve": self._approve,
            "promote": self._promote,
            "undo": self._undo,
            "update": self._update,
            "revert": self._revert,
            "status": self._status,
        }

    async def run(self, typed: Typed, task: Task | None) -> str:
        """Raises KeptOut, NotNow, NotAllowed, Usage."""
        verb = typed.command.verb
        need = Need.LAND if verb in _LANDING else Need.ASK
        caller = await self._people.caller(typed.repository, typed.by, need)
        if verb == "help":
            return help_says(self._stage.choices.name)
        if task is None:
            raise NotNow("no task of mine is talked about here", f"`@{self._stage.choices.name} …` asks for something")
        return await self._does[verb](typed, caller, task)

    async def _stop(self, typed: Typed, caller: Caller, task: Task) -> str:
        await caller.service.stop(task.id)
        return "Stopping. What was done is kept."

    async def _retry(self, typed: Typed, caller: Caller, task: Task) -> str:
        await caller.service.retry(task.id, id=typed.id)
        return ""

    async def _go(self, typed: Typed, caller: Caller, task: Task) -> str:
        await caller.service.approve_plan(task.id, Go(), id=typed.id)
        return ""

    async def _merge(self, typed: Typed, caller: Caller, task: Task) -> str:
        """Exactly the head that GitHub shows at this moment, or the one that was typed."""
        command = typed.command
        head = command.head or await self._head(typed, task)
        known = await self._stage.ports.records.pull_request(task.id)
        if known is not None and head and not known.named_by(head) and not command.head:
            moved = f"somebody moved the branch: it is at {head[:12]}, and I know it at {known.head[:12]}"
            raise NotNow(moved, "I look at it; try again once its status shows that commit")
        approval = Approval(head=head, typed=command.head, accept_unsure=command.anyway)
        await caller.service.merge(task.id, approval, id=typed.id.replace("/", "-"))
        return ""

    async def _approve(self, typed: Typed, caller: Caller, task: Task) -> str:
        head = typed.command.head or await self._head(typed, task)
        if not head:
            raise NotNow("there is no pull request to approve")
        approved = await caller.service.approve(task.id, Review(head=head))
        return f"Approved {approved.head[:7]}."

    async def _promote(self, typed: Typed, caller: Caller, task: Task) -> str:
        await caller.service.promote(task.id, PromotionWanted(), id=typed.id.replace("/", "-"))
        return ""

    async def _undo(self, typed: Typed, caller: Caller, task: Task) -> str:
        await caller.service.undo(task.id, id=typed.id.replace("/", "-"))
        return ""

    async def _update(self, typed: Typed, caller: Caller, task: Task) -> str:
        await caller.service.update(task.id, id=typed.id.replace("/", "-"))
        return ""

    async def _revert(self, typed: Typed, caller: Caller, task: Task) -> str:
        """A task of its own, which is talked about in the same place."""
        made = (await caller.service.revert(task.id, id=typed.id.replace("/", "-"))).task
        place = place_of(typed.repository, typed.issue.number)
        await self._stage.chats.threads.add(Thread(task=made.id, place=place, asked_by=typed.by.login))
        return ""

    async def _status(self, typed: Typed, caller: Caller, task: Task) -> str:
        shown = await caller.service.card(task.id)
        return status_of(shown, self._stage.choices.name, self._stage.ports.previews.hint())

    async def _head(self, typed: Typed, task: Task) -> str:
        """The task's head as it is seen: of this pull request, or of the one that is known."""
        issue = typed.issue
        if issue.pull_request and issue.branch == task.branch and issue.head:
            return issue.head
        there = await self._stage.ports.records.pull_request(task.id)
        return there.head if there is not None else ""


def help_says(name: str) -> str:
    """What can be said here."""
    at = f"@{name}"
    return "\n".join(
        (
            f"`{at} …` in an issue or a pull request asks for a change, answers a question, or says what should be"
            " different. A review of my pull request is worked on as a whole.",
            "",
            f"- `{at} status`, `{at} stop`, `{at} retry`, and `{at} go` for a plan that waits",
            f"- `{at} update` merges the base branch, which has moved, into mine",
            f"- `{at} approve`, `{at} merge` (or `{at} merge abc1234`, where the commit is to be typed),"
            f" `{at} promote`, `{at} undo`, `{at} revert`",
            "- options at the end of a request: “plan first”, “on branch release/8”, “no build”, “at most $2”",
        )
    )
