"""A build on its way in from somebody's CI: which file, of which commit, and how far it has come."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from honk.domain.person import PersonId
from honk.domain.repository import Sha
from honk.domain.task import TaskId


class UploadState(StrEnum):
    #: bytes are missing
    RECEIVING = "receiving"
    #: all of it is here, and it is being made a build
    RECEIVED = "received"
    #: it is a build of its task
    BUILT = "built"
    #: it could not be made one; the reason says why
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """One file. The same one again, by the same person for the same commit, has the same id."""

    id: str
    task: TaskId
    commit: Sha
    #: what its owner calls it, without folders
    name: str
    #: in bytes, as was said when it began
    size: int
    #: SHA-256 that its owner gave; "" for none
    digest: str
    by: PersonId
    #: the id of the access token that it came with; "" for none
    token: str
    #: names this round of it in the journal: one that was refused may begin again
    act: str
    at: datetime
    state: UploadState = UploadState.RECEIVING
    #: bytes that are here
    received: int = 0
    #: of what came of it: "apk", "aab", "ipa" or "web"; "" before that is known
    kind: str = ""
    #: the build that it became
    build: str = ""
    #: a newer commit of the task has a build already, so that this one is not the latest
    older: bool = False
    #: why it was refused
    reason: str = ""
    #: the job of a labelled worker that made it, and the lease under which it has it; "" for none
    job: str = ""
    lease: str = ""

    @property
    def workflow(self) -> str:
        """The journal's id of making it a build."""
        return f"uploaded/{self.task}/{self.act}"

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        return self.received == self.size


def place_of(heads: tuple[Sha, ...], commit: Sha) -> int:
    """Where a commit stands among the heads that a pull request had, the last one last; -1 for none of them."""
    return max((number for number, head in enumerate(heads) if head == commit), default=-1)
