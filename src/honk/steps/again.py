"""a point → the turn once more: what lies before the point stands, the rest is done again.

The steps of the first time are in the journal, by name and in order; those before the point go with the
new workflow as its payload, so that a chain of retries, and a crash in one, need nothing else.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from honk.domain.codec import load
from honk.domain.task import State, Task
from honk.domain.turn import Point, Turn
from honk.ports import Once, Ports

T = TypeVar("T")


#: Points of which the steps themselves say no state.
MADE_AGAIN = frozenset({Point.PROPOSE, Point.BUILD, Point.SHARE})
#: Points of a landing; the others are those of a turn.
LANDED_AGAIN = frozenset({Point.MERGE, Point.DEPLOY})


def stands(finished: Mapping[str, str], point: Point) -> dict[str, str] | None:
    """Steps that stand when the turn is done again from that point; None when it never came so far.

    `finished` are the values of the steps that returned, by name, in order.
    """
    names = [name for name in finished if name != "again"]
    match point:
        case Point.PREPARE:
            end = 0
        case Point.CODE:
            end = _first(names, "code/", after="baseline" if "baseline" in names else "prepare")
        case Point.VERIFY:
            end = _first(names, "verify/", after=_last(names, "code/"))
        case Point.PROPOSE:
            end = _first(names, "propose", after=_last(names, "verify/"))
        case Point.BUILD:
            end = _first(names, "build", after="propose")
        case Point.SHARE:
            end = _first(names, "share", after="build") if finished.get("build", "null") != "null" else -1
        case _:
            end = -1
    return None if end < 0 else {name: finished[name] for name in names[:end]}


def points(finished: Mapping[str, str]) -> tuple[Point, ...]:
    """From where the turn can be done again."""
    return tuple(point for point in Point if stands(finished, point) is not None)


def standing(once: Once, kept: Mapping[str, str]) -> Once:
    """Steps that stand answer as they did, and are kept once more, with the others."""

    async def run(name: str, returns: type[T], step: Callable[[], Awaitable[T]]) -> T:
        return await once(name, returns, partial(_as_before, returns, kept[name]) if name in kept else step)

    return run


async def make_again(task: Task, turn: Turn, *, ports: Ports) -> State:
    """The task is at work again, although none of the coming steps says so."""
    return (await ports.tasks.move(task.id, State.VERIFYING, f"again from {turn.point}")).state


async def _as_before(returns: type[T], value: str) -> T:
    return load(returns, value)


def _first(names: list[str], step: str, *, after: str) -> int:
    """Where the latest run of a step begins, behind `after`; -1 where `after` never was."""
    if after not in names:
        return -1
    behind = names.index(after) + 1
    return next((at for at in range(behind, len(names)) if names[at].startswith(step)), len(names))


def _last(names: list[str], step: str) -> str:
    return next((name for name in reversed(names) if name.startswith(step)), "nothing")
