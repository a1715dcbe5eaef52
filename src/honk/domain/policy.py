"""What a person may do, asked at the moment of every act."""

from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    ASK = "ask"
    STEER = "steer"
    STOP = "stop"
    MERGE = "merge"
    DEPLOY = "deploy"
    UNDO = "undo"
    ADMINISTER = "administer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    allowed: bool
    #: the rule that decided, in a sentence
    reason: str
