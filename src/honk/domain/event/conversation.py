"""What people and the agent say to each other."""

from dataclasses import dataclass
from typing import ClassVar

from honk.domain.event.data import EventData


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageReceived(EventData):
    """A reply arrived. `handling` is "turn" (begins one), "steer", "interrupt" or "queued"."""

    type: ClassVar[str] = "message.received"
    message: str
    text: str
    handling: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageDelivered(EventData):
    """The receipt: the agent at work has the message. `how` is "steer" or "interrupt"."""

    type: ClassVar[str] = "message.delivered"
    message: str
    how: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageEdited(EventData):
    """A message that was still waiting has other words now."""

    type: ClassVar[str] = "message.edited"
    message: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageWithdrawn(EventData):
    """A message that was still waiting will not be worked on."""

    type: ClassVar[str] = "message.withdrawn"
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionAsked(EventData):
    """The agent needs an answer before it can go on; the next reply is the answer."""

    type: ClassVar[str] = "question.asked"
    question: str
    #: answers that it proposes
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionReminded(EventData):
    """Nobody has answered yet."""

    type: ClassVar[str] = "question.reminded"
    question: str
    #: for how long it has been waiting
    hours: float
