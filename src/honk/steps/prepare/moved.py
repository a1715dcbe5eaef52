"""What moved since the turn before: the branch, by a person who pushed to it, and the base."""

from honk.domain.event import BaseChosen, BaseMerged, ChangeTaken, TaskNoted
from honk.domain.remote_check import MOVED_BASE
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.domain.workspace import Workspace
from honk.ports import Ports, Tell


async def follow_head(task: Task, turn: Turn, place: Workspace, head: Sha, tell: Tell, *, ports: Ports) -> bool:
    """Where a person moved the branch, its files are fetched, and the workspace is made of them; whether it was so."""
    log = await ports.events.read(task.id)
    own = [one.data for one in log if isinstance(one.data, ChangeTaken)]
    if not own or head == own[-1].commit:
        return False
    await ports.repositories.refresh(task.repository, tell, holder=f"task {task.id}", own=True)
    if await ports.repositories.tree(task.repository, head) == own[-1].tree:
        return False
    said = f"somebody moved {task.branch} to {head[:12]}: the work goes on from there"
    followed = f"followed/{head}"
    if not any(isinstance(one.data, TaskNoted) and one.data.text == said for one in log):
        await ports.workspaces.clear(task.id)
        await ports.workspaces.drop_snapshot(place)
        await ports.events.record(task.id, turn.number, TaskNoted(text=said), key=followed)
    return True


async def merge_base(task: Task, turn: Turn, place: Workspace, head: Sha, tell: Tell, *, ports: Ports) -> Sha | None:
    """The merge of the moved base into the branch, where the turn is for that; the task's base is the moved one then.

    None where the turn is for something else, or the base has not moved.
    """
    log = await ports.events.read(task.id)
    merged = [one.data for one in log if one.turn == turn.number and isinstance(one.data, BaseMerged)]
    if merged:
        done = merged[-1]
    elif not turn.message.id.startswith(MOVED_BASE):
        return None
    else:
        await ports.repositories.refresh(task.repository, tell, holder=f"task {task.id}")
        tip = await ports.repositories.base(task.repository, place.base.branch)
        if tip.commit == place.base.commit:
            return None
        made = await ports.repositories.merge(task.repository, head, tip.commit, turn.message.at)
        done = BaseMerged(branch=tip.branch, commit=tip.commit, merged=made.commit, conflicts=made.conflicts)
        await ports.events.record(task.id, turn.number, done, key=f"merged-base/{turn.name}")
    if done.commit != place.base.commit:
        # Before it is the task's base, so that whoever is cut off here does it again, and nothing later does.
        await ports.workspaces.clear(task.id)
        await ports.workspaces.drop_snapshot(place)
        chosen = BaseChosen(branch=done.branch, commit=done.commit)
        await ports.events.record(task.id, turn.number, chosen, key=f"base/{turn.name}")
    return Sha(done.merged)
