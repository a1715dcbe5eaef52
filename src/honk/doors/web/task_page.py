"""`/tasks/<id>`: what was asked, how it stands, what happened turn by turn, and what can be done next."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.event import (
    AgentFinished,
    AgentWaits,
    AgentWrote,
    Event,
    MessageDelivered,
    MessageEdited,
    MessageReceived,
    MessageWithdrawn,
    StepProgressed,
    TaskMoved,
    TaskSettled,
    VerdictGiven,
    WorkPaused,
    WorkResumed,
)
from honk.domain.person import PersonId
from honk.domain.task import BUSY, Task
from honk.domain.turn import Turn
from honk.doors.web.possible import possible
from honk.doors.web.rendering import page
from honk.service import Local
from honk.views import elapsed, next_steps, sentence

#: Lines that a turn shows at most; the log has all.
_LINES = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One event, for a person."""

    event: Event
    text: str
    #: who acted; "" for Honk itself
    actor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnShown:
    """One turn with what happened in it."""

    turn: Turn
    by: str
    lines: tuple[Line, ...]
    #: how many earlier lines are left out
    cut: int
    attempts: tuple[tuple[AgentFinished, VerdictGiven | None], ...]
    settled: TaskSettled | None
    #: whether it is the latest one
    latest: bool


async def task(request: Request, service: Local, found: Task) -> Response:
    """The page."""
    ports = service.app.ports
    card = await service.card(found.id)
    log = await service.events(found.id, limit=100_000)
    names = await _names(service, [event.actor for event in log])
    turns = []
    for number in range(found.turn, 0, -1):
        turn = await ports.tasks.turn(found.id, number)
        names |= await _names(service, [turn.message.by])
        turns.append(_shown(turn, [event for event in log if event.turn == number], names, latest=number == found.turn))
    return page(
        request,
        "task.html",
        visit=request.state,
        card=card,
        task=found,
        age=elapsed(found.created_at, ports.clock()),
        busy=found.state in BUSY or await _begun(service, found),
        doing=_doing(log) if found.state in BUSY else "",
        waiting=_waiting(log, turns),
        turns=turns,
        before=_lines([event for event in log if event.turn == 0], names),
        steps=next_steps(card),
        can=await possible(service, card, log),
    )


async def _begun(service: Local, found: Task) -> bool:
    """Whether something was pressed that no state shows yet, such as a merge."""
    pressed = (f"land/{found.id}/", f"undo/{found.id}/")
    return any(one.startswith(pressed) for one in await service.app.journal.unfinished())


def _shown(turn: Turn, log: Sequence[Event], names: dict[PersonId, str], *, latest: bool) -> TurnShown:
    lines = _lines(log, names)
    verdicts = {event.data.attempt: event.data for event in log if isinstance(event.data, VerdictGiven)}
    ended = [event.data for event in log if isinstance(event.data, AgentFinished)]
    settled = [event.data for event in log if isinstance(event.data, TaskSettled)]
    return TurnShown(
        turn=turn,
        by=names[turn.message.by],
        lines=lines[-_LINES:],
        cut=max(len(lines) - _LINES, 0),
        attempts=tuple((one, verdicts.get(one.attempt)) for one in ended),
        settled=settled[-1] if settled else None,
        latest=latest,
    )


def _lines(log: Sequence[Event], names: dict[PersonId, str]) -> tuple[Line, ...]:
    said = ((event, sentence(event)) for event in log)
    return tuple(
        Line(event=event, text=text, actor=names[event.actor] if event.actor else "") for event, text in said if text
    )


async def _names(service: Local, people: Sequence[PersonId | None]) -> dict[PersonId, str]:
    return {id: (await service.app.ports.tasks.get_person(id)).name for id in set(people) if id is not None}


def _doing(log: Sequence[Event]) -> str:
    """What goes on now, or what is being waited for: the latest word on it."""
    for event in reversed(log):
        if isinstance(event.data, WorkResumed | TaskSettled):
            return ""
        if isinstance(event.data, StepProgressed | AgentWaits | WorkPaused | AgentWrote):
            text = sentence(event)
            if text:
                return text
        if isinstance(event.data, TaskMoved):
            return event.data.reason
    return ""


def _waiting(log: Sequence[Event], turns: Sequence[TurnShown]) -> list[tuple[str, str]]:
    """Ids and words of messages that no turn and no agent has taken yet, in the order in which they came."""
    waiting: dict[str, str] = {}
    for event in log:
        data = event.data
        if isinstance(data, MessageReceived | MessageEdited):
            waiting[data.message] = data.text
        elif isinstance(data, MessageDelivered | MessageWithdrawn):
            waiting.pop(data.message, None)
    taken = {shown.turn.message.id for shown in turns}
    return [(id, text) for id, text in waiting.items() if id not in taken]
