"""A workspace: the isolated writable checkout of one task."""

from dataclasses import dataclass

from honk.domain.repository import Base, Repository, Sha
from honk.domain.task import TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    task: TaskId
    repository: Repository
    base: Base
    #: absolute path on the host; nothing on the host may run git or follow links in it
    path: str
    #: on what the turn's commit is made, where nobody has verified that: a merge of the base, a person's push
    head: Sha | None = None
    #: where the pull request's branch was when the turn began, which the turn's commit contains
    over: Sha | None = None
    #: the pull request was closed when the turn began, which opens it again
    closed: bool = False
