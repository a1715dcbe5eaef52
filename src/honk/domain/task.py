"""A task: one thing that somebody asked for, from instruction to production."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType

from honk.domain.limits import Limits
from honk.domain.person import PersonId
from honk.domain.repository import Repository
from honk.errors import Defect

TaskId = NewType("TaskId", str)


class State(StrEnum):
    ACCEPTED = "accepted"
    #: waits for a free worker or a limit; the reason says for what
    QUEUED = "queued"
    PREPARING = "preparing"
    CODING = "coding"
    VERIFYING = "verifying"
    #: a pull request is open and its verdict is pass
    PROPOSED = "proposed"
    #: the work is kept, the gate not passed
    DRAFT = "draft"
    #: waits for a person, with a question
    WAITING = "waiting"
    MERGING = "merging"
    MERGED = "merged"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    STOPPED = "stopped"
    #: nothing to show
    FAILED = "failed"


_TURN_ENDS = frozenset({State.PROPOSED, State.DRAFT, State.WAITING, State.STOPPED, State.FAILED})
_AT_WORK = frozenset({State.PREPARING, State.CODING, State.VERIFYING})
#: A turn may be done again from any of its steps.
_NEW_TURN = _AT_WORK | {State.QUEUED}

#: The one table of allowed moves. A move to the same state is never needed and not listed.
NEXT: dict[State, frozenset[State]] = {
    State.ACCEPTED: _NEW_TURN | _TURN_ENDS,
    State.QUEUED: _NEW_TURN | _TURN_ENDS | {State.VERIFYING, State.MERGING, State.DEPLOYING},
    State.PREPARING: _AT_WORK | _TURN_ENDS | {State.QUEUED},
    State.CODING: _AT_WORK | _TURN_ENDS | {State.QUEUED},
    State.VERIFYING: _AT_WORK | _TURN_ENDS | {State.QUEUED},
    State.PROPOSED: _NEW_TURN | {State.MERGING, State.WAITING, State.DRAFT, State.STOPPED},
    State.DRAFT: _NEW_TURN | {State.MERGING, State.PROPOSED, State.WAITING, State.STOPPED},
    State.WAITING: _NEW_TURN | {State.MERGING, State.PROPOSED, State.DRAFT, State.STOPPED, State.FAILED},
    State.MERGING: frozenset({State.MERGED, State.PROPOSED, State.DRAFT, State.WAITING, State.STOPPED}),
    State.MERGED: frozenset({State.DEPLOYING, State.WAITING}),
    State.DEPLOYING: frozenset({State.DEPLOYED, State.MERGED, State.WAITING}),
    State.DEPLOYED: frozenset({State.DEPLOYING, State.MERGED}),
    # an earlier turn's pull request can still be merged
    State.STOPPED: _NEW_TURN | {State.MERGING},
    State.FAILED: _NEW_TURN | {State.STOPPED},
}

#: From the press of the merge button on: no turn begins any more, unless the merge is refused.
LANDING = frozenset({State.MERGING, State.MERGED, State.DEPLOYING, State.DEPLOYED})
#: States in which somebody must be at work on the task; a task left here by a crash is resumed.
BUSY = _AT_WORK | {State.ACCEPTED, State.QUEUED, State.MERGING, State.DEPLOYING}


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How the person wants it done; fixed when the task is accepted."""

    #: branch to start from; None means the repository's own default
    base: str | None = None
    #: "claude" or "command"
    agent: str = "claude"
    #: None means the agent's own default
    model: str | None = None
    limits: Limits = field(default_factory=Limits)
    #: commands that verify in place of the detected ones
    verify: tuple[str, ...] = ()
    #: merge by itself when the verdict is pass
    merge: bool = False
    #: and deploy what it merged by itself; not for who asked with an access token that is not for that
    deploys: bool = True
    #: a plan first, and no change before a person says Go
    plan: bool = False
    #: make the app's new version, for people to look at
    builds: bool = True
    #: address of the conversation or issue in which it was asked for; "" where there is none
    asked_at: str = ""
    #: what the pull request is called; "" takes the first line of the instruction
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    id: TaskId
    repository: Repository
    instruction: str
    requested_by: PersonId
    state: State
    #: why it is in this state, where that is not obvious
    reason: str = ""
    options: Options = field(default_factory=Options)
    created_at: datetime
    #: number of the latest turn; 0 before the first
    turn: int = 0
    #: who is asked and told about it in place of whoever asked for it; None: nobody else
    contact: PersonId | None = None

    @property
    def told(self) -> PersonId:
        """Who is asked, and told, where a person is needed."""
        return self.contact or self.requested_by

    @property
    def called(self) -> str:
        """What it is about, for headings: its title, or else all of the instruction."""
        return self.options.title or self.instruction

    @property
    def branch(self) -> str:
        """The one branch of the task, in mirror and target."""
        return f"honk/{self.id}"

    def to(self, state: State, reason: str = "") -> "Task":
        """The task in another state. Raises Defect when the table does not allow the move."""
        if state is not self.state and state not in NEXT[self.state]:
            raise Defect(f"task {self.id}: {self.state} may not become {state}")
        return replace(self, state=state, reason=reason)
