"""merge queue → Honk's own check at what it made: a queue waits for every required check there, also for Honk's.

What the queue holds is asked at the forge, so a webhook, a poll and a look all end here, and a second time changes
nothing.
"""

from honk.domain.event import TaskNoted
from honk.domain.merge_queue import Grouped, QueueEntry
from honk.domain.repository import Repository
from honk.domain.task import Task
from honk.errors import ForgeRefused, Usage
from honk.ports import Ports

_PREFIX = "honk/"


async def answer_queue(repository: Repository, base: str, *, ports: Ports) -> tuple[QueueEntry, ...]:
    """What waits to be merged into that branch, each answered where the queue has made a commit for it.

    A refusal by the forge is told to the task whose pull request it is.
    """
    if not await ports.ci.watches(repository):
        return ()
    entries = await ports.ci.queue(repository, base)
    held: list[Grouped] = []
    for entry in entries:
        task = await _task(entry, ports=ports)
        if task is not None:
            verdict = await ports.records.verdict(task.id, entry.head)
            held.append(Grouped(number=entry.number, head=entry.head, verdict=verdict))
        if entry.commit is None:
            continue
        try:
            await ports.ci.report_group(repository, entry.commit, tuple(held))
        except ForgeRefused as error:
            if task is not None:
                note = f"the verdict is not shown in the merge queue: {error.message}"
                await ports.events.record(task.id, task.turn, TaskNoted(text=note), key=f"unqueued/{entry.commit}")
    return entries


async def _task(entry: QueueEntry, *, ports: Ports) -> Task | None:
    """The task whose pull request waits; None for everybody else's, and for a fork's branch with such a name.

    A verdict is on a commit, so one that was found by the branch's name alone says nothing false.
    """
    id = entry.branch.removeprefix(_PREFIX)
    if entry.foreign or id == entry.branch or not id:
        return None
    try:
        task = await ports.tasks.get(id)
    except Usage:
        return None
    return task if task.id == id else None
