"""What a person is told when they look at no page: notices, the devices that show them, and how much each wants."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from honk.domain.person import PersonId
from honk.domain.task import TaskId


class Level(StrEnum):
    """How much a person wants to be told."""

    EVERYTHING = "everything"
    #: what waits for a person
    NEEDS_ME = "needs-me"
    NOTHING = "nothing"


class ByMail(StrEnum):
    """When a person is told by mail."""

    #: where no device and no chat tells them
    OTHERWISE = "otherwise"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a person has chosen; what they have not is the default."""

    level: Level = Level.NEEDS_ME
    by_mail: ByMail = ByMail.OTHERWISE


class Deed(StrEnum):
    """What can be done from a lock screen. What cannot be taken back opens the page."""

    ANSWER = "answer"
    GO = "go"
    STOP = "stop"


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One button of a notice."""

    label: str
    deed: Deed
    #: what it is about, so that a late press is about nothing else: an event's seq, a plan's name, a turn's number
    of: str
    #: which of the proposed answers, counted from 1; 0 for no answer
    choice: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What is said of one event of a task."""

    task: TaskId
    seq: int
    at: datetime
    title: str
    body: str
    #: of Honk's own pages, such as "/tasks/fix-it-1"
    page: str
    #: whether something waits for a person
    needs: bool = False
    offers: tuple[Offer, ...] = ()
    #: who merges or approves it is told as well, where the requester may not
    decides: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A browser that shows notices. Its endpoint and keys are for whoever sends alone."""

    #: a digest of the endpoint
    id: str
    person: PersonId
    #: such as "Chrome on Android"
    label: str
    endpoint: str
    #: the browser's public key and secret (RFC 8291), in base64url
    p256dh: str
    auth: str
    #: the visit in which it was switched on: once that is over, the device shows nothing
    visit: str
    at: datetime
    #: after which it shows nothing more, unless it was seen again
    until: datetime


#: The target of a posting that is no device.
MAIL = "mail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Posting:
    """A notice on its way to one device of a person, or to their mail."""

    task: TaskId
    #: of the event
    seq: int
    person: PersonId
    #: a device's id, or MAIL
    target: str
    #: how often it was tried before
    tries: int = 0
