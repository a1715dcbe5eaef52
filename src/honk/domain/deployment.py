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


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """What is to be deployed: a merged commit on its base, and the build made of it."""

    base: Base
    commit: Sha
    #: SHA-256 of the artifact
    digest: str
