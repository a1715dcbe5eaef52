"""Every Protocol that the steps need, on one page. Adapters implement them; `wiring` chooses.

All records that cross a port are JSON-serialisable nouns of `honk.domain`; live handles (a
sandbox, a session, a broker's exit) exist only within one step.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from honk.domain.attempt import Change
from honk.domain.build import Build
from honk.domain.deployment import Deployment
from honk.domain.event import Event, EventData
from honk.domain.limits import Limits, Spending
from honk.domain.message import Message
from honk.domain.person import Identity, Person, PersonId
from honk.domain.policy import Act, Decision
from honk.domain.pull_request import Comment, MergeMethod, MergeResult, PullRequest
from honk.domain.repository import Base, FileChange, Repository, Sha
from honk.domain.task import State, Task, TaskId
from honk.domain.turn import Outcome, Turn
from honk.domain.verdict import Verdict
from honk.domain.workspace import Workspace

T = TypeVar("T")
#: Records one event of the task and turn at hand.
Tell = Callable[[EventData], Awaitable[object]]
#: The present moment, in UTC. Tests pass their own.
Clock = Callable[[], datetime]


# ── the journal ────────────────────────────────────────────────────────────────────────────────
class Once(Protocol):
    """Runs a step, or returns what it returned when it finished before a crash.

    A step cut off by a crash runs again, so its effects must bear being repeated. `returns` is a
    JSON-serialisable type (domain dataclass, builtin, or union of them). Errors propagate;
    `Retryable` ones after a few tries.
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

    async def unfinished(self) -> tuple[str, ...]:
        """Ids of the workflows that were started and have not ended."""


# ── the store ──────────────────────────────────────────────────────────────────────────────────
class Tasks(Protocol):
    """Tasks, turns, people and the mailbox. Every method is one transaction."""

    async def person(self, identity: Identity, name: str) -> Person:
        """The person with this identity; made when unknown."""

    async def get_person(self, id: PersonId) -> Person: ...

    async def add(self, task: Task, turn: Turn) -> Task:
        """Stores a task and its first turn. The same message id again returns the task it made."""

    async def get(self, prefix: str) -> Task:
        """The one task whose id begins so. Raises Usage when none or several do."""

    async def list(self, *, states: frozenset[State] | None = None, limit: int = 100) -> tuple[Task, ...]:
        """Newest first."""

    async def move(self, id: TaskId, to: State, reason: str = "", *, actor: PersonId | None = None) -> Task:
        """Moves by the table and records `task.moved` in the same transaction; same state and reason: no effect."""

    async def begin_turn(self, task: TaskId) -> Turn | None:
        """The turn that is to be at work: the one that has not ended, else the next one, of the oldest queued message.

        None when there is neither, or while the task is landing or has landed. The message leaves the mailbox
        as the turn is stored; a stop that was asked of an earlier turn does not stop the new one.
        """

    async def turn(self, task: TaskId, number: int) -> Turn: ...

    async def end_turn(self, task: TaskId, number: int, outcome: Outcome) -> None: ...

    async def queue_message(self, task: TaskId, message: Message) -> None:
        """Keeps a message until `begin_turn` makes it a turn. Redelivery: no effect."""

    async def ask_stop(self, task: TaskId, by: PersonId) -> None:
        """Asks whoever works on the task, in any process, to stop."""

    async def stop_asked(self, task: TaskId) -> PersonId | None: ...

    async def clear_stop(self, task: TaskId) -> None: ...


class Events(Protocol):
    """The append-only event log of every task."""

    async def record(
        self, task: TaskId, turn: int, data: EventData, *, actor: PersonId | None = None, key: str = ""
    ) -> Event:
        """Appends. With a `key`, a second event of the task with that key is not stored again."""

    async def read(self, task: TaskId, after: int = 0, limit: int = 10_000) -> tuple[Event, ...]:
        """Events with `seq` greater than `after`, in order."""


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
        """The latest build of the task."""

    async def save_deployment(self, deployment: Deployment) -> None: ...

    async def deployments(self, repository: str, environment: str) -> tuple[Deployment, ...]:
        """Newest first."""


