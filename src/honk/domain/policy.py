"""What a person may do, asked at the moment of every act."""

from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    ASK = "ask"
    STEER = "steer"
    STOP = "stop"
    APPROVE = "approve"
    MERGE = "merge"
    DEPLOY = "deploy"
    PROMOTE = "promote"
    UNDO = "undo"
    FREEZE = "freeze"
    THAW = "thaw"
    ADMINISTER = "administer"


class Right(StrEnum):
    """What a role grants."""

    ASK = "ask"
    STEER = "steer"
    MERGE = "merge"
    DEPLOY = "deploy"
    ADMINISTER = "administer"


#: The right that an act needs. None includes another.
NEEDS: dict[Act, Right] = {
    Act.ASK: Right.ASK,
    Act.STEER: Right.STEER,
    Act.STOP: Right.STEER,
    Act.APPROVE: Right.MERGE,
    Act.MERGE: Right.MERGE,
    Act.DEPLOY: Right.DEPLOY,
    Act.PROMOTE: Right.DEPLOY,
    Act.UNDO: Right.DEPLOY,
    Act.FREEZE: Right.DEPLOY,
    Act.THAW: Right.DEPLOY,
    Act.ADMINISTER: Right.ADMINISTER,
}


class Confirmation(StrEnum):
    """What a merge needs besides the right to it."""

    #: a press of the button is enough
    PRESS = "press"
    #: the beginning of the commit is typed
    TYPED = "typed"
    #: somebody else who may merge has approved exactly that commit
    SECOND = "second"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    allowed: bool
    #: the rule that decided, in a sentence
    reason: str
    #: which version of the policy decided
    version: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """One rule that was looked at."""

    #: such as "roles[0]: alice, @team may ask, steer on github.com/acme/*"
    rule: str
    grants: bool
    #: why it does, or does not, grant this act
    because: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """A decision, and everything that was looked at on the way to it."""

    decision: Decision
    person: str
    act: Act
    #: the address that the rules were compared with; "" for Honk itself
    repository: str
    looked_at: tuple[Looked, ...]
