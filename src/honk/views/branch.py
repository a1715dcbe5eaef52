"""Where a task's branch can be fetched, for a person who goes on by hand."""

import shlex
from dataclasses import dataclass

from honk.domain.repository import Sha
from honk.domain.task import Task, TaskId
from honk.errors import NotNow
from honk.ports import Ports


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """The branch, and the commands that fetch it into a clone of the repository."""

    task: TaskId
    branch: str
    head: Sha
    base: str
    #: an address, or a folder of Honk's own machine while no other place has the branch
    source: str
    commands: tuple[str, ...]
    #: what else must be known; "" when nothing
    note: str = ""


async def branch(task: Task, *, ports: Ports) -> Branch:
    """Raises NotNow while there is no pull request, or when the branch is nowhere any more."""
    there = await ports.records.pull_request(task.id)
    if there is None:
        raise NotNow(
            f"task {task.id} has no branch yet", f"honk diff {task.id} | git apply takes what it changed so far"
        )
    source = await ports.forge.source(task.repository, there.branch)
    if source is None:
        remedy = f"honk diff {task.id} | git apply takes the change itself"
        raise NotNow(f"the branch {there.branch} is gone from {task.repository.url}", remedy)
    kept = source != task.repository.url
    return Branch(
        task=task.id,
        branch=there.branch,
        head=there.head,
        base=there.base,
        source=source,
        commands=(
            shlex.join(("git", "fetch", source, f"+refs/heads/{there.branch}:refs/heads/{there.branch}")),
            shlex.join(("git", "switch", there.branch)),
        ),
        note=f"{task.repository.url} has not got it: it is kept on Honk's own machine" if kept else "",
    )
