"""A turn: one instruction or reply, worked on until there is something to show."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    task: TaskId
    #: 1 for the instruction, then one more for each reply
    number: int
    message: Message
    outcome: Outcome | None = None
