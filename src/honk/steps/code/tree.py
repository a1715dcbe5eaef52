"""The workspace's tree: as a commit in the mirror, or put back."""

import re
from contextlib import suppress
from pathlib import Path

from honk.domain.attempt import Change
from honk.domain.event import AgentStarted, ChangeRefused, ChangeTaken
from honk.domain.plan import is_go
from honk.domain.repository import Sha
from honk.domain.text import closing_nothing, one_line
from honk.errors import HandBackRefused, SandboxDied
from honk.ports import Box
from honk.ports.slow import progress, slow
from honk.steps.code.work import Work

_TRIES = 3


async def take(work: Work) -> Change:
    """The tree as it is now, as a commit in the mirror. A sandbox that is killed on the way is opened again."""
    for _ in range(_TRIES - 1):
        with suppress(SandboxDied):
            return await _take(work)
    return await _take(work)


async def _take(work: Work) -> Change:
    ports = work.ports
    box = Box(workspace=Path(work.workspace.path), mounts=ports.workspaces.mounts(work.workspace))
    handing = progress("code", "handing the change back")
    async with slow(work.tell, handing), ports.sandboxes.open(box) as sandbox:
        return await ports.workspaces.take(
            work.workspace, sandbox, parent=work.parent, message=await _message(work), at=work.turn.message.at
        )


async def _message(work: Work) -> str:
    """The commit's message: what was asked, and who made it (promise 10)."""
    started = [e.data for e in await work.ports.events.read(work.task.id) if isinstance(e.data, AgentStarted)]
    person = await work.ports.tasks.get_person(work.turn.message.by)
    text = work.turn.message.text.strip()
    asked = work.task.instruction.strip() if work.task.options.plan and is_go(text) else text
    first = (work.task.options.title if work.turn.number == 1 else "") or (asked.splitlines()[0] if asked else "Change")
    title = first if len(first) <= 72 else first[:69].rstrip() + "..."
    trailers = [f"Honk-Task: {work.task.id}", f"Requested-by: {one_line(person.name)}"]
    if started and started[-1].agent == "claude":
        trailers.append(f"Assisted-by: Claude Code {one_line(started[-1].model)}".rstrip())
    # Forges tell whoever is named in a commit.
    return closing_nothing(re.sub(r"@(?=\w)", "", one_line(title))) + "\n\n" + "\n".join(trailers) + "\n"


async def put_as_before(work: Work) -> None:
    """What somebody who was to change nothing changed all the same is thrown away, and told."""
    try:
        changed = not (await take(work)).empty
    except HandBackRefused:
        changed = True
    if changed:
        reason = "a plan changes nothing: what was changed is thrown away"
        await work.tell(ChangeRefused(attempt=work.number, reason=reason))
        await afresh(work)


async def afresh(work: Work) -> None:
    """The files as the turn before left them: half a run of a command, and a whole one on top, would do it twice."""
    events = await work.ports.events.read(work.task.id)
    taken = [event.data.commit for event in events if isinstance(event.data, ChangeTaken)]
    at = work.workspace.head or (Sha(taken[-1]) if taken else None)
    await work.ports.workspaces.discard(work.task.id)
    await work.ports.workspaces.open(work.task.id, work.workspace.repository, work.workspace.base, at=at)
