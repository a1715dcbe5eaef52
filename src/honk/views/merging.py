"""What a person must know before pressing the merge button, undo included. Looking at it changes nothing."""

from dataclasses import dataclass
from enum import StrEnum

from honk.domain.policy import Confirmation
from honk.domain.task import State, TaskId
from honk.domain.verdict import Answer


class Risk(StrEnum):
    """Why a file is looked at sooner or later; the first is the first."""

    #: the gate runs it or is configured by it, or it decides what is installed, built and deployed
    GATE = "gate"
    #: code or tests that are gone
    DELETED = "deleted"
    SOURCE = "source"
    #: what no name tells
    OTHER = "other"
    TESTS = "tests"
    DOCS = "docs"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangedFile:
    """One file of a change."""

    #: as it may be shown
    path: str
    risk: Risk
    insertions: int
    deletions: int
    binary: bool
    #: a few words, such as "decides what is verified"
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What one verifier said of the commit."""

    verifier: str
    answer: Answer
    #: one sentence
    summary: str
    #: False for what is only mentioned
    counts: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """An environment to which it may be promoted afterwards."""

    environment: str
    #: what undoing will do there, in words
    undo: str
    #: it goes there by itself once it was healthy in the environment before
    itself: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Deploying:
    """What happens to users after the merge."""

    #: "" where nothing is deployed
    environment: str = ""
    #: where people find it, when that is known
    url: str | None = None
    #: the commit that is live there now; "" when none is
    live: str = ""
    #: what undoing will do, in words
    undo: str = "nothing is deployed: merge a revert to undo"
    #: why it would not be deployed at once: a window, a freeze, or who is before it; "" where it would
    waits: str = ""
    #: where it may go from there, in order
    then: tuple[Later, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Promoting:
    """A promotion that nobody has pressed yet."""

    task: TaskId
    #: from where, and exactly what
    came_from: str = ""
    commit: str = ""
    #: to where; "" where nothing may be promoted
    environment: str = ""
    #: the commit that is live there now; "" when none is
    live: str = ""
    #: what undoing will do there, in words
    undo: str = ""
    #: why it would not be deployed at once; "" where it would
    waits: str = ""
    #: whether the person may press, and what the policy says to that
    allowed: bool = False
    policy: str = ""
    #: why nothing may be promoted now, whoever presses; "" when something may
    refusal: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Merging:
    """A merge that nobody has pressed yet."""

    task: TaskId
    state: State
    #: merged already: a press is about the deployment alone
    landed: bool
    title: str
    #: of the pull request; 0 while there is none
    number: int
    branch: str
    base: str
    #: exactly what would be merged; "" while there is no pull request
    head: str
    asked_by: str
    #: null when that commit was not verified
    answer: Answer | None
    checks: tuple[Check, ...]
    #: tests that are red without the change and green with it
    proof: tuple[str, ...]
    not_proven: tuple[str, ...]
    #: in the order in which they should be looked at
    files: tuple[ChangedFile, ...]
    #: names of those who approved exactly this head
    approved_by: tuple[str, ...]
    confirmation: Confirmation
    #: what must be typed to confirm; "" where nothing must
    word: str
    #: whether the person may press, and what the policy says to that
    allowed: bool
    policy: str
    #: not everything was proven, so the person must say that this is good enough
    needs_accept: bool
    deploying: Deploying
    #: why it cannot be merged now, whoever presses; "" when it can
    refusal: str
    remedy: str = ""
