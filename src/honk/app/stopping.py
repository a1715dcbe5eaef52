"""The work ends, or is done again."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from honk.app.landing import Approving
from honk.app.steering import Steering
from honk.domain.ending import Ending
from honk.domain.event import AgentStarted, TaskRetried
from honk.domain.message import Handling
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act
from honk.domain.pull_request import MergeMethod
from honk.domain.task import LANDING, State, Task
from honk.domain.text import one_line
from honk.domain.turn import Outcome, Point, Turn
from honk.errors import NotNow, Usage
from honk.flow import halt
from honk.steps.again import LANDED_AGAIN, points
from honk.steps.settle import settle, settle_landing

_STOPPED = "stopped by a person"


class Stopping(Steering, Approving):
    """Stop and retry."""

    async def retry(
        self,
        person: Person,
        task: Task,
        *,
        point: str | None = None,
        method: MergeMethod = MergeMethod.MERGE,
        deploys: bool = True,
        id: str = "",
    ) -> Task:
        """Goes on where a crash cut it off; otherwise does the work again, from `point` on where one is given.

        Without a point, work that never came to the agent is done again from the beginning; other work gets
        another turn with the same words. `method` and `deploys` are for a merge that is tried again. The same `id`
        again makes neither a second turn nor a second landing.
        """
        if point is not None:
            press = partial(self.press, method=method, deploys=deploys, act=id)
            await self._again_from(person, task, _point(point), press)
            return await self.ports.tasks.get(task.id)
        await self.allow(person, Act.STEER, task)
        task = await self.ports.tasks.get(task.id)
        last = await self.ports.tasks.turn(task.id, task.turn)
        if last.outcome is None and task.state is State.STOPPED and await self.ports.tasks.stop_asked(task.id):
            # its work is being taken over; then it goes on with this
            await self.reply(person, task, last.message.text, enclosed=last.message.enclosed, handling=Handling.QUEUED)
            return task
        if await self.resume(task) or await self.next_turn(task):
            return task
        task = await self.ports.tasks.get(task.id)
        last = await self.ports.tasks.turn(task.id, task.turn)
        if task.state in LANDING | {State.PROPOSED}:
            raise Usage(f"task {task.id} is {task.state}: there is nothing to retry", await self._remedy(task, last))
        if await self._came_to_the_agent(last):
            await self.reply(person, task, last.message.text, enclosed=last.message.enclosed, id=id)
        else:
            await self._reopen(task, last, Point.PREPARE, person.id)
        return await self.ports.tasks.get(task.id)

    async def stop(self, person: Person, task: Task, *, working: bool) -> Task:
        """Asks the work to stop. `working` is False when no process works on it, so that it rests at once.

        A plan that waits is cancelled. A merge that has begun is finished; a deployment is ended unless its
        version is live already, and one that waits is given up.
        """
        await self.allow(person, Act.STOP, task)
        if await self.cancel_plan(person, task):
            return await self.ports.tasks.get(task.id)
        task = await self.ports.tasks.get(task.id)
        last = await self.ports.tasks.turn(task.id, task.turn)
        landing = [one for one in await self.journal.unfinished() if one.startswith(f"land/{task.id}/")]
        rests = task.state in {State.MERGED, State.DEPLOYED}
        if not landing and rests and await self.ports.deploys.leave(task.id, waiting=True):
            what = "deployed" if task.state is State.MERGED else "promoted"
            reason = f"stopped by {one_line(person.name)}, before it was {what}"
            return await self.ports.tasks.move(task.id, task.state, reason, actor=person.id)
        if not landing and (task.state in LANDING or last.outcome is not None):
            raise NotNow(f"task {task.id} is {task.state}: no turn is at work")
        if landing and task.state is State.MERGING and not working:
            raise NotNow(f"the merge of {task.id} was cut off half-way", f"honk retry {task.id} finishes it")
        await self.ports.tasks.ask_stop(task.id, person.id)
        if not working:
            await self.rest(task)
        return await self.ports.tasks.get(task.id)

    async def rest(self, task: Task) -> None:
        """Stops a task of which no step is at work: what is in line for it is cancelled."""
        for workflow in await self.journal.unfinished():
            kind, of, *rest = workflow.split("/")
            if of == task.id:
                await self.journal.cancel(workflow)
                if kind == "land":
                    await halt(task, _STOPPED, ports=self.ports)
                    await settle_landing(task, rest[0], Outcome.STOPPED, ports=self.ports)
        now = await self.ports.tasks.get(task.id)
        last = await self.ports.tasks.turn(task.id, now.turn)
        if last.outcome is None:
            ending = Ending(outcome=Outcome.STOPPED, state=State.STOPPED, reason=_STOPPED)
            await settle(now, last, ending, ports=self.ports)
        await self.ports.tasks.clear_stop(task.id)

    async def _again_from(
        self, person: Person, task: Task, point: Point, press: Callable[[Person, Task], Awaitable[str]]
    ) -> None:
        await self.allow(person, Act.STEER if point not in LANDED_AGAIN else Act(point), task)
        task = await self.ports.tasks.get(task.id)
        last = await self.ports.tasks.turn(task.id, task.turn)
        unfinished = [one for one in await self.journal.unfinished() if one.split("/")[1] == task.id]
        if last.outcome is None or unfinished:
            raise NotNow(f"task {task.id} is at work", f"honk stop {task.id}")
        if point not in await self._points(task, last):
            raise NotNow(f"task {task.id} cannot be done again from {point} on", await self._remedy(task, last))
        if point in LANDED_AGAIN:
            again = TaskRetried(point=point)
            act = await press(person, task)
            key = f"retried/{act}"
            await self.ports.events.record(task.id, task.turn, again, actor=person.id, key=key)
            return
        await self._reopen(task, last, point, person.id)

    async def _reopen(self, task: Task, last: Turn, point: Point, by: PersonId) -> None:
        turn = await self.ports.tasks.reopen_turn(task.id, last.number, point)
        if turn is None:
            raise NotNow(f"task {task.id} is at work, or has landed meanwhile", f"honk show {task.id}")
        await self.start_turn(task, turn, by=by)

    async def _points(self, task: Task, last: Turn) -> tuple[Point, ...]:
        """From where the task can be done again as it is now."""
        if task.state is State.MERGED:
            return (Point.DEPLOY,)
        if task.state in LANDING:
            return ()
        finished = await self.finished_before(replace(last, again=last.again + 1))
        merge = (Point.MERGE,) if await self.ports.records.pull_request(task.id) else ()
        return (*points(finished), *merge)

    async def _remedy(self, task: Task, last: Turn) -> str:
        now = await self._points(task, last)
        if not now:
            return f"honk show {task.id}"
        return f"what makes sense now: honk retry {task.id} --from {'|'.join(now)}"

    async def _came_to_the_agent(self, turn: Turn) -> bool:
        events = await self.ports.events.read(turn.task)
        return any(isinstance(one.data, AgentStarted) and one.turn == turn.number for one in events)


def _point(name: str) -> Point:
    try:
        return Point(name)
    except ValueError:
        raise Usage(f"there is no step {name!r}", f"the steps: {', '.join(Point)}") from None
