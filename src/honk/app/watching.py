"""What happened at the forge meanwhile: its checks, its merge queue, its deployments, what people did there.

A look reads what is so now, and begins what follows from it, under a name made of what was read. So it may come too
often, twice at once, or late: a webhook, a poll and a restart all end here.
"""

import json
import uuid
from datetime import datetime, timedelta
from functools import partial

import anyio
import structlog

from honk.app.deploying import Deploying
from honk.app.labouring import Labouring
from honk.app.landing import Approving
from honk.app.offering import Offering
from honk.domain.codec import dump
from honk.domain.event import BaseChosen, MergeDone, MergeQueued, MergeRefused, TaskNoted, VerdictGiven
from honk.domain.landing import Landing
from honk.domain.merge_queue import QueueEntry
from honk.domain.message import Message, MessageId
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.pull_request import MergeMethod, PullRequest, PullRequestState
from honk.domain.remote_check import MOVED_BASE
from honk.domain.repository import Base, Repository, Sha
from honk.domain.task import State, Task, TaskId
from honk.domain.text import one_line
from honk.domain.turn import Outcome, Turn
from honk.errors import HonkError, NotNow
from honk.steps.answer_queue import answer_queue
from honk.steps.build import wants_artifact
from honk.steps.conclude import RESTS, corrections, fixes, observe
from honk.steps.deploy import told_ending, under_way
from honk.steps.prepare import chosen_base
from honk.steps.propose import show
from honk.steps.settle import settle_landing

_log = structlog.get_logger()

#: Where something may happen at the forge that matters.
_WATCHED = frozenset({State.PROPOSED, State.DRAFT, State.WAITING, State.STOPPED, State.MERGING, State.DEPLOYING})
_MANY = 10_000
#: between two looks of the worker's own at a task of which something is awaited, and at any other
SOON = timedelta(seconds=15)
LATER = timedelta(minutes=10)
#: a check that has not begun after so long may never begin
_NEVER = timedelta(hours=1)
#: seconds between two rounds
_ROUND = 5.0


