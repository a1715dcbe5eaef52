"""A Honk in this process: the verbs, the store and the views, in the name of one person."""

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from honk import __version__
from honk.app import App
from honk.domain.access import Scope
from honk.domain.event import BuildPictured, BuildReady, BuildUploaded, ChangeTaken, Event, EventData
from honk.domain.landing import Consent
from honk.domain.limits import Limits
from honk.domain.message import Enclosed, File, Image, Message, MessageId, Waiting
from honk.domain.person import Person
from honk.domain.remote_check import MOVED_BASE
from honk.domain.repository import Named, Sha
from honk.domain.task import Options, Task
from honk.domain.turn import Turn
from honk.errors import NotAllowed, NotNow, Unknown, Usage
from honk.service import enclosing
from honk.service import feed as feeding
from honk.service.feed import Feed
from honk.service.freezing import LocalFreezing
from honk.service.local_working import LocalWorking
from honk.service.nouns import (
    About,
    Accepted,
    Approval,
    Approved,
    Artifact,
    Defaults,
    Diagnosis,
    Difference,
    Go,
    HandOver,
    Listed,
    NewTask,
    Pressed,
    Query,
    Reply,
    Review,
    Said,
)
from honk.service.promoting import Ended, PromotionWanted
from honk.service.repositories import Candidate, candidates
from honk.steps.merge import approvers
from honk.steps.prepare import chosen_base
from honk.views import Branch, Card, Merging, Promoting
from honk.views.shown import branch, card, merging, promoting

_NOT_DEPLOYS = "this access token is not for 'deploy'"


