"""What people say on a forge: issues, comments, reviews; and what they may do there. All words are untrusted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from honk.domain.repository import Sha


class Permission(StrEnum):
    """What somebody may do in a repository, by the forge's own word; each includes those before it."""

    NONE = "none"
    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    def includes(self, other: "Permission") -> bool:
        """Whether who has this may do what the other allows."""
        order = list(Permission)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Who said something."""

    login: str
    #: a program, such as "renovate[bot]"
    bot: bool = False
    #: Honk itself
    own: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Remark:
    """A comment: on an issue or a pull request, or on a line of its change."""

    #: "comment/123" for one on the whole, "line/123" for one on a line
    id: str
    #: of the issue or pull request
    number: int
    author: Author
    text: str
    url: str
    at: datetime
    #: the file, and its last line that is meant; "" and None for a comment on the whole, or on the whole file
    path: str = ""
    line: int | None = None
    #: the first line, where several are meant
    start_line: int | None = None
    #: the piece of the diff that it stands below
    hunk: str = ""
    #: the id of the remark that it answers; "" for one that begins a thread
    answers: str = ""
    #: the review that it came with; "" for none
    review: str = ""


class ReviewState(StrEnum):
    """What a reviewer decided."""

    APPROVED = "approved"
    CHANGES_REQUESTED = "changes_requested"
    COMMENTED = "commented"
    DISMISSED = "dismissed"
    #: not handed in yet
    PENDING = "pending"


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """A review of one head of a pull request, with its remarks on lines."""

    id: str
    number: int
    author: Author
    state: ReviewState
    #: what was reviewed
    head: Sha
    text: str
    url: str
    at: datetime
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """An issue, or a pull request seen as one."""

    number: int
    title: str
    text: str
    author: Author
    url: str
    open: bool = True
    labels: tuple[str, ...] = ()
    #: logins
    assignees: tuple[str, ...] = ()
    #: what follows is of pull requests alone
    pull_request: bool = False
    head: Sha | None = None
    #: the branch that it is made of, and that it is to be merged into
    branch: str = ""
    base: str = ""
    #: the branch lies in another repository (a fork)
    foreign: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """Somebody put a label on an issue or pull request, or assigned it."""

    number: int
    #: the forge's id of the occasion
    id: str
    by: Author
    #: the label's name, or the login that was assigned
    what: str
    at: datetime


class HintKind(StrEnum):
    """What may have happened: only what is read from the forge afterwards counts."""

    #: `id` is that of the remark
    REMARK = "remark"
    #: `id` is that of the review of pull request `number`
    REVIEW = "review"
    #: an issue or pull request `number` was opened or edited
    ISSUE = "issue"
    #: a label was put on `number`, or it was assigned; `id` is the label's or the login
    LABELLED = "labelled"
    #: the pull request `number` is another one: head, state, base, draft
    PULL_REQUEST = "pull_request"
    #: checks, statuses or runs at the commit `id`
    CHECKS = "checks"
    #: somebody wants Honk's own check done again; `id` is "commit/login", of whoever is said to want it
    RERUN = "rerun"
    #: a merge queue made something for checks to look at; `id` is "commit/branch", of what it made and for which branch
    QUEUE = "queue"
    #: a branch, `id`, moved
    PUSH = "push"
    #: a deployment, `id`, changed
    DEPLOYMENT = "deployment"
    #: the repository was renamed, transferred, archived, deleted; or Honk was let in or out
    REPOSITORY = "repository"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """Something may have happened at the forge."""

    kind: HintKind
    #: "owner/name"; "" for all of them
    repository: str
    number: int = 0
    id: str = ""
