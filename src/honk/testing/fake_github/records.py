"""What GitHub keeps: accounts, apps, tokens, repositories and what is in them. Tests may look at all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from honk.testing.fake_github.accounts import LEVELS, ROLES, Account, App, Installation, Json, Role, Token
from honk.testing.fake_github.bare import Bare


@dataclass(eq=False)
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str = ""


@dataclass(eq=False)
class Protection:
    """Protection of a branch, classic or by a ruleset: `ruleset` says which."""

    checks: list[str] = field(default_factory=list)
    #: ids of the apps whose checks count alone, by the check's name
    check_apps: dict[str, int] = field(default_factory=dict)
    #: a branch must be up to date with the base
    strict: bool = False
    reviews: int = 0
    dismiss_stale: bool = False
    code_owners: bool = False
    signatures: bool = False
    linear: bool = False
    #: only by a pull request
    pull_request: bool = False
    #: nobody may force-push or remove it
    force_pushes: bool = False
    #: the method of its merge queue
    queue: str = ""
    #: nobody may write there
    locked: bool = False
    ruleset: int = 0
    #: environments that must have been deployed to
    deployments: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Reaction:
    id: int
    user: Account
    content: str
    created_at: datetime


@dataclass(eq=False)
class Event:
    """Something that happened to an issue or pull request."""

    id: int
    event: str
    actor: Account
    created_at: datetime
    app: App | None = None
    more: Json = field(default_factory=dict)


@dataclass(eq=False)
class Pull:
    """What a pull request has that an issue has not."""

    id: int
    head_repo: "Repo"
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    draft: bool = False
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit_sha: str | None = None
    reviewers: list[Account] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    auto_merge: Json | None = None
    maintainer_can_modify: bool = False
    #: place in the merge queue, with when it came there
    queued: Json | None = None
    #: how many more readings answer that it is not known yet whether it can be merged
    unknown: int = 0


@dataclass(eq=False)
class Issue:
    """An issue, or a pull request as the issue that it is too."""

    id: int
    number: int
    title: str
    body: str | None
    user: Account
    created_at: datetime
    updated_at: datetime
    app: App | None = None
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: Account | None = None
    locked: bool = False
    labels: list[Label] = field(default_factory=list)
    assignees: list[Account] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    pull: Pull | None = None


@dataclass(eq=False)
class Comment:
    id: int
    issue: Issue
    user: Account
    body: str
    created_at: datetime
    updated_at: datetime
    app: App | None = None
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(eq=False)
class Review:
    id: int
    issue: Issue
    user: Account
    body: str
    state: str
    commit_id: str
    created_at: datetime
    submitted_at: datetime | None = None
    app: App | None = None


@dataclass(eq=False)
class ReviewComment:
    id: int
    issue: Issue
    review: Review
    user: Account
    body: str
    path: str
    commit_id: str
    original_commit_id: str
    created_at: datetime
    updated_at: datetime
    line: int | None = None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    subject_type: str = "line"
    diff_hunk: str = ""
    #: the first comment of the thread
    reply_to: "ReviewComment | None" = None
    resolved_by: Account | None = None
    reactions: list[Reaction] = field(default_factory=list)

    @property
    def root(self) -> "ReviewComment":
        """The first comment of its thread."""
        return self.reply_to.root if self.reply_to else self


@dataclass(eq=False)
class Suite:
    id: int
    head_sha: str
    head_branch: str | None
    app: App
    created_at: datetime


@dataclass(eq=False)
class CheckRun:
    id: int
    name: str
    head_sha: str
    suite: Suite
    app: App
    status: str = "queued"
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    external_id: str = ""
    details_url: str = ""
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[Json] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)


@dataclass(eq=False)
class Status:
    id: int
    sha: str
    context: str
    state: str
    creator: Account
    created_at: datetime
    description: str | None = None
    target_url: str | None = None


@dataclass(eq=False)
class Job:
    """A job; its id is the one of its check run too."""

    id: int
    name: str
    check: CheckRun
    steps: list[Json] = field(default_factory=list)
    log: str = ""


@dataclass(eq=False)
class Artifact:
    id: int
    name: str
    content: bytes
    created_at: datetime
    expired: bool = False


@dataclass(eq=False)
class Run:
    """A run of a workflow."""

    id: int
    number: int
    name: str
    #: such as ".github/workflows/ci.yml"
    path: str
    event: str
    head_branch: str
    head_sha: str
    actor: Account
    suite: Suite
    created_at: datetime
    updated_at: datetime
    status: str = "queued"
    conclusion: str | None = None
    attempt: int = 1
    title: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    #: names of environments whose approval it waits for
    waits_for: list[str] = field(default_factory=list)


@dataclass(eq=False)
class DeploymentStatus:
    id: int
    state: str
    creator: Account
    created_at: datetime
    description: str = ""
    log_url: str = ""
    environment_url: str = ""
    environment: str = ""


@dataclass(eq=False)
class Deployment:
    id: int
    sha: str
    ref: str
    task: str
    environment: str
    creator: Account
    created_at: datetime
    payload: Any = field(default_factory=dict)
    description: str | None = None
    transient: bool = False
    production: bool = True
    statuses: list[DeploymentStatus] = field(default_factory=list)


@dataclass(eq=False)
class Environment:
    id: int
    name: str
    created_at: datetime
    #: logins of those who must approve
    reviewers: list[Account] = field(default_factory=list)
    wait_minutes: int = 0


@dataclass(frozen=True)
class MergeGroup:
    """What a merge queue made of the base, the entries before one, and that one."""

    head_sha: str
    #: the temporary branch, in full
    head_ref: str
    base_sha: str
    #: the branch into which it is merged
    base_ref: str
    #: the head of the pull request that it was made of
    pull_sha: str


@dataclass(eq=False)
class Repo:
    """A repository; its git is real and lies in `bare`."""

    id: int
    owner: Account
    name: str
    bare: Bare
    created_at: datetime
    private: bool = True
    default_branch: str = "main"
    description: str = ""
    archived: bool = False
    disabled: bool = False
    allow_merge_commit: bool = True
    allow_squash_merge: bool = True
    allow_rebase_merge: bool = True
    allow_auto_merge: bool = True
    delete_branch_on_merge: bool = False
    has_issues: bool = True
    parent: "Repo | None" = None
    collaborators: dict[str, Role] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    protections: dict[str, Protection] = field(default_factory=dict)
    rulesets: dict[str, list[Protection]] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    #: by the number of the pull request that is the last in it
    groups: dict[int, MergeGroup] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    reviews: dict[int, Review] = field(default_factory=dict)
    review_comments: dict[int, ReviewComment] = field(default_factory=dict)
    suites: dict[int, Suite] = field(default_factory=dict)
    checks: dict[int, CheckRun] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    runs: dict[int, Run] = field(default_factory=dict)
    #: path of a workflow's file to its id
    workflows: dict[str, int] = field(default_factory=dict)
    deployments: dict[int, Deployment] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
    #: how many readings of a pull request whose head moved do not know yet whether it can be merged
    mergeable_after: int = 0
    #: branch tips as they were last seen, to tell of pushes
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    def pulls(self) -> list[Issue]:
        """The pull requests, oldest first."""
        return [one for one in self.issues.values() if one.pull is not None]


__all__ = [
    "LEVELS",
    "ROLES",
    "Account",
    "App",
    "Artifact",
    "CheckRun",
    "Comment",
    "Deployment",
    "DeploymentStatus",
    "Environment",
    "Event",
    "Installation",
    "Issue",
    "Job",
    "Json",
    "Label",
    "MergeGroup",
    "Protection",
    "Pull",
    "Reaction",
    "Repo",
    "Review",
    "ReviewComment",
    "Role",
    "Run",
    "Status",
    "Suite",
    "Token",
]
