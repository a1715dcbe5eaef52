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
class PlanProposed(EventData):
    """The agent has said what it would change, and has changed nothing; it waits for a person's Go."""

    type: ClassVar[str] = "plan.proposed"
    #: which plan it is: what a Go is for
    name: str
    #: the plan in the agent's words (Markdown)
    text: str
    #: whether the end of it was left out, because it was too long
    shortened: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionReminded(EventData):
    """Nobody has answered yet."""

    type: ClassVar[str] = "question.reminded"
    question: str
    #: for how long it has been waiting
    hours: float
