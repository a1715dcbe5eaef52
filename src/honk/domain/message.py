"""What a person said to Honk, whichever door it came through."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

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
class Message:
    #: the door's own id of the message: what makes a second delivery recognisable
    id: MessageId
    by: PersonId
    text: str
    at: datetime
    images: tuple[Image, ...] = ()
