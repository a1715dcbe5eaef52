"""A plan: what an agent would change, in words that wait for a person's Go.

Which kind of turn it is follows from what is stored for good: a task that was asked for with a plan plans until
a message approves one. So it is the same after a crash, a retry and a hand-over.
"""

import re
from collections.abc import Iterable

from honk.domain.event import Event, PlanProposed, TaskRetried
from honk.domain.message import Message
from honk.domain.task import Options, State, Task

#: Why a task waits whose plan was proposed, and why it rests when nobody wants it.
WAITS = "the plan waits for a Go"
CANCELLED = "the plan was cancelled"
#: Characters of a plan that are kept.
LONGEST = 20_000

_GO = re.compile(r"go(?:[ -]ahead)?[\s.!]*", re.IGNORECASE)


def is_go(text: str) -> bool:
    """Whether the words approve a plan, and say nothing else."""
    return _GO.fullmatch(text.strip()) is not None


def comes_first(options: Options, said: Iterable[Message]) -> bool:
    """Whether a turn plans, and changes nothing. `said` is everything up to that turn, its own message too."""
    return options.plan and not any(message.approves for message in said)


def latest(log: Iterable[Event]) -> PlanProposed | None:
    """The plan that was proposed last, whatever became of it."""
    return next((one.data for one in reversed(tuple(log)) if isinstance(one.data, PlanProposed)), None)


def waiting(task: Task, log: Iterable[Event]) -> PlanProposed | None:
    """The plan that waits for a Go: proposed by the latest turn, which is at rest."""
    if task.state is not State.WAITING:
        return None
    turn = [one for one in log if one.turn == task.turn and isinstance(one.data, PlanProposed | TaskRetried)]
    return turn[-1].data if turn and isinstance(turn[-1].data, PlanProposed) else None
