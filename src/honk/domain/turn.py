"""A turn: one instruction or reply, worked on until there is something to show."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from honk.domain.message import Message
from honk.domain.task import TaskId


class Outcome(StrEnum):
    """How a turn ended; the exit codes of `honk run` follow from it."""

    PASS = "pass"
    FAIL = "fail"
    UNSURE = "unsure"
    #: money, calls or time ran out; a draft is kept
    LIMIT = "limit"
    #: a person has to answer first
    QUESTION = "question"
    NO_CHANGE = "no_change"
    STOPPED = "stopped"
    ERROR = "error"


class Point(StrEnum):
    """From where a task can be done again."""

    PREPARE = "prepare"
    CODE = "code"
    VERIFY = "verify"
    PROPOSE = "propose"
    BUILD = "build"
    SHARE = "share"
    MERGE = "merge"
    DEPLOY = "deploy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    task: TaskId
    #: 1 for the instruction, then one more for each reply
    number: int
    message: Message
    outcome: Outcome | None = None
    #: how often it was done again from a point on
    again: int = 0
    #: the step from which it is done again; "" the first time
    point: str = ""

    @property
    def name(self) -> str:
        """What its workflow and its events are named after: "2", and "2.1" when it is done again."""
        return turn_name(self.number, self.again)

    @property
    def workflow(self) -> str:
        """The id of its workflow in the journal."""
        first = f"turn/{self.task}/{self.number}"
        return f"{first}/again/{self.again}" if self.again else first


def turn_name(number: int, again: int) -> str:
    """See `Turn.name`."""
    return f"{number}.{again}" if again else str(number)


def instruction_of(said: Iterable[Message]) -> str:
    """What the work is measured against: every reply counts too, because it may ask for more."""
    return "\n\n".join(message.text for message in said)
