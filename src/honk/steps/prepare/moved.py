"""What moved since the turn before: the branch, by a person who pushed to it, and the base."""

from honk.domain.event import BaseChosen, BaseMerged, ChangeTaken, TaskNoted
from honk.domain.remote_check import MOVED_BASE
from honk.domain.repository import Merge, Sha
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.domain.workspace import Workspace
from honk.ports import Ports, Tell


async def follow_head(task: Task, turn: Turn, place: Workspace, head: Sha, tell: Tell, *, ports: Ports) -> Sha | None:
    """Where a person moved the branch, the workspace is made of that; None where nobody did.

    Work that could not be pushed because of it is merged into it.
    """
    log = await ports.events.read(task.id)
    own = [one.data for one in log if isinstance(one.data, ChangeTaken)]
    if not own or head == own[-1].commit:
        return None
    await ports.repositories.refresh(task.repository, tell, holder=f"task {task.id}", own=True)
    if await ports.repositories.tree(task.repository, head) == own[-1].tree:
        return None
    begun = await ports.repositories.merge(task.repository, head, Sha(own[-1].commit), turn.message.at)
    if await ports.repositories.tree(task.repository, begun.commit) == await ports.repositories.tree(
        task.repository, head
    ):
        begun = Merge(commit=head)  # it is built on the work, or has it
    said = f"somebody moved {task.branch} to {head[:12]}: the work goes on from there"
    followed = f"followed/{head}"
    if not any(isinstance(one.data, TaskNoted) and one.data.text == said for one in log):
        await ports.workspaces.clear(task.id)
        await ports.workspaces.drop_snapshot(place)
        await ports.events.record(task.id, turn.number, TaskNoted(text=said), key=followed)
    return begun.commit


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
        # Somebody may have given the pull request another base.
        there = await ports.records.pull_request(task.id)
        tip = await ports.repositories.base(task.repository, there.base if there else place.base.branch)
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
