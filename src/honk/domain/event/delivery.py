"""Verdict, pull request, build, merge and deployment."""

from dataclasses import dataclass
from typing import ClassVar

from honk.domain.event.data import EventData


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifierStarted(EventData):
    """A verifier runs. `on` is "change", "base" or "agent" (asked for by the agent)."""

    type: ClassVar[str] = "verifier.started"
    verifier: str
    command: str
    on: str


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifierFinished(EventData):
    """A verifier answered."""

    type: ClassVar[str] = "verifier.finished"
    verifier: str
    answer: str
    summary: str
    seconds: float
    on: str
    cached: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictGiven(EventData):
    """The gate's verdict on an attempt."""

    type: ClassVar[str] = "verdict.given"
    attempt: int
    answer: str
    commit: str
    tree: str
    findings: tuple[str, ...]
    not_proven: tuple[str, ...]
    #: names of the tests that are red without the change and green with it
    proof: tuple[str, ...]
    seconds: float
    #: those of the findings that refuse the change
    refusing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ChecksSeen(EventData):
    """What the forge's own checks say of a head; told again whenever one of them says something else."""

    type: ClassVar[str] = "checks.seen"
    head: str
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    #: those that were red on the base already
    failing_before: tuple[str, ...] = ()
    #: those that belong to the verdict and have not answered
    awaited: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestOpened(EventData):
    """The pull request exists."""

    type: ClassVar[str] = "pull_request.opened"
    number: int
    branch: str
    base: str
    head: str
    title: str
    draft: bool
    url: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestUpdated(EventData):
    """A later turn moved the pull request to a new head, or changed its state."""

    type: ClassVar[str] = "pull_request.updated"
    number: int
    head: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestApproved(EventData):
    """The actor reviewed exactly this commit and approves of it; of a later head it says nothing."""

    type: ClassVar[str] = "pull_request.approved"
    number: int
    head: str
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildReady(EventData):
    """The new version of the app is there to be tried."""

    type: ClassVar[str] = "build.ready"
    build: str
    kind: str
    commit: str
    digest: str
    size: int
    preview_url: str | None
    #: why a phone cannot open it, and what to do; "" where it can
    hint: str = ""
    #: what the app calls itself; "" where it does not
    name: str = ""
    #: of the app, such as "1.4.0+abc1234", or the commit alone
    app_version: str = ""
    #: SHA-256 of the file that a phone installs, and its form (apk, aab or ipa); "" where the build is none
    package: str = ""
    form: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildWaits(EventData):
    """A build waits for a labelled worker that compiles or signs it."""

    type: ClassVar[str] = "build.waits"
    job: str
    #: build or sign
    kind: str
    labels: tuple[str, ...]
    #: with when such a worker was seen last
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOffered(EventData):
    """A channel such as TestFlight says something else of a build than before."""

    type: ClassVar[str] = "build.offered"
    build: str
    #: its name in honk.toml, and what people call it
    channel: str
    title: str
    #: "absent", "processing", "waiting", "ready", "expired" or "refused"
    state: str
    #: where people get it; "" where that is not known
    link: str = ""
    #: why it waits, or was refused
    detail: str = ""
    #: when it expires, in ISO 8601; "" where it does not
    until: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildUploaded(EventData):
    """The actor, or their CI, uploaded a build of a commit of the task."""

    type: ClassVar[str] = "build.uploaded"
    build: str
    #: "apk", "aab", "ipa" or "web", by its content
    kind: str
    commit: str
    digest: str
    size: int
    #: of the file, as its owner calls it
    name: str
    #: the id of the access token that it came with; "" for none
    token: str = ""
    #: a newer commit has a build already: this one is kept, and is not the latest
    older: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildPictured(EventData):
    """Screenshots of a web build, PNGs by their digest: of the build, and of what people had before it."""

    type: ClassVar[str] = "build.pictured"
    build: str
    after: str | None
    before: str | None
    #: why one of them is missing; "" where both are there
    note: str = ""
    #: errors of the page that nothing in it caught, as the browser told them
    errors: tuple[str, ...] = ()
    #: of a film of the build, an MP4; None where there is none, or nobody wants it
    film: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildFailed(EventData):
    """The build command did not give an artifact."""

    type: ClassVar[str] = "build.failed"
    reason: str
    output: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeDone(EventData):
    """The verified commit is part of the base branch."""

    type: ClassVar[str] = "merge.done"
    commit: str
    head: str
    base: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeQueued(EventData):
    """The forge has accepted the merge, and carries it out when its turn comes or its checks have passed."""

    type: ClassVar[str] = "merge.queued"
    head: str
    position: int | None = None
    #: the press that it accepted
    act: str = ""
    method: str = "merge"
    accept_unsure: bool = False
    deploys: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeRefused(EventData):
    """Nothing was merged, and why."""

    type: ClassVar[str] = "merge.refused"
    reason: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentPromoted(EventData):
    """The actor has what is live and healthy in one environment taken to the next: the same commit and artifact."""

    type: ClassVar[str] = "deployment.promoted"
    environment: str
    came_from: str
    #: id of the deployment that is live there
    deployment: str
    commit: str
    #: the landing that carries it out, and the door's own id of the press
    act: str
    press: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentStarted(EventData):
    """A version is on its way into an environment. `undo` says what undoing will do."""

    type: ClassVar[str] = "deployment.started"
    deployment: str
    environment: str
    commit: str
    undo: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentWaits(EventData):
    """The forge, which deploys it, waits for something, such as somebody's approval; or goes on after that."""

    type: ClassVar[str] = "deployment.waits"
    deployment: str
    environment: str
    #: "" where it goes on
    reason: str
    #: where people look at it
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentProgressed(EventData):
    """What the target of a webhook says that it does at the moment."""

    type: ClassVar[str] = "deployment.progressed"
    deployment: str
    environment: str
    detail: str
    #: where people read more; "" where it named nothing
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentFinished(EventData):
    """The deployment is live, failed, or was undone."""

    type: ClassVar[str] = "deployment.finished"
    deployment: str
    environment: str
    state: str
    url: str | None = None
    output: str = ""
    #: failed because the health command did, after the deploy command had ended well
    unhealthy: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DeploymentWatched(EventData):
    """The health of what went live is looked at for a while: it begins, or what came of it."""

    type: ClassVar[str] = "deployment.watched"
    deployment: str
    environment: str
    #: "watching", "healthy" or "unhealthy"
    state: str
    #: for how long it is, or was, to be looked at
    seconds: float
    #: of an unhealthy version: the first of the looks in a row that failed, in UTC
    since: str = ""
    #: what the last look saw
    detail: str = ""
    #: what becomes of an unhealthy version
    undo: str = ""
