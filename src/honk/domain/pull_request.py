"""A pull request, and what became of an attempt to merge it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from honk.domain.repository import Sha
from honk.domain.task import TaskId


class PullRequestState(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequest:
    task: TaskId
    #: the forge's own number of it
    number: int
    branch: str
    base: str
    head: Sha
    title: str
    body: str
    state: PullRequestState
    #: None where no page exists for it
    url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comment:
    """One comment on a pull request."""

    task: TaskId
    #: names the occasion, so that commenting twice gives one comment
    key: str
    text: str
    at: datetime


class MergeMethod(StrEnum):
    MERGE = "merge"
    SQUASH = "squash"


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    commit: Sha


@dataclass(frozen=True, kw_only=True, slots=True)
class Queued:
    """Accepted by a merge queue; the commit is not known yet."""

    position: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    reason: str
    #: what the person can do, such as a command to run
    remedy: str = ""


MergeResult = Merged | Queued | Refused
