"""What happened to a task, turn by turn, as its page shows it: words, folded tool calls, and what is being written."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from honk.domain.event import (
    AgentCalledTool,
    AgentFinished,
    AgentStarted,
    AgentToolAnswered,
    AgentWaits,
    AgentWrote,
    BuildFailed,
    BuildReady,
    BuildUploaded,
    DeploymentFinished,
    Event,
    LimitHit,
    MergeDone,
    MessageDelivered,
    MessageEdited,
    MessageReceived,
    MessageWithdrawn,
    PlanProposed,
    PullRequestOpened,
    QuestionAsked,
    StepProgressed,
    TaskMoved,
    TaskSettled,
    VerdictGiven,
    VerifierStarted,
    WorkPaused,
    WorkResumed,
)
from honk.domain.person import PersonId
from honk.domain.turn import Turn
from honk.views import sentence

#: Lines that a page shows at most, and characters of them, the newest first; the log has all.
LINES, CHARACTERS = 200, 120_000
#: what a line has besides its words
_FRAME = 200
#: characters of what the agent wrote at a time, and of a tool's answer
_WORDS, _ANSWER = 4000, 1200
#: What a screen reader says as it happens; everything else is read when somebody goes there.
_SAID = (
    *(BuildFailed, BuildReady, BuildUploaded, DeploymentFinished, LimitHit, MergeDone, PlanProposed, PullRequestOpened),
    *(QuestionAsked, TaskMoved, VerdictGiven),
)

Names = Mapping[PersonId, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One event, for a person."""

    event: Event
    text: str
    #: who acted; "" for Honk itself
    actor: str
    #: "line", "words" of the agent, a "piece" of them as they come, a "call" of a tool, or the "answer" to one
    kind: str
    #: names the call, also in its answer
    call: str = ""
    #: of an answer: whether the tool did what it was for
    ok: bool = True
    #: of a call: its answers
    answers: "tuple[Line, ...]" = ()
    #: whether it is read out as it comes
    aloud: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnShown:
    """One turn with what happened in it."""

    turn: Turn
    by: str
    lines: tuple[Line, ...]
    #: how many earlier lines are left out
    cut: int
    #: what the agent is writing
    pieces: tuple[Line, ...]
    attempts: tuple[tuple[AgentFinished, VerdictGiven | None], ...]
    settled: TaskSettled | None
    #: whether it is the latest one
    latest: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingShown:
    """A message that no turn and no agent has taken yet."""

    id: str
    text: str
    by: PersonId | None


@dataclass(kw_only=True, slots=True)
class Room:
    """How many lines a page still takes."""

    left: int = LINES
    characters: int = CHARACTERS

    def take(self, lines: Sequence[Line]) -> tuple[Line, ...]:
        """The last ones, as many as fit."""
        taken: list[Line] = []
        for one in reversed(lines):
            self.left -= 1
            self.characters -= _FRAME + len(one.text) + sum(len(answer.text) + _FRAME for answer in one.answers)
            if self.left < 0 or self.characters < 0:
                self.left = 0  # nothing older either
                break
            taken.append(one)
        return tuple(reversed(taken))


def line(event: Event, names: Names) -> Line | None:
    """The event as the page shows it; None for what only machines want."""
    actor = names.get(event.actor, "") if event.actor else ""
    match event.data:
        case AgentWrote(text=text, partial=True):
            return Line(event=event, text=text, actor="", kind="piece") if text else None
        case AgentWrote(text=text):
            return Line(event=event, text=_bounded(text, _WORDS), actor="", kind="words") if text.strip() else None
        case AgentCalledTool(call=call, tool=tool, summary=summary):
            text = _bounded(f"{tool} {summary}".strip(), 400)
            return Line(event=event, text=text, actor="", kind="call", call=_named(call))
        case AgentToolAnswered(call=call, ok=ok, output=output):
            text = _bounded(output.strip("\n"), _ANSWER)
            return Line(event=event, text=text, actor="", kind="answer", call=_named(call), ok=ok)
    text = sentence(event) or ""
    aloud = isinstance(event.data, _SAID)
    return Line(event=event, text=text, actor=actor, kind="line", aloud=aloud) if text else None


def lines(log: Iterable[Event], names: Names) -> tuple[list[Line], tuple[Line, ...]]:
    """What is done, with each answer in its call, and what is being written."""
    found: list[Line] = []
    pieces: list[Line] = []
    calls: dict[str, int] = {}
    for event in log:
        one = line(event, names)
        if ends_writing(event):
            pieces.clear()
        if one is None:
            continue
        if one.kind == "piece":
            pieces.append(one)
        elif one.kind == "answer":
            if (at := calls.get(one.call)) is not None:
                found[at] = replace(found[at], answers=(*found[at].answers, one))
        else:
            if one.kind == "call":
                calls[one.call] = len(found)
            found.append(one)
    return found, tuple(pieces)


def ends_writing(event: Event) -> bool:
    """Whether the pieces before it are said by it as a whole, or will not be completed."""
    data = event.data
    return isinstance(data, AgentFinished | AgentStarted | TaskSettled) or (
        isinstance(data, AgentWrote) and not data.partial
    )


def turn_shown(turn: Turn, log: Sequence[Event], names: Names, room: Room, *, latest: bool) -> TurnShown:
    """The turn, of those events of the task that are its."""
    own = [event for event in log if event.turn == turn.number]
    found, pieces = lines(own, names)
    shown = room.take(found)
    verdicts = {event.data.attempt: event.data for event in own if isinstance(event.data, VerdictGiven)}
    ended = [event.data for event in own if isinstance(event.data, AgentFinished)]
    settled = [event.data for event in own if isinstance(event.data, TaskSettled)]
    return TurnShown(
        turn=turn,
        by=names[turn.message.by],
        lines=shown,
        cut=len(found) - len(shown),
        pieces=pieces,
        attempts=tuple((one, verdicts.get(one.attempt)) for one in ended),
        settled=settled[-1] if settled else None,
        latest=latest,
    )


def doing(log: Sequence[Event]) -> str | None:
    """What goes on now, or what is being waited for: the latest word on it. None where these events say nothing."""
    for event in reversed(log):
        match event.data:
            case WorkResumed() | TaskSettled():
                return ""
            case StepProgressed() | AgentWaits() | WorkPaused() | AgentWrote(partial=False):
                if text := sentence(event):
                    return text
            case VerifierStarted(verifier=verifier, on="change"):
                return f"verifying: {verifier}"
            case TaskMoved(reason=reason):
                return reason
    return None


def waiting(log: Sequence[Event], taken: frozenset[str]) -> list[WaitingShown]:
    """Messages that wait, in the order in which they came; `taken` are those that began a turn."""
    found: dict[str, WaitingShown] = {}
    for event in log:
        match event.data:
            case MessageReceived(message=id, text=text):
                found[id] = WaitingShown(id=id, text=text, by=event.actor)
            case MessageEdited(message=id, text=text):
                found[id] = WaitingShown(id=id, text=text, by=found[id].by if id in found else event.actor)
            case MessageDelivered(message=id) | MessageWithdrawn(message=id):
                found.pop(id, None)
    return [one for id, one in found.items() if id not in taken]


def _bounded(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _named(call: str) -> str:
    """The agent chose the words; a page's ids are of letters and digits."""
    return hashlib.sha256(call.encode("utf-8", "replace")).hexdigest()[:16]
