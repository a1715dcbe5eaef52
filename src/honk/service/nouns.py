"""What is asked of a Honk, and what it answers: plain values that survive the wire."""

from dataclasses import dataclass, field

from honk.domain.access import Scope
from honk.domain.limits import Limits
from honk.domain.message import File, Handling, Image, MessageId
from honk.domain.person import Person
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Sha
from honk.domain.task import State, Task, TaskId
from honk.domain.turn import Turn

#: No number that counts something is greater; PostgreSQL's integers end here.
GREATEST = 2**31 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Defaults:
    """What applies when the person says nothing."""

    limits: Limits
    #: "" is the agent's own default
    model: str
    merge: MergeMethod
    #: a plan first
    plan: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """Which Honk this is, and as whom it knows whoever asks."""

    version: str
    person: Person
    #: what the access token may be used for; every scope for who needs no token
    scopes: tuple[Scope, ...]
    defaults: Defaults


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """One thing that `honk doctor` tried."""

    name: str
    ok: bool
    detail: str = ""
    remedy: str = ""
    #: whether Honk cannot work without it
    required: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitsWanted:
    """Bounds of one task; null is the server's default."""

    usd: float | None = None
    calls: int | None = None
    #: wall time of the agent in one turn
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewTask:
    """A task as a person asks for it."""

    #: a git URL, or an absolute path on the server's machine
    repository: str
    #: what should be different afterwards
    instruction: str
    #: branch to start from; null is the repository's own default
    base: str | None = None
    #: "claude" or "command"
    agent: str = "claude"
    #: null is the server's default
    model: str | None = None
    limits: LimitsWanted = field(default_factory=LimitsWanted)
    #: commands that verify in place of the detected ones
    verify: tuple[str, ...] = ()
    #: merge and deploy by itself when the verdict is pass
    merge: bool = False
    #: a plan first, and no change before a person says Go; null is the server's default
    plan: bool | None = None
    #: make the app's new version, for people to look at
    build: bool = True
    #: as `POST /images` returned them
    images: tuple[Image, ...] = ()
    #: as `POST /files` returned them
    files: tuple[File, ...] = ()
    #: the conversation before these words, who said what, for the agent alone; the last 60,000 characters are kept
    context: str = ""
    #: go on with the same request of the same person where it is unfinished
    resume: bool = False
    #: address of the conversation or issue in which it is asked for; an issue of the same repository is closed by it
    asked_at: str = ""
    #: what the pull request is called; "" takes the first line of the instruction
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """The task. `resumed` when it was there already and goes on."""

    task: Task
    resumed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """Which tasks to list; everything that is set must fit."""

    states: tuple[State, ...] = ()
    #: the name, key or address of a repository
    repository: str = ""
    limit: int = 30
    #: only those older than the task with this id: the last one of the page before
    before: str = ""
    #: only those that whoever asks has asked for
    mine: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """Tasks, newest first."""

    tasks: tuple[Task, ...]
    #: what `before` is for the next page; null at the end
    next: TaskId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What a task changed, as a unified diff for reading."""

    task: TaskId
    base: Sha
    head: Sha
    diff: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """Bytes that belong to a task."""

    #: SHA-256 of the bytes
    digest: str
    #: "build", "log", "image", "film" or "file"
    kind: str
    #: a file name to keep it under
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What is said to a task."""

    text: str
    images: tuple[Image, ...] = ()
    files: tuple[File, ...] = ()
    #: what was said in the conversation before these words, and not given yet
    context: str = ""
    #: while a turn is at work: at the agent's next step, at once, or as the next turn
    handling: Handling = Handling.STEER


@dataclass(frozen=True, kw_only=True, slots=True)
class Go:
    """A person's word that a plan be carried out."""

    #: the name of the plan that the person has read; "" is the one that waits
    plan: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """Other words for a message."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOver:
    """Who goes on with a task."""

    #: "" is the agent that it has
    agent: str = ""
    #: null is the model that the task has, or the agent's own default
    model: str | None = None
    #: what the next turn begins with; "" is to go on
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """What is to be done once more."""

    #: the step from which on it is done again; null goes on where it was cut off
    point: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What became of words to a task."""

    message: MessageId
    #: the turn that they began; null when they wait, or go to the agent at work
    turn: Turn | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """A person's word that a commit is good; it merges nothing."""

    #: the commit that was looked at, or its first seven characters or more
    head: str
    #: what there is to say about it
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Approved:
    """The commit, and who has approved it so far."""

    head: Sha
    by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """A person's word that a pull request be merged."""

    #: the commit that the person saw: at another one, nothing is done; "" is the head as it is now
    head: str = ""
    #: the beginning of the commit, where the policy asks for it
    typed: str = ""

    #: null is the server's default
    method: MergeMethod | None = None
    #: merge although not everything was proven
    accept_unsure: bool = False
    #: deploy although the environment is closed by a window or a freeze, and before others that wait for it
    now: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Pressed:
    """The act that was begun. What comes of it is in the events."""

    act: str