class Watching(Approving, Deploying, Labouring, Offering):
    """Looks at the forge, and at the environments that may have opened."""

    async def look(self, id: TaskId) -> bool:
        """Begins what follows from what the forge says now; whether something is awaited there."""
        task = await self.ports.tasks.get(id)
        if task.state is State.DEPLOYING:  # a webhook's target is asked wherever the repository is
            return not await self._at_work(task) and await self._deployed(task)
        if task.state not in _WATCHED or not await self.ports.ci.watches(task.repository):
            return False
        if await self.ports.records.pull_request(task.id) is None or await self._at_work(task):
            return False
        there = await self.ports.forge.find(task.repository, task.id)
        if there is None:
            return False
        now = await self.ports.tasks.get(task.id)
        if (now.state, now.turn) != (task.state, task.turn) or await self._at_work(now):
            return True  # somebody began something meanwhile, so that this is not about what is so now
        if there.state is PullRequestState.MERGED:
            await self._merged(task, there)
        elif task.state is State.MERGING:
            return await self._queued(task, there)
        elif there.state is PullRequestState.CLOSED:
            await self._note(task, f"the pull request #{there.number} was closed at the forge", f"closed/{there.head}")
        elif there.conflicts and task.state in RESTS and await self._brought_up_to_date(task, there):
            return True
        else:
            return await self._checked(task, there)
        return False

    async def deployed(self, person: Person, task: Task, *, live: bool) -> None:
        """Takes the person's word for how a deployment by webhook ended. Raises NotNow where none is under way."""
        await self.allow(person, Act.DEPLOY, task)
        base = await chosen_base(task, ports=self.ports)
        await told_ending(task, base.commit, live, one_line(person.name), ports=self.ports)
        await self.look(task.id)

    async def answer_queue(self, repository: Repository, base: str) -> tuple[QueueEntry, ...]:
        """Answers what the branch's merge queue waits for of Honk, and says what waits there."""
        return await answer_queue(repository, base, ports=self.ports)

    async def show_verdict(self, id: TaskId, head: Sha) -> None:
        """Among the forge's checks, as it is; nothing where that head has none."""
        task = await self.ports.tasks.get(id)
        verdict = await self.ports.records.verdict(task.id, head)
        if verdict is not None:
            await show(task, head, verdict, ports=self.ports)

    async def update(self, person: Person, task: Task, *, id: str = "") -> Turn | None:
        """Merges the base into the task's branch, in a turn of its own; None when another has to end first.

        With the same `id` it is asked for once.
        """
        await self.allow(person, Act.STEER, task)
        task = await self.still_open(task)
        there = await self.ports.records.pull_request(task.id)
        if there is None:
            raise NotNow(f"task {task.id} has no pull request to bring up to date", f"honk show {task.id}")
        name = MessageId(f"{MOVED_BASE}{id or uuid.uuid4().hex}")
        text = f"Bring it up to date with {there.base}."
        message = Message(id=name, by=person.id, text=text, at=self.ports.clock())
        await self.ports.tasks.queue_message(task.id, message)
        begun = await self.next_turn(task)
        return begun if begun is not None and begun.message.id == name else None

    async def _brought_up_to_date(self, task: Task, there: PullRequest) -> bool:
        """A turn that settles the conflicts is begun; False where one was, and has left this head with them."""
        name = MessageId(f"{MOVED_BASE}{there.head}")
        known = {one.id for one in await self.ports.tasks.said(task.id, task.turn)}
        corrects = self.ports.agents[task.options.agent].corrects
        if (
            not corrects
            or name in known
            or await corrections(task, ports=self.ports) >= await fixes(task, ports=self.ports)
        ):
            stuck = f"{there.base} has moved and conflicts with {there.branch}"
            await self._note(task, f"{stuck}: honk update {task.id}, or settle it by hand", f"conflicts/{there.head}")
            return False
        text = f"{there.base} has moved and conflicts with {there.branch}. Bring it up to date."
        message = Message(id=name, by=task.requested_by, text=text, at=self.ports.clock())
        await self.ports.tasks.queue_message(task.id, message)
        await self.next_turn(task)
        return True

    async def keep(self, looked: dict[TaskId, datetime] | None = None) -> None:
        """Looks at all tasks that wait at a forge or for an environment, again and again, until it is cancelled."""
        due = {} if looked is None else looked
        while True:
            looks = (
                self.begin_waiting,
                self.look_at_health,
                self.look_at_jobs,
                self.ask_channels,
                partial(self.look_round, due),
            )
            for look in looks:
                try:
                    await look()
                except Exception:  # noqa: BLE001 - the worker loop: what waits outside must not end the work here
                    _log.exception("what waits outside cannot be looked at")
            await anyio.sleep(_ROUND)

    async def look_round(self, due: dict[TaskId, datetime]) -> None:
        """Looks at each task that is due; `due` remembers when each is to be looked at again."""
        tasks = await self.ports.tasks.list(states=_WATCHED, limit=_MANY)
        for gone in due.keys() - {task.id for task in tasks}:
            del due[gone]
        for task in tasks:
            now = self.ports.clock()
            if due.get(task.id, now) > now:
                continue
            soon = False
            try:
                soon = await self.look(task.id)
            except HonkError as error:
                _log.warning("a task cannot be looked at at its forge", task=task.id, reason=str(error))
            due[task.id] = now + (SOON if soon else LATER)

    async def _at_work(self, task: Task) -> bool:
        last = await self.ports.tasks.turn(task.id, task.turn)
        if last.outcome is None:
            return True
        return any(one.split("/")[1] == task.id for one in await self.journal.unfinished())

    async def _checked(self, task: Task, there: PullRequest) -> bool:
        seen = await observe(task, there, ports=self.ports)
        if seen is None:
            if await self.ports.records.verdict(task.id, there.head) is None:
                moved = f"somebody moved {there.branch} to {there.head[:12]}, which is not verified"
                await self._note(task, f"{moved}: a reply has it looked at", f"moved/{there.head}")
            return False
        kept = not seen.remote.running() and await self._kept(task, there)
        if (seen.decided or kept) and task.state in RESTS:
            payload = json.dumps({"task": task.id, "head": there.head, "act": seen.name})
            await self.journal.start("checked", f"checked/{task.id}/{seen.name}", payload)
        if seen.decided or not seen.open:
            return False
        return bool(seen.remote.running()) or not await self._missed(task, there, seen.awaited)

    async def _missed(self, task: Task, there: PullRequest, names: tuple[str, ...]) -> bool:
        """Whether checks that belong to the verdict have not even begun for so long that they may never do."""
        log = await self.ports.events.read(task.id)
        given = [one.at for one in log if isinstance(one.data, VerdictGiven)]
        if not given or self.ports.clock() - given[-1] < _NEVER:
            return False
        never = "a workflow that is skipped for the paths of a change never reports"
        without = f"honk merge {task.id} --accept-unsure goes without"
        text = f"no sign of {', '.join(names)} within an hour ({never}): {without}"
        await self._note(task, text, f"missed/{there.head}")
        return True

    async def _kept(self, task: Task, there: PullRequest) -> bool:
        """Whether a build may be fetched: what the CI keeps is there once its runs have ended."""
        log = await self.ports.events.read(task.id)
        chosen = next((one.data for one in reversed(log) if isinstance(one.data, BaseChosen)), None)
        if chosen is None:
            return False
        base = Base(branch=chosen.branch, commit=Sha(chosen.commit))
        return await wants_artifact(task, base, there.head, ports=self.ports)

    async def _merged(self, task: Task, there: PullRequest) -> None:
        """By its queue, or by somebody at the forge: only a press that waited in the queue deploys it as well."""
        queued = await self._waits(task) if task.state is State.MERGING else None
        if queued is not None and queued.head != there.head:
            other = f"{there.head[:12]} was merged, and not {queued.head[:12]}, which was to be"
            await self._note(task, f"{other}: it is not deployed by itself", f"merged-other/{there.head}")
        elif queued is not None:
            act = f"{queued.act}-merged"
            landing = Landing(
                by=queued.by,
                head=there.head,
                method=queued.method,
                act=act,
                accept_unsure=queued.accept_unsure,
                deploys=queued.deploys,
            )
            payload = json.dumps({"task": task.id, "landing": dump(Landing, landing)})
            await self.journal.start("land", f"land/{task.id}/{act}", payload)
            return
        done = MergeDone(commit=there.merged_as or there.head, head=there.head, base=there.base)
        await self.ports.events.record(task.id, task.turn, done, key=f"merged/{there.head}")
        if task.state is not State.MERGING:
            await self.ports.tasks.move(task.id, State.MERGING)
        await self.ports.tasks.move(task.id, State.MERGED, "merged at the forge")
        await settle_landing(task, f"merged-{there.head[:12]}", Outcome.PASS, ports=self.ports)

    async def _queued(self, task: Task, there: PullRequest) -> bool:
        """Still in the forge's queue; or taken out of it, so that the task rests again."""
        queued = await self._waits(task)
        if there.waits_to_merge:
            await self.answer_queue(task.repository, there.base)
        if queued is None or there.waits_to_merge:
            return queued is not None
        refused = MergeRefused(
            reason="the forge took the pull request out of its merge queue, or a check failed there",
            remedy=f"look at it there, then merge again: honk merge {task.id}",
        )
        await self.ports.events.record(task.id, task.turn, refused, key=f"unqueued/{queued.act}")
        back = State.PROPOSED if there.state is PullRequestState.OPEN else State.DRAFT
        await self.ports.tasks.move(task.id, back, f"{refused.reason}\n{refused.remedy}")
        await settle_landing(task, f"{queued.act}-unqueued", Outcome.ERROR, ports=self.ports)
        return False

    async def _waits(self, task: Task) -> Landing | None:
        """The press that the forge accepted and has not carried out."""
        log = await self.ports.events.read(task.id)
        queued = [one for one in log if isinstance(one.data, MergeQueued)]
        if not queued or queued[-1].actor is None:
            return None
        last = queued[-1].data
        assert isinstance(last, MergeQueued)
        return Landing(
            by=queued[-1].actor,
            head=Sha(last.head),
            method=MergeMethod(last.method),
            act=last.act,
            accept_unsure=last.accept_unsure,
            deploys=last.deploys,
        )

    async def _deployed(self, task: Task) -> bool:
        """What the forge deploys is asked for; that it has ended is followed up by a workflow."""
        log = await self.ports.events.read(task.id)
        base = next((one.data for one in reversed(log) if isinstance(one.data, BaseChosen)), None)
        if base is None:
            return False
        found = await under_way(task, Sha(base.commit), ports=self.ports)
        if found is None:
            return False
        if found.ended:
            act = f"shipped-{found.deployment.id}"
            payload = json.dumps({"task": task.id, "act": act})
            await self.journal.start("shipped", f"shipped/{task.id}/{act}", payload)
        return not found.ended

    async def _note(self, task: Task, text: str, key: str) -> None:
        await self.ports.events.record(task.id, task.turn, TaskNoted(text=text), key=key)
