"""Where in a chat people talk with a task, and what a chat delivered."""

from dataclasses import dataclass
from datetime import datetime

from honk.domain.person import Identity, PersonId
from honk.domain.task import TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One thread of a chat."""

    #: the chat, such as "slack"
    door: str
    #: the workspace, and the channel in it, by the chat's own ids
    team: str
    channel: str
    #: the message below which the thread hangs
    root: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Thread:
    """A task, and the place where it is talked about at one door. A place has one task at a time: the latest."""

    task: TaskId
    place: Place
    #: the chat's own id of whoever asked
    asked_by: str
    #: the message with which it was asked; "" where none shows it
    message: str = ""
    #: the card's message; "" until it is posted
    card: str = ""
    #: what the card showed last, as a digest
    shown: str = ""
    #: the seq of the last event of which the place was told
    told: int = 0
    #: every reply in the thread is for Honk, not only those that name it
    listens: bool = False
    #: nothing but the card is written there
    muted: bool = False
    #: why the place cannot be written to any more; "" as long as it can
    broken: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Saying:
    """A message of Honk's in a thread, named after its occasion."""

    #: the chat's id of it; "" while it is not known whether it was sent
    message: str
    #: whether somebody began to send it before
    begun_before: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """Something that a chat delivered: a message, a reaction, a press of a button."""

    #: what makes a second delivery recognisable, and a replayed request worthless
    id: str
    door: str
    #: how the door handles it
    kind: str
    #: deliveries of one lane are worked on one after another, in the order in which they came
    lane: str
    #: as JSON that the door reads
    body: str
    at: datetime
    #: how often it was tried before
    tries: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A chat's user who has shown to be a person of Honk's."""

    identity: Identity
    person: PersonId
    at: datetime
