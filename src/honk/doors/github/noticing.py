"""What became of changes at GitHub, rather than what people say: each task that it concerns is looked at."""

from collections.abc import Iterable

import structlog

from honk.domain.discussion import Hint, HintKind
from honk.domain.event import TaskNoted
from honk.domain.repository import Repository
from honk.domain.task import BUSY, State, Task
from honk.domain.thread import Delivery
from honk.doors.github.backstage import DOOR
from honk.doors.github.inside import Inside
from honk.doors.github.names import commit_of, review_delivery, unpacked
from honk.doors.github.telling import Telling
from honk.errors import NeedsHuman, Retryable

_log = structlog.get_logger()

#: how often a merge group is looked for that GitHub does not show
_QUEUE_TRIES = 3
_LANDING = frozenset({State.MERGING, State.MERGED, State.DEPLOYING})


class Noticing:
    """Nothing of a hint is believed: the task's own look reads what there is."""

    def __init__(self, inside: Inside, telling: Telling) -> None:
        self._stage = inside.stage
        self._discussions = inside.discussions
        self._places = inside.places
        self._keep = inside.keep
        self._telling = telling

    async def pull_request(self, delivery: Delivery) -> None:
        """Head, state, base or draft are others."""
        hint = unpacked(delivery.body)
        repository = await self._places.repository(hint.repository)
        issue = await self._discussions.issue(repository, hint.number)
        task = await self._places.proposed(repository, issue)
        if task is not None:
            await self._telling.adopt(task.id, hint.number)
            for review in await self._discussions.reviews(repository, hint.number):
                # of a review without a remark nothing else tells where no webhook reaches
                found = Hint(kind=HintKind.REVIEW, repository=hint.repository, number=hint.number, id=review.id)
                await self._keep(found, review_delivery(review.id))
            await self._look([task])
            if self._stage.choices.poll and issue is not None and issue.open:
                # nothing else tells that somebody put it into a merge queue
                await self._stage.queue(repository, issue.base)

    async def checks(self, delivery: Delivery) -> None:
        """Something answered at a commit."""
        hint = unpacked(delivery.body)
        repository = await self._places.repository(hint.repository)
        await self._look(await self._places.at(repository, hint.id))

    async def queue(self, delivery: Delivery) -> None:
        """A merge queue made a commit, and may wait for Honk's check there."""
        hint = unpacked(delivery.body)
        commit, base = commit_of(hint)
        entries = await self._stage.queue(await self._places.repository(hint.repository), base)
        if all(one.commit != commit for one in entries) and delivery.tries < _QUEUE_TRIES:
            # GitHub may not show yet what it has just told of; or it is gone, which looks the same
            raise Retryable(f"{commit[:12]} is not in the merge queue of {base}")

    async def push(self, delivery: Delivery) -> None:
        """A task's own branch moved, or the one that it is to be merged into."""
        hint = unpacked(delivery.body)
        repository = await self._places.repository(hint.repository)
        own = await self._places.of_branch(repository, hint.id)
        await self._look([own] if own is not None else await self._places.upon(repository, hint.id))

    async def deployment(self, delivery: Delivery) -> None:
        """One that may be a task's: those that land are looked at."""
        hint = unpacked(delivery.body)
        repository = await self._places.repository(hint.repository)
        await self._look(await self._places.in_states(repository, _LANDING))

    async def repository(self, delivery: Delivery) -> None:
        """Names are asked for anew. Where Honk was let out, tasks at work say so; where it is in, places mend."""
        hint = unpacked(delivery.body)
        self._places.forget()
        for one in await self._concerned(hint.repository):
            try:
                if await self._discussions.full_name(one) is None:
                    continue
                await self._discussions.public(one)
            except NeedsHuman as error:
                await self._let_out(one, error, delivery)
            else:
                await self._stage.chats.threads.mend(DOOR, one.key)

    async def _concerned(self, full_name: str) -> tuple[Repository, ...]:
        """Known repositories; where one is named, those that may be it: the name of one that is gone is not known."""
        known = await self._places.known()
        if not full_name:
            return known
        name = full_name.lower()
        found = []
        for one in known:
            there = (await self._places.name(one)).lower()
            if there == name or (not there and one.url.lower().removesuffix(".git").endswith(f"/{name}")):
                found.append(one)
        return tuple(found)

    async def _let_out(self, repository: Repository, error: NeedsHuman, delivery: Delivery) -> None:
        remedy = f": {error.remedy}" if error.remedy else ""
        said = TaskNoted(text=f"GitHub does not let Honk in any more: {error.message}{remedy}")
        for task in await self._places.in_states(repository, BUSY):
            await self._stage.ports.events.record(task.id, task.turn, said, key=f"let-out/{delivery.id}"[:200])

    async def _look(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            await self._stage.look(task.id)