class Artifacts(Protocol):
    """Bytes by the SHA-256 of their content: builds, full logs, images."""

    async def put(self, content: bytes | Path) -> str:
        """Stores the bytes, or a copy of the file, and returns the digest."""

    async def get(self, digest: str) -> bytes:
        """Raises KeyError when there is nothing under it."""

    def path(self, digest: str) -> Path:
        """Where the bytes lie; the file may not be changed."""


# ── repositories and workspaces ────────────────────────────────────────────────────────────────
class Repositories(Protocol):
    """Bare mirrors, kept fresh. The only place where git runs on the host."""

    def identify(self, address: str) -> Repository:
        """A local path or git URL as a Repository. No input or output beyond resolving the path."""

    async def refresh(self, repository: Repository, tell: Tell) -> None:
        """Clones or fetches. Raises RepositoryUnusable (no such repository, no rights, empty) or Unreachable."""

    async def base(self, repository: Repository, branch: str | None) -> Base:
        """The branch's tip; None is the default branch. Raises RepositoryUnusable."""

    async def uncommitted(self, repository: Repository) -> int:
        """How many files of a local working tree have uncommitted changes; 0 for a URL."""

    async def files(self, repository: Repository, commit: Sha) -> tuple[str, ...]:
        """Paths of the tree, without submodules."""

    async def read(self, repository: Repository, commit: Sha, path: str, limit: int = 1_000_000) -> bytes | None:
        """A regular file's content, or None when there is none or it is larger than `limit`."""

    async def changes(self, repository: Repository, old: Sha, new: Sha) -> tuple[FileChange, ...]: ...

    async def diff(self, repository: Repository, old: Sha, new: Sha, *, paths: tuple[str, ...] = ()) -> str:
        """A unified diff with renames off, for unidiff and for reading."""

    async def patch(self, repository: Repository, old: Sha, new: Sha) -> bytes:
        """The change byte for byte, as `git apply` takes it: binary files, and names that are no text, included."""

    async def commit_tree(self, repository: Repository, tree: Sha, parent: Sha, message: str, at: datetime) -> Sha:
        """A commit with the house identity. Same arguments: same commit."""

    async def with_paths(self, repository: Repository, base: Sha, source: Sha, paths: tuple[str, ...]) -> Sha:
        """A tree: that of `base`, with these paths as they are in `source` (removed where absent there)."""

    async def tree(self, repository: Repository, commit: Sha) -> Sha: ...

    async def keep(self, repository: Repository, name: str, commit: Sha) -> None:
        """Points the hidden ref `refs/honk/<name>` at the commit, so that it stays."""

    async def checkout(self, repository: Repository, base: Base, commit: Sha, into: Path) -> None:
        """A fresh clone at the commit in an absent folder, owned by the sandbox's user, remote removed."""


class Workspaces(Protocol):
    """The isolated writable checkout of each task."""

    async def open(self, task: TaskId, repository: Repository, base: Base, *, at: Sha | None = None) -> Workspace:
        """The task's workspace, made when it is missing (at the base, or at `at`). Never a reset of an existing one."""

    def mounts(self, workspace: Workspace) -> tuple["Mount", ...]:
        """What a sandbox needs besides the workspace itself: the base's objects, read-only."""

    async def take(
        self, workspace: Workspace, sandbox: "Sandbox", *, parent: Sha, message: str, at: datetime
    ) -> Change:
        """Hands the tree back by a bundle made in the sandbox; checked, then committed on `parent` in the mirror.

        Raises HandBackRefused when the tree breaks a rule (size, paths, symlinks, submodules).
        """

    async def discard(self, task: TaskId) -> None: ...

    async def collect(self, keep: frozenset[TaskId]) -> int:
        """Removes every workspace, checkout and leftover of other tasks; returns the bytes freed."""


# ── sandbox and broker ─────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    source: Path
    #: absolute path inside
    target: str
    writable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """Resource limits of everything inside one sandbox. What is not enforceable here, `probe` says."""

    memory: int = 4 << 30
    processes: int = 512
    file_size: int = 2 << 30
    temporary: int = 2 << 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """What a sandbox shows. Inside, the workspace is always `/workspace` and the home `/home/honk`."""

    workspace: Path
    #: a folder that keeps the home between sandboxes; None gives an empty one each time
    home: Path | None = None
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    #: the broker's socket, the only way out; None means no way out
    exit: Path | None = None
    #: whether proxy variables and a local relay lead HTTP(S) clients to the exit
    proxy: bool = False
    bounds: Bounds = Bounds()
    read_only_workspace: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    #: None when it was ended by the time limit
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    #: whether output was cut at the limit
    cut: bool = False


