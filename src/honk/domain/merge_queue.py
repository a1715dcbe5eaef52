"""A forge's merge queue: what waits in it, and what Honk says of the commits that it makes."""

from collections.abc import Sequence
from dataclasses import dataclass

from honk.domain.repository import Sha
from honk.domain.verdict import Answer, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueEntry:
    """One pull request that waits in a merge queue."""

    number: int
    branch: str
    head: Sha
    #: the branch lies in another repository (a fork)
    foreign: bool = False
    #: made by the queue of the base, the entries before this one, and it: checks look at that; None until it is made
    commit: Sha | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouped:
    """A pull request of Honk's in a merge group."""

    number: int
    head: Sha
    #: on that head; None where nobody verified it
    verdict: Verdict | None


def group_answer(held: Sequence[Grouped]) -> Answer | None:
    """What Honk says of a merge group: the worst of its own in it, None where none is. What nobody verified failed."""
    answers = {Answer.FAIL if one.verdict is None else one.verdict.answer for one in held}
    return next((one for one in (Answer.FAIL, Answer.UNSURE, Answer.PASS) if one in answers), None)
