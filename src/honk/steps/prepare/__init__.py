"""task → workspace: which repository, which commit, and a checkout of its own.

The base is chosen once a task and recorded before anything is made on it, so that a crash between
the two cannot give a task two bases. Only a retry from here, of work that was never proposed, takes the
branch's tip anew, in a fresh workspace; what was handed back before stays in the mirror.
"""

import re
from dataclasses import replace
from functools import partial

from honk.domain.event import BaseChosen, ChangeTaken, TaskNoted, WorkResumed, WorkspaceReady
from honk.domain.pull_request import PullRequestState
from honk.domain.repository import Base, Sha
from honk.domain.task import State, Task
from honk.domain.text import shortened
from honk.domain.turn import Point, Turn
from honk.domain.workspace import Workspace
from honk.errors import NeedsHuman
from honk.ports import Ports
from honk.ports.slow import progress, slow
from honk.steps.prepare.moved import follow_head, merge_base


async def prepare(task: Task, turn: Turn, *, ports: Ports) -> Workspace:
    """Raises RepositoryUnusable or Unreachable when there is nothing to work on."""
    await ports.tasks.move(task.id, State.PREPARING)
    tell = partial(ports.events.record, task.id, turn.number)
    base = await _chosen(task, ports=ports)
    pull_request = await ports.records.pull_request(task.id)
    if base is None or (turn.point == Point.PREPARE and pull_request is None):
        before = base
        await ports.repositories.refresh(task.repository, tell, holder=f"task {task.id}")
        tip = await ports.repositories.base(task.repository, task.options.base)
        key = f"base/{turn.name}" if turn.point == Point.PREPARE else "base"
        await tell(BaseChosen(branch=tip.branch, commit=tip.commit), key=key)
        base = await _chosen(task, ports=ports) or tip
        if before is not None and before != base:
            await ports.workspaces.discard(task.id)
            await ports.workspaces.drop_snapshot(_place(task, before))
        await ports.pool.furnish(task, base)
    at = head = pull_request.head if pull_request else None
    merged: Sha | None = None
    anew: Sha | None = None
    if head is not None and turn.number > 1:
        anew = await follow_head(task, turn, _place(task, base), head, tell, ports=ports)
        at = head = anew or head
        merged = await merge_base(task, turn, _place(task, base), head, tell, ports=ports)
        if merged is not None:
            base, at, head = await _chosen(task, ports=ports) or base, merged, merged
    if turn.number > 1 and anew is None and not (ports.home / "tasks" / task.id / "workspace").exists():
        at, head = await _kept(task, base, ports=ports) or at, head or base.commit
        detail = "the workspace was lost, and is as it was kept last"
        await tell(WorkResumed(cause="restart", detail=detail, lost=("workspace",)), key=f"lost/{turn.name}")
    async with slow(tell, progress("prepare", "making the workspace")):
        workspace = await ports.workspaces.open(task.id, task.repository, base, at=at, head=head)
    await tell(WorkspaceReady(branch=task.branch, base=base.branch, commit=base.commit), key=f"workspace/{turn.name}")
    if turn.number == 1:
        await _note_uncommitted(task, turn, ports=ports)
        await _note_submodules(task, turn, base, ports=ports)
    over = pull_request.head if pull_request else None
    closed = pull_request is not None and pull_request.state is PullRequestState.CLOSED
    return replace(workspace, head=merged or anew, over=over, closed=closed)


def _place(task: Task, base: Base) -> Workspace:
    return Workspace(task=task.id, repository=task.repository, base=base, path="")


async def _kept(task: Task, base: Base, *, ports: Ports) -> Sha | None:
    """The newest state of the task's files that the mirror has: also work that was never proposed."""
    taken: list[Sha] = []
    for event in await ports.events.read(task.id):
        if isinstance(event.data, BaseChosen):
            taken.clear()
        elif isinstance(event.data, ChangeTaken):
            taken.append(Sha(event.data.commit))
    return await ports.workspaces.latest_snapshot(_place(task, base)) or (taken[-1] if taken else None)


async def chosen_base(task: Task, *, ports: Ports) -> Base:
    """The base of a task that was prepared before. Raises NeedsHuman when it never was."""
    base = await _chosen(task, ports=ports)
    if base is None:
        raise NeedsHuman(f"task {task.id} has not been prepared yet", f"honk retry {task.id}")
    return base


async def _chosen(task: Task, *, ports: Ports) -> Base | None:
    for event in reversed(await ports.events.read(task.id)):
        if isinstance(event.data, BaseChosen):
            return Base(branch=event.data.branch, commit=Sha(event.data.commit))
    return None


async def _note_uncommitted(task: Task, turn: Turn, *, ports: Ports) -> None:
    count = await ports.repositories.uncommitted(task.repository)
    if count:
        files = "1 file" if count == 1 else f"{count} files"
        text = f"{files} with uncommitted changes in {task.repository.url}: not part of this task, and not touched"
        await ports.events.record(task.id, turn.number, TaskNoted(text=text), key="uncommitted")


async def _note_submodules(task: Task, turn: Turn, base: Base, *, ports: Ports) -> None:
    """Their repositories are others, for which nobody gave Honk any right."""
    content = await ports.repositories.read(task.repository, base.commit, ".gitmodules")
    names = re.findall(r"^\s*path\s*=\s*(\S.*?)\s*$", (content or b"").decode("utf-8", "replace"), re.MULTILINE)
    if names:
        listed = shortened(", ".join(names), 200)
        text = f"the submodules of {task.repository.name} are not fetched, and their folders are empty here: {listed}"
        await ports.events.record(task.id, turn.number, TaskNoted(text=text), key="submodules")