class Process(Protocol):
    """A long-lived process in the sandbox."""

    async def send(self, data: bytes) -> None:
        """Writes to its standard input. Raises BrokenPipeError when it has ended."""

    async def close_input(self) -> None: ...

    def lines(self) -> AsyncIterator[bytes]:
        """Its standard output by lines (of at most 64 MiB), until it ends."""

    async def errors(self) -> bytes:
        """The last 64 KiB of its standard error so far."""

    async def wait(self) -> int: ...

    async def kill(self) -> None:
        """Ends it and everything it started; returns when they are gone."""


class Sandbox(Protocol):
    """One box. Every command sees the same files; nothing of it outlives the context."""

    async def run(
        self,
        argv: tuple[str, ...],
        *,
        seconds: float,
        stdin: bytes = b"",
        output_limit: int = 16 << 20,
        environment: Mapping[str, str] | None = None,
        stdout_to: Path | None = None,
    ) -> Ran:
        """Runs to the end; stdout goes to a file on the host when `stdout_to` is given. Never raises for exit codes."""

    async def start(self, argv: tuple[str, ...], *, environment: Mapping[str, str] | None = None) -> Process: ...

    def inbound(self, name: str) -> Path:
        """Host path of the unix socket that a process inside opens at `/run/honk/in/<name>`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wall:
    """One promise of the sandbox, tried on this machine."""

    name: str
    holds: bool
    detail: str = ""
    #: whether the sandbox is unusable without it
    required: bool = True


class Sandboxes(Protocol):
    """Makes sandboxes, and knows what their user can reach."""

    name: str

    async def probe(self) -> tuple[Wall, ...]:
        """Tries every wall with a real sandbox."""

    def open(self, box: Box) -> AbstractAsyncContextManager[Sandbox]:
        """Raises SandboxUnusable with the remedy when the walls cannot be built."""

    def own(self, path: Path) -> None:
        """Gives a host folder, made by Honk and not yet seen by any sandbox, to the sandbox's user."""

    def runtime(self, program: str) -> Path:
        """Where the sandbox's user can execute "python" or "claude": its own place, or a copy made once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """What may leave the sandbox of one task."""

    task: TaskId
    #: whether the model may be called
    model: bool = False
    #: host names (with an optional ":port") that CONNECT may reach
    hosts: tuple[str, ...] = ()
    limits: Limits = Limits(usd=None, calls=None, seconds=None)
    #: what the task has spent before
    spent: Spending = Spending()


class Exit(Protocol):
    """The broker's open exit of one task."""

    #: path on the host; the socket is the identity
    socket: Path

    def spent(self) -> Spending:
        """All spending of the task, with what was spent before."""

    def ended_by(self) -> tuple[str, str] | None:
        """("money" | "calls" | "model", sentence) once no further model call will be let through."""


class Broker(Protocol):
    """The sandbox's only way out, on the host: adds keys, meters, refuses."""

    def open(
        self, permit: Pass, tell: Tell, spend: Callable[[Spending], Awaitable[None]]
    ) -> AbstractAsyncContextManager[Exit]: ...


# ── the agent ──────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What an agent is started with, before it is told what to do."""

    #: a UUID that names the agent's session
    session: str
    resume: bool = False
    model: str | None = None
    #: CLAUDE.md, AGENTS.md and Honk's own standing words
    guidance: str = ""
    attempt: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How one piece of work ended, in the agent's own words and by its own account."""

    summary: str
    #: "" | "money" | "calls" | "time" | "stopped" | "model" | "agent"
    cut_short: str = ""
    reason: str = ""
    model: str = ""


class Session(Protocol):
    """A running agent that waits to be told."""

    async def work(self, words: str, images: tuple[Attachment, ...] = ()) -> Report:
        """Tells it what to do and returns when nothing more follows. Limits never raise; they cut short."""

    async def steer(self, words: str) -> None:
        """Reaches the agent at its next step."""

    async def interrupt(self) -> None:
        """Ends the work under way; `work` returns with cut_short "stopped"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What Honk lets the agent call."""

    #: runs the gate on the workspace as it is, and returns words for the agent
    verify: Callable[[], Awaitable[str]]
    #: whether the agent may end: "" or what it should do first
    may_end: Callable[[], Awaitable[str]]


