"""A merged change is taken back by a change of its own: proposed, verified and merged like every other."""

from honk.app.asking import Asking
from honk.domain.event import MergeDone
from honk.domain.person import Person
from honk.domain.repository import Sha
from honk.domain.task import Options, Task, TaskId
from honk.errors import NotNow


class Reverting(Asking):
    """Revert."""

    async def revert(self, person: Person, task: Task, *, id: str = "") -> Task:
        """A new task whose pull request takes the change of this one out of the base branch again.

        Git makes it, in a sandbox, and no model is asked. The same `id` again is the same task.
        Raises NotNow where nothing was merged.
        """
        log = await self.ports.events.read(task.id)
        merged = next((one.data for one in reversed(log) if isinstance(one.data, MergeDone)), None)
        there = await self.ports.records.pull_request(task.id)
        if merged is None or there is None:
            raise NotNow(f"task {task.id} is {task.state}: nothing was merged", f"honk show {task.id}")
        base = merged.base or there.base
        command = taking_back(task.id, Sha(merged.commit))
        options = Options(base=base, agent="command", title=f'Revert "{there.title}" (#{there.number})')
        name = f"revert/{task.id}/{id}" if id else ""
        return await self.submit(person, task.repository.url, command, options, id=name)


def taking_back(task: TaskId, commit: Sha) -> str:
    """The command that takes the task's change back, of which that is the commit on the base.

    A merge has two parents, and is taken back as its first one sees it; a squashed change is one commit, and a rebased
    one as many as bear the task's name.
    """
    named = f"git show -s --format='%(trailers:key=Honk-Task,valueonly)' $c | grep -qx {task}"
    single = 'test "$(git rev-list --parents -n 1 $c | wc -w)" -eq 2'
    return (
        f"c={commit}; while {named} && {single}; do c=$c^; done; "
        f"if test $c = {commit}; then git revert --no-commit -m 1 {commit} || git revert --no-commit {commit}; "
        f"else git revert --no-commit $c..{commit}; fi"
    )
