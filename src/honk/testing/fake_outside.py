"""Fakes of the world outside: the forge, previews, policy, and the artifacts' shelf."""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio

from honk.domain.build import Build
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act, Confirmation, Decision, Explanation, Looked
from honk.domain.pull_request import (
    Comment,
    Merged,
    MergeMethod,
    MergeResult,
    Published,
    PullRequest,
    PullRequestState,
    Queued,
    Refused,
    approvable,
)
from honk.domain.repository import Repository, Sha
from honk.domain.rules import Known
from honk.domain.task import Task, TaskId
from honk.ports import Clock, Film, Policy, Records, Shot, View
from honk.testing.fake_code import Code, changes


class FakeArtifacts:
    """See `Artifacts`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    async def put(self, content: bytes | Path, *, move: bool = False) -> str:
        data = content if isinstance(content, bytes) else content.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self.path(digest).write_bytes(data)
        if move and isinstance(content, Path):
            content.unlink()
        return digest

    async def get(self, digest: str) -> bytes:
        if not self.path(digest).exists():
            raise KeyError(digest)
        return self.path(digest).read_bytes()

    def path(self, digest: str) -> Path:
        return self._root / digest

    async def delete(self, digest: str) -> int:
        there = self.path(digest).exists()
        size = self.path(digest).stat().st_size if there else 0
        self.path(digest).unlink(missing_ok=True)
        return size


class FakeForge:
    """See `Forge`. Branches are those of the target repository; pull requests are in the store."""

    def __init__(self, code: Code, records: Records, clock: Clock) -> None:
        self._code = code
        self._records = records
        self._clock = clock
        #: why pushes are refused; "" lets them through
        self.refuses = ""
        #: it has a server of its own: a pull request follows its branch, whoever moves that
        self.serves = False
        #: merges wait in a queue until a test lets them through, or throws them out
        self.queues = False
        self.queued: set[TaskId] = set()
        #: what somebody does, once, while a method of that name is at work
        self.meanwhile: dict[str, Callable[[], Awaitable[object]]] = {}

    async def publish(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> Published:
        await self._interrupted("publish")
        tip = self._code.branches.get(branch)
        if self.refuses:
            return Published(commit=commit, refused=self.refuses)
        if tip not in (None, over, commit):
            return Published(commit=commit, refused=f"somebody moved {branch} to {tip}")
        self._code.branches[branch] = commit
        return Published(commit=commit)

    async def find(self, repository: Repository, task: TaskId) -> PullRequest | None:
        await self._interrupted("find")
        there = await self._records.pull_request(task)
        if there is None or not self.serves:
            return there
        head = self._code.branches.get(there.branch, there.head)
        now = replace(there, waits_to_merge=task in self.queued, head=head)
        return now if now == there else await self._records.save_pull_request(repository.key, now)

    async def open(self, repository: Repository, pull_request: PullRequest, *, by: Person | None = None) -> PullRequest:
        there = await self._records.pull_request(pull_request.task)
        return there or await self._records.save_pull_request(repository.key, pull_request)

    async def update(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        return await self._records.save_pull_request(repository.key, pull_request)

    async def comment(self, repository: Repository, pull_request: PullRequest, text: str, key: str) -> None:
        await self._records.save_comment(Comment(task=pull_request.task, key=key, text=text, at=self._clock()))

    async def approve(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, by: Person, text: str, key: str
    ) -> None:
        there = approvable(await self._records.pull_request(pull_request.task), head)
        await self.comment(repository, there, f"{by.name} approves {head}\n\n{text}", key)

    async def obstacle(
        self, repository: Repository, pull_request: PullRequest, *, method: MergeMethod
    ) -> Refused | None:
        at = self._code.branches.get(pull_request.branch)
        if pull_request.state is PullRequestState.CLOSED:
            return Refused(reason="the pull request is closed")
        moved = at not in {None, pull_request.head}
        return Refused(reason=f"the branch is at {at}, not at the verified {pull_request.head}") if moved else None

    async def source(self, repository: Repository, branch: str) -> str | None:
        return repository.url if branch in self._code.branches else None

    async def close(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        return await self.update(repository, replace(pull_request, state=PullRequestState.CLOSED))

    async def merge(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, method: MergeMethod, message: str
    ) -> MergeResult:
        tip, at = self._code.branches[pull_request.base], self._code.branches.get(pull_request.branch)
        done = self._merged(pull_request.base, head)
        if done is None and at != head:
            return Refused(reason=f"the branch is at {at}, not at the verified {head}")
        if done is None and self.queues:
            self.queued.add(pull_request.task)
            return Queued(position=1)
        if done is None:
            files = dict(self._code.files(tip))
            base = self._code.files(self._code.fork(head, tip))
            for one in changes(base, self._code.files(head)):
                if files.get(one.path) != base.get(one.path):
                    return Refused(reason=f"{one.path} conflicts with what is on {pull_request.base} now")
                content = self._code.files(head).get(one.path)
                if content is None:
                    files.pop(one.path, None)
                else:
                    files[one.path] = content
            done = self._code.commit(self._code.tree(files), (tip, head), message)
            self._code.branches[pull_request.base] = done
        await self._records.save_pull_request(
            repository.key, replace(pull_request, head=head, state=PullRequestState.MERGED)
        )
        return Merged(commit=done)

    async def _interrupted(self, method: str) -> None:
        if (does := self.meanwhile.pop(method, None)) is not None:
            await does()

    def _merged(self, base: str, head: Sha) -> Sha | None:
        """The merge that brought the head in, if the base has it."""
        on = self._code.history(base)
        return next((name for name, one in self._code.commits.items() if one in on and head in one.parents[1:]), None)


@dataclass
class FakePreviews:
    """See `Previews`."""

    #: why a phone cannot open any address; "" where it can
    obstacle: str = ""
    #: what the addresses of pages begin with
    origin: str = "http://honk"

    async def show(self, build: Build) -> str | None:
        return f"http://preview/{build.id}"

    def frame(self, build: Build) -> str | None:
        return f"http://preview/frame/{build.id}/"

    def seal(self, what: str) -> str:
        return base64.b32encode(hashlib.sha256(what.encode()).digest()).decode().lower()[:20]

    def production(self, repository: Repository, environment: str) -> str | None:
        return f"http://live/{environment}"

    def page(self, path: str) -> str | None:
        return f"{self.origin}{path}"

    def hint(self) -> str:
        return self.obstacle


@dataclass
class FakeCamera:
    """See `Camera`. A picture says what is in the build; one of a build that says "is black" cannot be taken.

    A film does too; "is still" is what cannot be filmed.
    """

    #: the next calls run into these
    errors: list[Exception] = field(default_factory=list)
    #: and the next films into these
    film_errors: list[Exception] = field(default_factory=list)
    #: goes on until the test lets it end
    until: anyio.Event | None = None

    async def take(self, archive: Path, page: str) -> Shot:
        if self.until is not None:
            await self.until.wait()
        if self.errors:
            raise self.errors.pop(0)
        content = archive.read_bytes()
        if b"is black" in content:
            return Shot(note="Chromium made no picture of the page")
        return Shot(picture=b"picture of " + content)

    async def film(self, archive: Path, page: str) -> Film:
        if self.film_errors:
            raise self.film_errors.pop(0)
        content = archive.read_bytes()
        if b"is still" in content:
            return Film(note="no film could be made of the page")
        return Film(content=b"\0\0\0\x20ftypfilm of " + content)

    async def point(self, shown: Path, page: str, view: View) -> Shot:
        if self.until is not None:
            await self.until.wait()
        if self.errors:
            raise self.errors.pop(0)
        words = f"{page} at {view.width}x{view.height}, around {view.element}"
        return Shot(picture=b"\x89PNG\r\n\x1a\n" + words.encode())


@dataclass
class FakePolicy:
    """See `Policy`. Everything is allowed but what is listed; that may change between two acts."""

    refused: set[tuple[PersonId, Act]] = field(default_factory=set)
    #: a policy that is asked in place of this one
    written: Policy | None = None
    #: what a merge needs besides the right to it
    asks: Confirmation = Confirmation.PRESS

    async def ask(self, person: Person, act: Act, repository: Repository | None, task: Task | None) -> Decision:
        return (await self.explain(person, act, repository, task)).decision

    async def explain(self, person: Person, act: Act, repository: Repository | None, task: Task | None) -> Explanation:
        if self.written is not None:
            return await self.written.explain(person, act, repository, task)
        allowed = (person.id, act) not in self.refused
        reason = "everybody may here" if allowed else f"{person.name} may not {act} here"
        return Explanation(
            decision=Decision(allowed=allowed, reason=reason, version="fake"),
            person=person.name,
            act=act,
            repository="" if repository is None else repository.url,
            looked_at=(Looked(rule="everybody may here", grants=allowed, because=reason),),
        )

    async def known(self, key: str) -> Known | None:
        return None if self.written is None else await self.written.known(key)

    async def confirmation(self, repository: Repository) -> Confirmation:
        return self.asks if self.written is None else await self.written.confirmation(repository)

    async def holders(self, act: Act, repository: Repository | None) -> tuple[Known, ...]:
        return () if self.written is None else await self.written.holders(act, repository)

    async def able(self, act: Act, repository: Repository | None) -> tuple[str, ...]:
        return ("everybody",) if self.written is None else await self.written.able(act, repository)