@dataclass(frozen=True, kw_only=True)
class Local(LocalWorking, LocalFreezing):
    """Implements honk.service.Service on an opened Honk."""

    app: App
    feed: Feed
    person: Person
    defaults: Defaults
    #: true inside when no other process works on the tasks, and none can begin to
    alone: Callable[[], AbstractContextManager[bool]]
    doctor: Callable[[], Awaitable[tuple[Diagnosis, ...]]]
    scopes: frozenset[Scope] = frozenset(Scope)
    #: the repositories of honk.toml, as it is now
    listed: Callable[[], tuple[Named, ...]] = tuple

    # ── looking ────────────────────────────────────────────────────────────────────────────────
    async def about(self) -> About:
        return About(version=__version__, person=self.person, scopes=tuple(sorted(self.scopes)), defaults=self.defaults)

    async def diagnose(self) -> tuple[Diagnosis, ...]:
        return await self.doctor()

    async def find(self, task: str) -> Task:
        if task in {"last", "-"}:
            newest = await self.app.ports.tasks.list(limit=1)
            if not newest:
                raise Unknown("there is no task yet", 'honk run REPO "what should be different"')
            return newest[0]
        return await self.app.ports.tasks.get(task)

    async def tasks(self, query: Query) -> Listed:
        repository = query.repository
        if "/" in repository or ":" in repository:
            repository = self.app.ports.repositories.identify(repository).key
        found = await self.app.ports.tasks.list(
            states=frozenset(query.states) or None,
            limit=query.limit + 1,
            repository=repository,
            before=(await self.find(query.before)).id if query.before else None,
            by=self.person.id if query.mine else None,
        )
        shown = found[: query.limit]
        return Listed(tasks=shown, next=shown[-1].id if len(found) > len(shown) else None)

    async def repositories(self, search: str = "", limit: int = 100) -> tuple[Candidate, ...]:
        return await candidates(self.app, self.person, self.listed(), search=search, limit=limit)

    async def card(self, task: str) -> Card:
        return await card(await self.find(task), ports=self.app.ports)

    async def merging(self, task: str) -> Merging:
        found = await self.find(task)
        shown = await merging(found, self.person, method=self.defaults.merge, ports=self.app.ports)
        if Scope.MERGE in self.scopes:
            return shown
        return replace(shown, allowed=False, policy=f"this access token is not for {Scope.MERGE.value!r}")

    async def branch(self, task: str) -> Branch:
        return await branch(await self.find(task), ports=self.app.ports)

    async def turn(self, task: str, number: int) -> Turn:
        found = await self.find(task)
        if not 1 <= number <= found.turn:
            raise Unknown(f"task {found.id} has no turn {number}")
        return await self.app.ports.tasks.turn(found.id, number)

    async def events(self, task: str, after: int = 0, limit: int = 10_000) -> tuple[Event, ...]:
        return await self.app.ports.events.read((await self.find(task)).id, after, limit)

    async def follow(self, task: str, after: int = 0) -> AsyncGenerator[Event, None]:
        async with aclosing(feeding.events(self.feed, (await self.find(task)).id, after)) as events:
            async for event in events:
                yield event

    async def difference(self, task: str) -> Difference:
        found = await self.find(task)
        base, head = await self.ends(found)
        text = await self.app.ports.repositories.diff(found.repository, base, head)
        return Difference(task=found.id, base=base, head=head, diff=text)

    async def patch(self, task: str) -> bytes:
        found = await self.find(task)
        return await self.app.ports.repositories.patch(found.repository, *await self.ends(found))

    async def ends(self, task: Task) -> tuple[Sha, Sha]:
        """The commits between which the task's change lies."""
        ports = self.app.ports
        pull_request = await ports.records.pull_request(task.id)
        log = await ports.events.read(task.id)
        taken = [event.data.commit for event in log if isinstance(event.data, ChangeTaken)]
        if pull_request is None and not taken:
            raise NotNow(f"task {task.id} has changed nothing so far", f"honk follow {task.id}")
        head = pull_request.head if pull_request is not None else Sha(taken[-1])
        return (await chosen_base(task, ports=ports)).commit, head

    async def artifacts(self, task: str) -> tuple[Artifact, ...]:
        found = await self.find(task)
        ports = self.app.ports
        named: dict[str, tuple[str, str, str]] = {}
        for message in await ports.tasks.said(found.id, found.turn):
            for file in message.files:
                named[file.digest] = ("file", file.name, file.media_type)
            for image in message.images:
                named[image.digest] = ("image", image.name, image.media_type)
        for event in await ports.events.read(found.id):
            named.update(_made(event.data))
        verdict = await ports.records.verdict(found.id)
        for finding in verdict.findings if verdict else ():
            for one in finding.evidence:
                if one.log:
                    named[one.log] = ("log", f"{finding.verifier}.log", "text/plain; charset=utf-8")
        return tuple(
            Artifact(digest=digest, kind=kind, name=name, media_type=media_type, size=path.stat().st_size)
            for digest, (kind, name, media_type) in named.items()
            if (path := ports.artifacts.path(digest)).is_file()
        )

    async def artifact(self, task: str, digest: str) -> tuple[Artifact, Path]:
        """One of them, and where its bytes lie. Raises Unknown."""
        for one in await self.artifacts(task):
            if one.digest == digest:
                return one, self.app.ports.artifacts.path(digest)
        raise Unknown(f"task {task} has no artifact {digest[:80]}", "it may have been deleted with its age")

    # ── acting ─────────────────────────────────────────────────────────────────────────────────
    async def submit(self, wanted: NewTask, *, id: str = "") -> Accepted:
        options = Options(
            base=wanted.base,
            agent=wanted.agent,
            model=wanted.model or (self.defaults.model or None if wanted.agent == "claude" else None),
            limits=self._limits(wanted),
            verify=wanted.verify,
            merge=wanted.merge,
            deploys=not wanted.merge or self._deploys,
            plan=self._plan(wanted),
            builds=wanted.build,
            asked_at=wanted.asked_at,
            title=wanted.title,
        )
        enclosed = await self._enclosed(wanted)
        asked = (self.person, wanted.repository, wanted.instruction, options)
        if wanted.resume:
            twin = await self.app.unfinished_twin(*asked, enclosed=enclosed)
            if twin is not None:
                await self.app.resume(twin)
                return Accepted(task=await self.find(twin.id), resumed=True)
        task = await self.app.submit(*asked, enclosed=enclosed, id=id)
        asked_of = self.app.ports.repositories.identify(wanted.repository).url
        if (task.instruction, task.repository.url) != (wanted.instruction.strip(), asked_of):
            said = "that request was made before with other words, or of another repository"
            raise Usage(said, "take another Idempotency-Key")
        return Accepted(task=task)

    @property
    def _deploys(self) -> bool:
        """Whether what is merged may be deployed as well; the policy is asked besides."""
        return Scope.DEPLOY in self.scopes

    def _plan(self, wanted: NewTask) -> bool:
        """Whether a plan comes first: by default only where the agent makes one."""
        if wanted.plan is not None or not self.defaults.plan:
            return bool(wanted.plan)
        agent = self.app.ports.agents.get(wanted.agent)
        return agent is not None and agent.plans

    def _limits(self, wanted: NewTask) -> Limits:
        asked, otherwise = wanted.limits, self.defaults.limits
        return Limits(
            usd=otherwise.usd if asked.usd is None else asked.usd,
            calls=otherwise.calls if asked.calls is None else asked.calls,
            seconds=otherwise.seconds if asked.seconds is None else asked.seconds,
        )

    async def add_image(self, name: str, content: bytes) -> Image:
        return await enclosing.add_image(name, content, self.app.ports)

    async def add_file(self, name: str, content: bytes | Path) -> File:
        return await enclosing.add_file(name, content, self.app.ports)

    async def _enclosed(self, given: NewTask | Reply) -> Enclosed:
        enclosed = Enclosed(images=given.images, files=given.files, context=given.context)
        return await enclosing.checked(enclosed, self.app.ports)

    async def reply(self, task: str, said: Reply, *, id: str = "") -> Said:
        found = await self.find(task)
        enclosed = await self._enclosed(said)
        message = MessageId(id or uuid.uuid4().hex)
        turn = await self.app.reply(
            self.person, found, said.text, enclosed=enclosed, id=message, handling=said.handling
        )
        return Said(message=message, turn=turn)

    async def approve_plan(self, task: str, go: Go, *, id: str = "") -> Said:
        turn = await self.app.approve_plan(self.person, await self.find(task), plan=go.plan, id=id)
        return Said(message=turn.message.id, turn=turn)

    async def messages(self, task: str) -> tuple[Waiting, ...]:
        return await self.app.messages(await self.find(task))

    async def edit(self, task: str, message: str, text: str) -> Message:
        return await self.app.edit(self.person, await self.find(task), message, text)

    async def withdraw(self, task: str, message: str) -> Message:
        return await self.app.withdraw(self.person, await self.find(task), message)

    async def hand_over(self, task: str, wanted: HandOver, *, id: str = "") -> Said:
        message = MessageId(id or uuid.uuid4().hex)
        turn = await self.app.hand_over(
            self.person,
            await self.find(task),
            agent=wanted.agent,
            model=wanted.model,
            text=wanted.text,
            id=message,
        )
        return Said(message=message, turn=turn)

    async def stop(self, task: str) -> Task:
        found = await self.find(task)
        with self.alone() as alone:
            return await self.app.stop(self.person, found, working=not alone)

    async def resume(self, task: str) -> bool:
        return await self.app.resume(await self.find(task))

    async def retry(self, task: str, *, point: str | None = None, id: str = "") -> Task:
        found, method = await self.find(task), self.defaults.merge
        return await self.app.retry(self.person, found, point=point, method=method, deploys=self._deploys, id=id)

    async def approve(self, task: str, review: Review) -> Approved:
        found = await self.find(task)
        head = await self.app.approve(self.person, found, review.head, review.text)
        by = await approvers(found, head, ports=self.app.ports)
        return Approved(head=head, by=tuple(one.name for one in by))

    async def merge(self, task: str, approval: Approval, *, id: str = "") -> Pressed:
        method = approval.method or self.defaults.merge
        found = await self.find(task)
        consent = Consent(
            head=approval.head, typed=approval.typed, accept_unsure=approval.accept_unsure, now=approval.now
        )
        act = await self.app.merge(self.person, found, method=method, consent=consent, act=id, deploys=self._deploys)
        return Pressed(act=act)

    async def update(self, task: str, *, id: str = "") -> Said:
        found = await self.find(task)
        name = id or uuid.uuid4().hex
        turn = await self.app.update(self.person, found, id=name)
        return Said(message=MessageId(f"{MOVED_BASE}{name}"), turn=turn)

    async def revert(self, task: str, *, id: str = "") -> Accepted:
        return Accepted(task=await self.app.revert(self.person, await self.find(task), id=id))

    async def promoting(self, task: str) -> Promoting:
        found = await self.find(task)
        shown = await promoting(found, self.person, ports=self.app.ports)
        return shown if self._deploys else replace(shown, allowed=False, policy=_NOT_DEPLOYS)

    async def promote(self, task: str, wanted: PromotionWanted, *, id: str = "") -> Pressed:
        if not self._deploys:
            raise NotAllowed(_NOT_DEPLOYS)
        found, to = await self.find(task), wanted.environment
        return Pressed(act=await self.app.promote(self.person, found, to=to, id=id, now=wanted.now))

    async def deployed(self, task: str, ended: Ended) -> None:
        if not self._deploys:
            raise NotAllowed(_NOT_DEPLOYS)
        await self.app.deployed(self.person, await self.find(task), live=ended.live)

    async def undo(self, task: str, *, id: str = "") -> Pressed:
        return Pressed(act=await self.app.undo(self.person, await self.find(task), act=id))

    async def forget(self, task: str) -> int:
        return await self.app.forget(self.person, await self.find(task))


def _made(data: EventData) -> dict[str, tuple[str, str, str]]:
    """What the event tells of, by digest: kind, name and media type."""
    match data:
        case BuildReady():
            archive = {data.digest: ("build", f"{data.build}.tar", "application/x-tar")}
            package = {data.package: ("build", f"{data.build}.{data.form}", "application/octet-stream")}
            return archive | (package if data.package else {})
        case BuildUploaded():
            return {data.digest: ("build", f"{data.build}.tar", "application/x-tar")}
        case BuildPictured():
            pictures = {"before": data.before, "after": data.after}
            film = {data.film: ("film", "film.mp4", "video/mp4")} if data.film else {}
            return film | {one: ("image", f"screenshot-{at}.png", "image/png") for at, one in pictures.items() if one}
    return {}
