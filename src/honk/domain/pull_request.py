"""A pull request, and what became of an attempt to merge it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from honk.domain.repository import Sha
from honk.domain.task import TaskId
from honk.errors import NotNow


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
    #: what the forge is to put on it, besides what people put there
    labels: tuple[str, ...] = ()
    #: logins, and "owner/team" for teams, who are asked to review it once it is no draft
    reviewers: tuple[str, ...] = ()
    #: it cannot be merged as it is: the base has moved, and conflicts with it
    conflicts: bool = False
    #: the forge has accepted its merge, and carries it out later: a merge queue, or once its checks have passed
    waits_to_merge: bool = False
    #: the commit on the base by which it was merged, where the forge says so
    merged_as: Sha | None = None

    @property
    def word(self) -> str:
        """What a person types to confirm a merge of exactly this head."""
        return self.head[:7]

    def named_by(self, head: str) -> bool:
        """Whether that is its head, or at least the first seven characters of it."""
        return len(head) >= len(self.word) and self.head.startswith(head.lower())


def approvable(there: PullRequest | None, head: str) -> PullRequest:
    """The pull request, when that commit of it can be approved now. Raises NotNow."""
    if there is None:
        raise NotNow("there is no pull request to approve")
    if there.state not in {PullRequestState.OPEN, PullRequestState.DRAFT}:
        raise NotNow(f"the pull request is {there.state}: there is nothing to approve")
    if not there.named_by(head):
        moved = f"the branch moved: it is at {there.head[:12]}, not at {head[:12]}"
        raise NotNow(moved, f"look at it again: honk diff {there.task}")
    return there


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What became of a push."""

    #: at which the branch is now
    commit: Sha
    #: why the target did not take it; "" where it did
    refused: str = ""


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
    REBASE = "rebase"


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
