"""The embedded forge: pull requests in the store, branches and merges by git alone."""

import shlex
from contextlib import suppress
from dataclasses import replace

import anyio

from honk.domain.person import Person
from honk.domain.pull_request import (
    Comment,
    Merged,
    MergeMethod,
    MergeResult,
    Published,
    PullRequest,
    PullRequestState,
    Refused,
    approvable,
)
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.domain.text import one_line
from honk.errors import Defect, ForgeRefused, RepositoryUnusable, Retryable
from honk.ports import Clock
from honk.ports.git_target import PullRequests, Target

_OWN = "honk/"
_TRIES = 2
#: seconds in which a target must answer a question that nothing depends on
_GLANCE = 2.0


class EmbeddedForge:
    """See `Forge`. Whether somebody may merge, and whether drafts may be merged, is for the caller to ask."""

    def __init__(self, target: Target, records: PullRequests, clock: Clock) -> None:
        self._target = target
        self._records = records
        self._clock = clock

    async def publish(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> Published:
        """The branch is in the mirror afterwards, whatever the target says."""
        if not branch.startswith(_OWN):
            raise Defect(f"{branch} is not a branch of Honk's")
        await self._target.hold(repository, branch, commit)
        try:
            tip = await self._target.tip(repository, branch)
        except RepositoryUnusable as error:
            return Published(commit=commit, refused=error.message)
        if tip == commit:
            return Published(commit=commit)
        if tip is not None and tip != over:
            return Published(commit=commit, refused=f"somebody moved {branch} to {tip[:12]}")
        return Published(commit=commit, refused=await self._target.push(repository, branch, commit, over=tip))

    async def find(self, repository: Repository, task: TaskId) -> PullRequest | None:
        return await self._records.pull_request(task)

    async def open(self, repository: Repository, pull_request: PullRequest, *, by: Person | None = None) -> PullRequest:
        there = await self._records.pull_request(pull_request.task)
        return there or await self._records.save_pull_request(repository.key, pull_request)

    async def update(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        """A merged one stays as it is."""
        there = await self._there(pull_request.task)
        if there.state is PullRequestState.MERGED:
            return there
        return await self._records.save_pull_request(repository.key, replace(pull_request, number=there.number))

    async def comment(self, repository: Repository, pull_request: PullRequest, text: str, key: str) -> None:
        await self._records.save_comment(Comment(task=pull_request.task, key=key, text=text, at=self._clock()))

    async def approve(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, by: Person, text: str, key: str
    ) -> None:
        """Kept as a comment."""
        there = approvable(await self._records.pull_request(pull_request.task), head)
        said = f"{one_line(by.name)} approves {head}" + (f"\n\n{text}" if text else "")
        await self.comment(repository, there, said, key)

    async def obstacle(
        self, repository: Repository, pull_request: PullRequest, *, method: MergeMethod
    ) -> Refused | None:
        """Where the target does not answer at once, its branch counts as not moved."""
        if pull_request.state is PullRequestState.CLOSED:
            return _CLOSED
        try:
            tip = await self._glance(repository, pull_request.branch)
            if tip not in {None, pull_request.head}:
                return _moved(pull_request, tip)
            return await self._held_back(repository, pull_request, method, published=tip is not None)
        except RepositoryUnusable as error:
            return Refused(reason=error.message, remedy=error.remedy)

    async def source(self, repository: Repository, branch: str) -> str | None:
        with suppress(RepositoryUnusable):
            if await self._glance(repository, branch) is not None:
                return repository.url
        held = await self._target.held(repository, branch)
        return None if held is None else str(self._target.mirror(repository))

    async def _glance(self, repository: Repository, branch: str) -> Sha | None:
        """The target's branch; None also where the target does not answer at once."""
        with suppress(Retryable), anyio.move_on_after(_GLANCE):
            return await self._target.tip(repository, branch)
        return None

    async def close(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        """The branch stays. A merged one stays merged."""
        return await self.update(repository, replace(pull_request, state=PullRequestState.CLOSED))

    async def merge(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, method: MergeMethod, message: str
    ) -> MergeResult:
        there = await self._records.pull_request(pull_request.task)
        if there is None:
            return Refused(reason="there is no pull request to merge")
        if there.state is PullRequestState.CLOSED:
            return _CLOSED
        if there.state is PullRequestState.MERGED:
            merged = await self._target.recorded(repository, _mark(there))
            if merged is not None:
                return Merged(commit=merged)
        try:
            return await self._merge(repository, replace(there, head=head), there.head, method, message)
        except RepositoryUnusable as error:
            return Refused(reason=error.message, remedy=error.remedy)

    async def _merge(
        self, repository: Repository, wanted: PullRequest, known: Sha, method: MergeMethod, message: str
    ) -> MergeResult:
        refusal = ""
        for _ in range(_TRIES):
            await self._target.refresh(repository)
            tip = await self._target.known_tip(repository, wanted.base)
            if tip is None:
                return Refused(reason=f"{repository.url} has no branch {wanted.base} any more")
            landed = await self._target.landed(repository, wanted.head, tip, _mark(wanted))
            if landed is not None:
                return await self._merged(repository, wanted, landed)
            moved = await self._moved(repository, wanted, known)
            made = moved or await self._make(repository, wanted, tip, method, message)
            if made == tip:
                return await self._merged(repository, wanted, tip)
            if not isinstance(made, Refused):
                published = await self._target.known_tip(repository, wanted.branch) is not None
                made = await self._held_back(repository, wanted, method, published=published) or made
            if isinstance(made, Refused):
                return made
            await self._target.record(repository, _mark(wanted), made)
            refusal = await self._target.push(repository, wanted.base, made, over=tip)
            if not refusal:
                with suppress(Retryable):
                    await self._target.refresh(repository)
                return await self._merged(repository, wanted, made)
            if await self._target.tip(repository, wanted.base) == tip:
                return Refused(
                    reason=f"the target refused to move {wanted.base}: {refusal}",
                    remedy=f"merge {wanted.branch} where you may push {wanted.base}",
                )
        return Refused(reason=f"{wanted.base} moves faster than it can be merged to: {refusal}", remedy="merge again")

    async def _moved(self, repository: Repository, wanted: PullRequest, known: Sha) -> Refused | None:
        """A refusal when the branch is not at the wanted commit, in the records or at the target."""
        published = await self._target.known_tip(repository, wanted.branch)
        now = published or await self._target.held(repository, wanted.branch)
        moved = next((other for other in (known, now) if other != wanted.head), wanted.head)
        if moved == wanted.head:
            return None
        return _moved(wanted, moved)

    async def _held_back(
        self, repository: Repository, wanted: PullRequest, method: MergeMethod, *, published: bool
    ) -> Refused | None:
        """A refusal with the command for the person, when the base is checked out at a local target."""
        folder = await self._target.checked_out(repository, wanted.base)
        if folder is None:
            return None
        return Refused(
            reason=f"{wanted.base} is checked out in {folder}, and a checked-out branch is never pushed to",
            remedy=self._by_hand(repository, wanted, str(folder), method, published=published),
        )

    def _by_hand(
        self, repository: Repository, wanted: PullRequest, folder: str, method: MergeMethod, *, published: bool
    ) -> str:
        """The command that merges in the person's own work tree."""
        git = ("git", "-C", folder)
        steps: list[tuple[str, ...]] = (
            [] if published else [(*git, "fetch", str(self._target.mirror(repository)), wanted.branch)]
        )
        branch = wanted.branch if published else "FETCH_HEAD"
        if method is MergeMethod.SQUASH:
            steps += [(*git, "merge", "--squash", branch), (*git, "commit")]
        else:
            steps += [(*git, "merge", "--no-ff", branch)]
        return " && ".join(shlex.join(step) for step in steps)

    async def _make(
        self, repository: Repository, wanted: PullRequest, tip: Sha, method: MergeMethod, message: str
    ) -> Sha | Refused:
        """The commit, in the mirror only; or the base's tip, when it has the change already (squashed by hand)."""
        tree = await self._target.merged_tree(repository, tip, wanted.head)
        if isinstance(tree, tuple):
            files = ", ".join(repr(name) for name in tree[:10])
            return Refused(
                reason=f"{wanted.base} has moved and conflicts in {files}",
                remedy=f"honk update {wanted.task} merges {wanted.base} into it",
            )
        if tree == await self._target.tree(repository, tip):
            return tip
        if method is MergeMethod.MERGE:
            return await self._target.commit(repository, tree, (tip, wanted.head), message, self._clock())
        whole = await self._target.with_trailers(repository, message, tip, wanted.head)
        return await self._target.commit(repository, tree, (tip,), whole, self._clock())

    async def _merged(self, repository: Repository, wanted: PullRequest, commit: Sha) -> Merged:
        await self._target.record(repository, _mark(wanted), commit)
        await self._records.save_pull_request(repository.key, replace(wanted, state=PullRequestState.MERGED))
        return Merged(commit=commit)

    async def _there(self, task: TaskId) -> PullRequest:
        there = await self._records.pull_request(task)
        if there is None:
            raise ForgeRefused(f"task {task} has no pull request")
        return there


def _moved(wanted: PullRequest, to: Sha | None) -> Refused:
    where = f"is at {to[:12]}" if to else "is gone"
    return Refused(
        reason=f"the branch {wanted.branch} {where}, not at the verified {wanted.head[:12]}",
        remedy="have it verified as it is now, by a reply to the task",
    )


_CLOSED = Refused(reason="the pull request is closed", remedy="reply to the task to open it again")


def _mark(pull_request: PullRequest) -> str:
    return f"merges/{pull_request.task}/{pull_request.head}"
