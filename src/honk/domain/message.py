"""What a person said to Honk, whichever door it came through."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType

from honk.domain.attachment import bounded_context
from honk.domain.person import PersonId

MessageId = NewType("MessageId", str)


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """A picture in a message. `digest` finds its bytes in the artifact store."""

    name: str
    #: such as "image/png"
    media_type: str
    #: SHA-256 of the bytes, in hexadecimal
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file in a message. `digest` finds its bytes in the artifact store."""

    #: as `safe_name` leaves it
    name: str
    #: by its first bytes, such as "text/plain"
    media_type: str
    #: SHA-256 of the bytes, in hexadecimal
    digest: str
    #: bytes
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Enclosed:
    """What comes with the words of a message."""

    images: tuple[Image, ...] = ()
    files: tuple[File, ...] = ()
    #: see Message.context; only its end is kept
    context: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "context", bounded_context(self.context))


NOTHING = Enclosed()


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    #: the door's own id of the message: what makes a second delivery recognisable
    id: MessageId
    by: PersonId
    text: str
    at: datetime
    images: tuple[Image, ...] = ()
    files: tuple[File, ...] = ()
    #: the conversation before these words, as plain text; untrusted, for the agent alone, and no part of what is asked
    context: str = ""
    #: the name of the plan that these words approve; "" for all other words
    approves: str = ""

    @property
    def enclosed(self) -> Enclosed:
        """What comes with the words."""
        return Enclosed(images=self.images, files=self.files, context=self.context)

    def enclosing(self, more: Enclosed) -> "Message":
        """The same words with these things."""
        return replace(self, images=more.images, files=more.files, context=more.context)


class Handling(StrEnum):
    """How the sender wants a message handled while a turn is at work."""

    #: the agent hears it at its next step
    STEER = "steer"
    #: what the agent does now is cut short, and it hears this
    INTERRUPT = "interrupt"
    #: it begins the next turn
    QUEUED = "queued"


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A message that no turn and no agent has had yet."""

    message: Message
    handling: Handling
    #: whether it is on its way to the agent at work
    handed: bool = False


def tag(id: str) -> str:
    """The part of a message's UUID that stands in its words, so that an agent's memory can be searched for it."""
    return id[:13]
