"""Who deploys to an environment, who waits for it and why, and who has closed it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from honk.domain.landing import Landing
from honk.domain.person import PersonId
from honk.domain.task import State, TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class Freeze:
    """A person's word that nothing is deployed there."""

    #: key of the repository
    repository: str
    #: "" is every environment of it
    environment: str
    by: PersonId
    why: str
    at: datetime
    #: None: until somebody thaws it
    until: datetime | None = None

    def holds(self, environment: str, now: datetime) -> bool:
        """Whether that environment is frozen by it."""
        return self.environment in {"", environment} and (self.until is None or now < self.until)


class Stand(StrEnum):
    """How a place in the line stands."""

    #: merged, and on its way: a landing is at work on it
    COMING = "coming"
    #: the environment is closed; of those, the newest of a branch takes the older ones along
    CLOSED = "closed"
    #: another deployment is before it
    BEHIND = "behind"
    #: it is the one deployment of the environment
    GOING = "going"


#: It rests, and the watch begins it.
HELD = frozenset({Stand.CLOSED, Stand.BEHIND})


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A merged task's place in the line before an environment."""

    task: TaskId
    #: key of the repository
    repository: str
    environment: str
    #: into which it was merged: a later merge into it has this one's change as well
    branch: str
    #: by which the line is ordered
    merged_at: datetime
    stand: Stand
    #: the press that it is about
    landing: Landing
    #: how often it was held, so that each beginning has a name of its own
    held: int = 0

    @property
    def rests(self) -> State:
        """The state in which its task waits."""
        return State.DEPLOYED if self.landing.environment else State.MERGED

    @property
    def act(self) -> str:
        """The name of the landing that begins it from here."""
        return f"{self.landing.press}-opened-{self.held}"
