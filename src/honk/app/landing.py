"""A person's word on a change: approved, merged, deployed, and back."""

import json
import uuid

from honk.app.promoting import Promoting
from honk.domain.codec import dump
from honk.domain.event import PullRequestApproved
from honk.domain.landing import Consent, Landing
from honk.domain.person import Person
from honk.domain.policy import Act, Confirmation
from honk.domain.pull_request import MergeMethod, PullRequest, approvable
from honk.domain.repository import Sha
from honk.domain.task import State, Task
from honk.errors import NotAllowed, NotNow, Usage
from honk.steps.merge import PRESSABLE, deleted_build, lacks_second

#: a review longer than this is no review of one change
_TEXT_LIMIT = 20_000
#: a press about whatever the head is now
_AS_IT_IS = Consent()


class Approving(Promoting):
    """Approve, merge and undo."""

    async def approve(self, person: Person, task: Task, head: str, text: str = "") -> Sha:
        """The person has reviewed exactly that commit, or what begins so; returns it whole. Twice: no effect.

        Raises NotNow when the branch has moved since, or there is no open pull request. It merges nothing.
        """
        if len(text) > _TEXT_LIMIT or "\0" in text:
            raise Usage(f"a review is plain text of at most {_TEXT_LIMIT:,} characters", "say the rest in a reply")
        await self.allow(person, Act.APPROVE, task)
        task = await self.ports.tasks.get(task.id)
        there = approvable(await self.ports.forge.find(task.repository, task.id), head)
        key, said = f"approved/{there.head}/{person.id}", text.strip()
        await self.ports.forge.approve(task.repository, there, head=there.head, by=person, text=said, key=key)
        approved = PullRequestApproved(number=there.number, head=there.head, text=said)
        await self.ports.events.record(task.id, task.turn, approved, actor=person.id, key=key)
        return there.head

    async def merge(
        self,
        person: Person,
        task: Task,
        *,
        method: MergeMethod,
        consent: Consent = _AS_IT_IS,
        act: str = "",
        deploys: bool = True,
    ) -> str:
        """Starts merge and deployment of exactly the head that people see now; returns the act's id.

        The same `act` again has no effect: it names one press of the button. While a press is at work, or was
        cut off, a further one goes on with it. Once merged, a press is about the deployment alone.
        Raises NotNow where the branch is not at what the person saw, or the policy asks for more than a press.
        `deploys` is False for a person who came with an access token that is not for that: it is merged, and waits.
        """
        landed = (await self.ports.tasks.get(task.id)).state in {State.MERGED, State.DEPLOYED}
        if landed and not deploys:
            remedy = f"it waits for somebody who may: honk merge {task.id}"
            raise NotAllowed("this access token is not for 'deploy'", remedy)
        if landed and consent.now and (begun := await self.deploy_now(person, task, id=act)) is not None:
            return begun
        await self.allow(person, Act.DEPLOY if landed else Act.MERGE, task)
        return await self.press(person, task, method=method, consent=consent, act=act, deploys=deploys)

    async def press(
        self,
        person: Person,
        task: Task,
        *,
        method: MergeMethod,
        consent: Consent = _AS_IT_IS,
        act: str = "",
        deploys: bool = True,
    ) -> str:
        """The same, once the policy was asked."""
        if (pressed := await self._goes_on("land", task)) is not None:
            return pressed
        task = await self.ports.tasks.get(task.id)
        pull_request = await self.ports.records.pull_request(task.id)
        if pull_request is None or task.state not in PRESSABLE:
            raise NotNow(f"task {task.id} is {task.state}: there is no pull request to merge", f"honk show {task.id}")
        await self._confirmed(person, task, pull_request, consent)
        if (gone := await deleted_build(task, ports=self.ports)) is not None:
            raise NotNow(gone.reason, gone.remedy)
        act = act or uuid.uuid4().hex[:12]
        landing = Landing(
            by=person.id,
            head=pull_request.head,
            method=method,
            act=act,
            accept_unsure=consent.accept_unsure,
            deploys=deploys,
            now=consent.now,
        )
        payload = json.dumps({"task": task.id, "landing": dump(Landing, landing)})
        await self.journal.start("land", f"land/{task.id}/{act}", payload)
        return act

    async def _confirmed(self, person: Person, task: Task, pull_request: PullRequest, consent: Consent) -> None:
        """Raises NotNow unless it is about the commit that was seen, and what the policy asks for is there."""
        if consent.head and not pull_request.named_by(consent.head):
            moved = f"the branch moved since: it is at {pull_request.head[:12]} now, not at {consent.head[:12]}"
            raise NotNow(moved, f"look at it again: honk diff {task.id}")
        if task.state in {State.MERGED, State.DEPLOYED}:
            return
        if (refused := await lacks_second(task, person, pull_request.head, ports=self.ports)) is not None:
            raise NotNow(refused.reason, refused.remedy)
        asked = await self.ports.policy.confirmation(task.repository)
        if asked is Confirmation.TYPED and consent.typed.strip().lower() != pull_request.word:
            typed = f"{consent.typed.strip()[:40]!r} was typed" if consent.typed.strip() else "nothing was typed"
            reason = f"this repository merges when the commit is typed, {pull_request.word} for this one; {typed}"
            raise NotNow(reason, f"honk merge {task.id} --typed {pull_request.word}")

    async def undo(self, person: Person, task: Task, *, act: str = "") -> str:
        """Starts the return to the version before, in the furthest environment to which the task's version came.

        Returns the act's id. The same `act` again has no effect.
        """
        await self.allow(person, Act.UNDO, task)
        if act and await self.journal.finished(f"undo/{task.id}/{act}"):
            return act
        if (pressed := await self._goes_on("undo", task)) is not None:
            return pressed
        task = await self.ports.tasks.get(task.id)
        if task.state is not State.DEPLOYED:
            raise NotNow(f"task {task.id} is {task.state}: it is not deployed", f"honk show {task.id}")
        act = act or uuid.uuid4().hex[:12]
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
