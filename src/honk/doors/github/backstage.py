"""What the door at GitHub needs of the house, and what was chosen for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from honk.domain.discussion import Permission
from honk.domain.event import Event
from honk.domain.merge_queue import QueueEntry
from honk.domain.person import Person
from honk.domain.repository import Named, Repository, Sha
from honk.domain.task import TaskId
from honk.ports import Chats, Ports
from honk.service import Local
from honk.service.linking import Linking

#: The door's name in threads, deliveries and preferences.
DOOR = "github"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """See [github] in honk.toml."""

    #: by which Honk is called, besides the app's own: "@honk"
    name: str = "honk"
    #: the label that asks for what an issue says; "" for none
    label: str = "honk"
    #: what somebody must be allowed at GitHub to ask and steer, in public repositories and in private ones
    least_public: Permission = Permission.WRITE
    least_private: Permission = Permission.READ
    #: the same for merging, approving, undoing and reverting
    least_landing: Permission = Permission.WRITE
    #: turns that reviews by other bots begin since a person spoke last
    bots: int = 3
    #: logins of bots that may ask
    asking_bots: tuple[str, ...] = ()
    #: seconds between two looks for what is new, where no webhook can reach; 0 for none
    poll: float = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """Seconds for which this door waits; tests shorten them."""

    #: in which a delivery must be kept: GitHub waits for ten
    answer: float = 8.0
    #: between two looks for deliveries and places that another process left
    look: float = 2.0
    #: before a delivery or a place is tried again; doubled each time, up to `rest`
    later: float = 2.0
    rest: float = 300.0
    #: in which events are gathered before a place is told
    gather: float = 0.5
    #: between two changes of a status comment while the work goes on
    edit: float = 10.0
    #: before a door that broke down is opened again
    again: float = 10.0
    #: for which a repository's name is believed
    name: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Backstage:
    """The house, as far as this door sees it."""

    ports: Ports
    chats: Chats
    #: the service in the name of that person
    service: Callable[[Person], Local]
    linking: Linking
    #: from now on the listener is told of each event that this process stores, on the event loop
    listen: Callable[[Callable[[Event], None]], None]
    #: the repositories of honk.toml, as it is now
    listed: Callable[[], tuple[Named, ...]]
    #: has the task's pull request, checks and deployments looked at
    look: Callable[[TaskId], Awaitable[None]]
    #: answers what the merge queue of that branch waits for of Honk; what waits there
    queue: Callable[[Repository, str], Awaitable[tuple[QueueEntry, ...]]]
    #: shows the verdict on that commit among the checks once more: GitHub may have taken its answer for open again
    show: Callable[[TaskId, Sha], Awaitable[None]]
    choices: Choices = Choices()
    #: waits that tests shorten
    sleep: Callable[[float], Awaitable[None]] | None = None
    waits: Waits = Waits()
