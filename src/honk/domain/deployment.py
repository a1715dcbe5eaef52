"""A deployment: one version in one environment."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from honk.domain.repository import Base, Sha
from honk.domain.task import TaskId


class DeploymentState(StrEnum):
    STARTED = "started"
    LIVE = "live"
    FAILED = "failed"
    #: replaced by undo
    UNDONE = "undone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    id: str
    task: TaskId
    #: key of the repository
    repository: str
    environment: str
    commit: Sha
    #: digest of the artifact that was deployed
    digest: str
    state: DeploymentState
    at: datetime
    #: the deployment that was live before, to which undo returns
    previous: str | None = None
    url: str | None = None
    #: failed because the health command did, after the deploy command had ended well
    unhealthy: bool = False
    #: the id there, where a forge or a webhook's target deploys; "" where Honk does
    remote: str = ""


class RemoteState(StrEnum):
    """How far a deployment at a forge has come."""

    #: for a person's approval, or a timer
    WAITING = "waiting"
    RUNNING = "running"
    LIVE = "live"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteDeployment:
    """A deployment that a forge, or a webhook's target, carries out, as it says itself."""

    #: its own id there
    id: str
    state: RemoteState
    #: what it waits for, or why it failed, in a sentence
    detail: str = ""
    #: where people read about it, and where the version is
    log_url: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteRelease:
    """What a forge, or a webhook's target, is asked to deploy."""

    #: Honk's own id of the deployment, by which it is found again
    id: str
    environment: str
    #: the branch or tag that it runs on, and the commit that is deployed
    ref: str
    commit: Sha
    #: file name of the workflow, such as "deploy.yml"; "" creates a deployment for whoever listens
    workflow: str = ""
    #: what the workflow asks for
    inputs: tuple[tuple[str, str], ...] = ()
    #: in place of a forge: the address that is told to deploy, and where it is asked about this; "" for none
    webhook: str = ""
    status: str = ""
    #: for which task it is asked
    task: TaskId = TaskId("")
    #: of the artifact; "" where there is none
    digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """What is to be deployed: a merged commit on its base, and the build made of it."""

    base: Base
    commit: Sha
    #: SHA-256 of the artifact
    digest: str
