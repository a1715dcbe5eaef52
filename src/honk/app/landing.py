"""A person's approval: to production, and back."""

import json
import uuid

from honk.app.turns import Turns
from honk.domain.codec import dump
from honk.domain.landing import Landing
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.pull_request import MergeMethod
from honk.domain.task import State, Task
from honk.errors import NotAllowed, NotNow

_LANDABLE = frozenset({State.PROPOSED, State.DRAFT, State.WAITING, State.STOPPED, State.MERGED, State.DEPLOYED})


class Approving(Turns):
    """Merge and undo."""

    async def merge(
        self,
        person: Person,
        task: Task,
        *,
        method: MergeMethod,
        accept_unsure: bool = False,
        act: str = "",
        deploys: bool = True,
    ) -> str:
        """Starts merge and deployment of exactly the head that people see now; returns the act's id.

        The same `act` again has no effect: it names one press of the button. While a press is at work, or was
        cut off, a further one goes on with it. Once merged, a press is about the deployment alone.
        `deploys` is False for a person who came with an access token that is not for that: it is merged, and waits.
        """
        landed = (await self.ports.tasks.get(task.id)).state in {State.MERGED, State.DEPLOYED}
        if landed and not deploys:
            remedy = f"it waits for somebody who may: honk merge {task.id}"
            raise NotAllowed("this access token is not for 'deploy'", remedy)
        await self.allow(person, Act.DEPLOY if landed else Act.MERGE, task)
        return await self.press(person, task, method=method, accept_unsure=accept_unsure, act=act, deploys=deploys)

    async def press(
        self,
        person: Person,
        task: Task,
        *,
        method: MergeMethod,
        accept_unsure: bool = False,
        act: str = "",
        deploys: bool = True,
    ) -> str:
        """The same, once the policy was asked."""
        if (pressed := await self._goes_on("land", task)) is not None:
            return pressed
        task = await self.ports.tasks.get(task.id)
        pull_request = await self.ports.records.pull_request(task.id)
        if pull_request is None or task.state not in _LANDABLE:
            raise NotNow(f"task {task.id} is {task.state}: there is no pull request to merge", f"honk show {task.id}")
        build = await self.ports.records.build(task.id) if task.state is not State.DEPLOYED else None
        if build is not None and not self.ports.artifacts.path(build.digest).is_file():
            merged = task.state is State.MERGED
            remedy = "ask for the change again" if merged else f"honk retry {task.id} --from build makes it again"
            raise NotNow(f"the build of task {task.id} was deleted", remedy)
        act = act or uuid.uuid4().hex[:12]
        landing = Landing(
            by=person.id,
            head=pull_request.head,
            method=method,
            act=act,
            accept_unsure=accept_unsure,
            deploys=deploys,
        )
        payload = json.dumps({"task": task.id, "landing": dump(Landing, landing)})
        await self.journal.start("land", f"land/{task.id}/{act}", payload)
        return act

    async def undo(self, person: Person, task: Task) -> str:
        """Starts the return to the version before; returns the act's id."""
        await self.allow(person, Act.UNDO, task)
        if (pressed := await self._goes_on("undo", task)) is not None:
            return pressed
        task = await self.ports.tasks.get(task.id)
        if task.state is not State.DEPLOYED:
            raise NotNow(f"task {task.id} is {task.state}: it is not deployed", f"honk show {task.id}")
        act = uuid.uuid4().hex[:12]
        payload = json.dumps({"task": task.id, "by": person.id, "act": act})
        await self.journal.start("undo", f"undo/{task.id}/{act}", payload)
        return act

    async def _goes_on(self, kind: str, task: Task) -> str | None:
        """The act of that kind which has not ended; cut off, it goes on."""
        for workflow in await self.journal.unfinished():
            if workflow.startswith(f"{kind}/{task.id}/"):
                await self.journal.start(kind, workflow, "")
                return workflow.rsplit("/", 1)[1]
        return None