class Agent(Protocol):
    """Somebody who changes a repository when told to."""

    name: str
    #: whether being sent back with the gate's findings makes sense
    corrects: bool
    #: whether its sandbox may reach the model
    calls_model: bool

    async def requirements(self) -> None:
        """Raises Usage or ModelRefused when it can be known beforehand that it cannot work (no key)."""

    def box(self, job: Job, exit: Path | None) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
        """Mounts and environment that the agent's sandbox needs."""

    def open(
        self, job: Job, sandbox: Sandbox, exit: Exit, tools: Tools, tell: Tell
    ) -> AbstractAsyncContextManager[Session]:
        """Starts it in the sandbox; on leaving, everything it started is gone."""


# ── verify ─────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Exam:
    """What is to be verified, and by which rules."""

    task: TaskId
    repository: Repository
    base: Base
    #: None asks about the base alone
    change: Change | None
    instruction: str
    #: commands that replace the detected verifiers
    verify: tuple[str, ...] = ()
    #: "change", "base" or "agent": shown in the events
    on: str = "change"


@dataclass(frozen=True, kw_only=True, slots=True)
class Registries:
    """Where set-up gets packages from, as this host is configured. Never holds a credential."""

    #: host names (with an optional ":port") that set-up may reach
    hosts: tuple[str, ...] = ()
    #: local indexes and the bundle of certificate authorities, read-only
    mounts: tuple[Mount, ...] = ()
    #: variables that lead pip, uv, npm and git inside to them
    environment: Mapping[str, str] = field(default_factory=dict)
    #: sentences: what of the configuration cannot be used inside, and what to do; set-up is refused while there are any
    refusals: tuple[str, ...] = ()


class Gate(Protocol):
    """Verifies a committed tree in a fresh sandbox. The agent cannot skip it."""

    async def baseline(self, exam: Exam, tell: Tell) -> Verdict:
        """The base alone; `base_broken` says when a person must look first. Cached by base commit."""

    async def verify(self, exam: Exam, tell: Tell) -> Verdict | None:
        """The verdict on the change; None means pending at a remote verifier, to be asked again."""

    def words(self, verdict: Verdict) -> str:
        """What the agent is told: short when all is well, otherwise what matters of the findings."""

    async def environment(self, exam: Exam, tell: Tell) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
        """Mounts and variables with which the agent can run the repository's own tools."""


# ── the forge, builds, deployments ─────────────────────────────────────────────────────────────
class Forge(Protocol):
    """Where pull requests live. Every method finds what an earlier, cut-off call made."""

    async def publish(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> str:
        """Pushes the branch, expecting it at `over` or absent. Returns "" or why the target refused it."""

    async def find(self, repository: Repository, task: TaskId) -> PullRequest | None: ...

    async def open(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        """Opens it, or returns the one that the task has already."""

    async def update(self, repository: Repository, pull_request: PullRequest) -> PullRequest: ...

    async def comment(self, repository: Repository, pull_request: PullRequest, text: str, key: str) -> None: ...

    async def merge(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, method: MergeMethod, message: str
    ) -> MergeResult:
        """Merges only if the branch is at `head`. Already merged: the same answer again."""

    async def close(self, repository: Repository, pull_request: PullRequest) -> PullRequest: ...


class Previews(Protocol):
    """Where people look at builds and deployed versions."""

    async def show(self, build: Build) -> str | None:
        """The preview's address, or None while no server runs."""

    def production(self, repository: Repository, environment: str) -> str | None:
        """The address at which a served environment can be seen, or None."""


class Policy(Protocol):
    """Asked at every act, at the moment of the act."""

    async def ask(self, person: Person, act: Act, repository: Repository, task: Task | None) -> Decision: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """Everything a flow may touch."""

    clock: Clock
    tasks: Tasks
    events: Events
    records: Records
    artifacts: Artifacts
    repositories: Repositories
    workspaces: Workspaces
    sandboxes: Sandboxes
    broker: Broker
    agents: Mapping[str, Agent]
    gate: Gate
    forge: Forge
    previews: Previews
    policy: Policy
    #: Honk's own folder for homes and checkouts of tasks
    home: Path
