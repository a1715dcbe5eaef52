"""What a crash or a broken disk took away, put back as far as it goes, and told to the agent in words."""

from dataclasses import dataclass
from pathlib import Path

from honk import prompts
from honk.domain.event import (
    AgentCalledTool,
    AgentWrote,
    ChangeTaken,
    Event,
    MessageReceived,
    PlanProposed,
    SnapshotTaken,
    TaskAccepted,
    WorkResumed,
)
from honk.domain.repository import Sha
from honk.domain.text import Untrusted
from honk.steps.code.snapshots import READ_ONLY
from honk.steps.code.work import Work

#: Of the story, what is told in words: the latest steps, and so many characters of each.
_STEPS, _LONGEST = 60, 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """What is not there any more."""

    workspace: bool = False
    session: bool = False

    @property
    def anything(self) -> bool:
        """Whether the agent must be told."""
        return self.workspace or self.session


def look(work: Work, *, used: bool) -> Lost:
    """What is missing. `used` says whether there should be a session already."""
    home = work.ports.home / "tasks" / work.task.id / "home"
    return Lost(
        workspace=not Path(work.workspace.path).exists(),
        session=used and not home.is_dir(),
    )


async def put_back(work: Work, lost: Lost) -> str:
    """Makes a lost workspace again, newest state first: snapshot, hand-back, pull request, base.

    Returns what the agent should know before anything else, or "": also of a loss before this one, as long as
    nothing shows that the agent has heard of it.
    """
    events = await work.ports.events.read(work.task.id)
    earlier = _unheard(events, work.turn.number)
    known = Lost(workspace=lost.workspace or "workspace" in earlier, session=lost.session or "session" in earlier)
    if not known.anything:
        return ""
    snapshot = await work.ports.workspaces.latest_snapshot(work.workspace)
    taken = [Sha(event.data.commit) for event in events if isinstance(event.data, ChangeTaken)]
    state = "as the last snapshot has it" if snapshot else "as it was handed back last" if taken else "at its base"
    if lost.anything:  # said first: a crash must not leave files that nobody knows to be old
        await work.tell(_resumed(lost, state))
    if lost.workspace:
        at, place = snapshot or (taken[-1] if taken else work.parent), work.workspace
        await work.ports.workspaces.open(work.task.id, place.repository, place.base, at=at, head=work.parent)
    words = []
    if known.workspace:
        after = _calls_after_snapshot(events, work.turn.number) if snapshot else _calls(events, work.turn.number)
        words.append(prompts.render("workspace_lost", state=state, calls=_listed(after)))
    if known.session:
        words.append(prompts.render("session_lost", story=prompts.fence(Untrusted(_story(events)), name="story")))
    return "\n".join(words)


def _resumed(lost: Lost, state: str) -> WorkResumed:
    details = []
    if lost.workspace:
        details.append(f"the workspace was lost, and is {state}")
    if lost.session:
        details.append("the agent's session was lost; it is told what happened in it")
    names = [name for name, gone in (("workspace", lost.workspace), ("session", lost.session)) if gone]
    return WorkResumed(cause="restart", detail="; ".join(details), lost=tuple(names))


def _unheard(events: tuple[Event, ...], turn: int) -> frozenset[str]:
    """What was lost in this turn since the agent last said or did something."""
    found: set[str] = set()
    for event in events:
        if event.turn == turn and isinstance(event.data, AgentWrote | AgentCalledTool):
            found.clear()
        elif event.turn == turn and isinstance(event.data, WorkResumed):
            found |= set(event.data.lost)
    return frozenset(found)


def _calls(events: tuple[Event, ...], turn: int) -> list[str]:
    return [
        f"{event.data.tool} {event.data.summary}"
        for event in events
        if event.turn == turn and isinstance(event.data, AgentCalledTool) and event.data.tool not in READ_ONLY
    ]


def _calls_after_snapshot(events: tuple[Event, ...], turn: int) -> list[str]:
    """Tool calls whose effect the snapshot may lack: those after the one that it was made after."""
    last = next((event.data for event in reversed(events) if isinstance(event.data, SnapshotTaken)), None)
    known = [
        number
        for number, event in enumerate(events)
        if last is not None and isinstance(event.data, AgentCalledTool) and event.data.call == last.call
    ]
    return _calls(events[known[-1] + 1 :] if known else events, turn)


def _listed(calls: list[str]) -> str:
    if not calls:
        return ""
    listed = prompts.fence(Untrusted("\n".join(calls[-_STEPS:])), name="calls")
    return f" What these tool calls did to files may be gone as well:\n{listed}"


def _story(events: tuple[Event, ...]) -> str:
    told = [line for event in events if (line := _line(event))]
    left_out = [f"… {len(told) - _STEPS} steps before …"] if len(told) > _STEPS else []
    return "\n".join([*told[:1], *left_out, *told[1:][-_STEPS:]])


def _line(event: Event) -> str:
    match event.data:
        case TaskAccepted(instruction=text):
            return f"asked: {text}"
        case MessageReceived(text=text) if text:
            return f"asked: {text}"
        case AgentWrote(text=text, partial=False):
            return f"you said: {text[:_LONGEST]}"
        case AgentCalledTool(tool=tool, summary=summary):
            return f"you used {tool}: {summary}"
        case PlanProposed(text=text):
            return f"you proposed this plan:\n{text}"
        case ChangeTaken(files=files):
            return f"handed back, {len(files)} files changed"
    return ""
