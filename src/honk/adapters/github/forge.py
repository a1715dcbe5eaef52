"""The forge at GitHub.com, or at an Enterprise Server."""

from contextlib import suppress
from dataclasses import dataclass, replace

import anyio

from honk.adapters.github.api import Api
from honk.adapters.github.contents import Contents
from honk.adapters.github.dressing import Dressing
from honk.adapters.github.merging import Merging
from honk.adapters.github.obstacles import Obstacles
from honk.adapters.github.own import Own
from honk.adapters.github.places import Places
from honk.adapters.github.proposing import Proposing
from honk.adapters.github.publishing import Publishing
from honk.adapters.github.pull_requests import Pulls
from honk.adapters.github.reviewing import Approval, Reviewing
from honk.adapters.github.signing import Signing
from honk.adapters.github.site import Sites
from honk.adapters.github.users import UserTokens
from honk.domain.person import Person
from honk.domain.pull_request import (
    MergeMethod,
    MergeResult,
    Published,
    PullRequest,
    Refused,
    approvable,
)
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.errors import ForgeRefused, RepositoryUnusable, Retryable
from honk.ports import Clock
from honk.ports.ci import Ci
from honk.ports.git_target import PullRequests, Target

#: seconds in which GitHub must answer a question that nothing depends on
_GLANCE = 5.0


@dataclass(kw_only=True)
class GithubForge:
    """See `Forge`. Whether somebody may merge, and whether drafts may be merged, is for the caller to ask.

    What it learns of a pull request is in the records before a method returns. Every effect looks first, so that
    a second time changes nothing. A repository that was renamed or transferred is found under its old address.
    Where a plan has no drafts, see `Proposing`.
    """

    api: Api
    target: Target
    contents: Contents
    records: PullRequests
    users: UserTokens
    ci: Ci
    own: Own
    clock: Clock
    #: GitHub's auto-merge is used while checks are to come; what somebody who may write pushes meanwhile it merges too
    auto: bool = False

    def __post_init__(self) -> None:
        self._sites = Sites(self.api, Places(self.api.web_url))
        self._pulls = Pulls(self.api, self.records)
        self._obstacles = Obstacles(self.api, self.ci, self.auto)
        signing = Signing(self.api, self.contents)
        self._publishing = Publishing(self.api, self._sites, self.target, self._pulls, signing)
        self._proposing = Proposing(self.api, self._pulls, self.users, Dressing(self.api))
        self._reviewing = Reviewing(self.api, self._pulls, self.users, self.own, self.clock)
        self._merging = Merging(
            self.api, self.target, self._pulls, self._proposing, self._reviewing, self._obstacles, self.auto
        )

    async def publish(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> Published:
        """The branch is in the mirror afterwards, whatever GitHub says."""
        return await self._publishing.publish(repository, branch, commit, over=over)

    async def find(self, repository: Repository, task: TaskId) -> PullRequest | None:
        site = await self._sites.find(repository)
        pull = await self._pulls.find(site, task)
        if pull is None:
            return None
        return await self._pulls.save(repository, await self._merging.looked(site, pull, task), task)

    async def open(self, repository: Repository, pull_request: PullRequest, *, by: Person | None = None) -> PullRequest:
        site = await self._sites.find(repository)
        site.writable()
        return await self._proposing.open(site, repository, pull_request, by)

    async def update(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        """A closed one is opened again where GitHub does that. Its base stays as people have it."""
        site = await self._sites.find(repository)
        site.writable()
        return await self._proposing.update(site, repository, pull_request)

    async def close(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        """The branch stays. A merged one stays merged."""
        site = await self._sites.find(repository)
        pull = await self._pulls.find(site, pull_request.task)
        if pull is None:
            raise ForgeRefused(f"task {pull_request.task} has no pull request at {site.full_name}")
        if pull.state != "closed":
            site.writable()
            pull = await self._proposing.closed(site, pull)
        return await self._pulls.save(repository, pull, pull_request.task)

    async def comment(self, repository: Repository, pull_request: PullRequest, text: str, key: str) -> None:
        """The same key again: the same comment, with this text from now on."""
        site = await self._sites.find(repository)
        pull = await self._pulls.find(site, pull_request.task)
        if pull is None:
            raise ForgeRefused(f"task {pull_request.task} has no pull request at {site.full_name}")
        await self._reviewing.comment(site, pull, pull_request.task, text, key)

    async def approve(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, by: Person, text: str, key: str
    ) -> None:
        site = await self._sites.find(repository)
        task = pull_request.task
        pull = await self._pulls.find(site, task)
        there = None if pull is None else await self._pulls.save(repository, pull, task)
        whole = approvable(there, head).head
        if pull is not None:
            approval = Approval(task=task, head=whole, by=by, text=text, key=key)
            await self._reviewing.approve(site, pull, approval)

    async def merge(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, method: MergeMethod, message: str
    ) -> MergeResult:
        """By the nearest method where the repository does not take the wanted one; a comment says so."""
        try:
            site = await self._sites.find(repository)
            wanted = replace(pull_request, head=head)
            return await self._merging.merge(site, repository, wanted, method=method, message=message)
        except (RepositoryUnusable, ForgeRefused) as error:
            return Refused(reason=error.message, remedy=error.remedy)

    async def obstacle(
        self, repository: Repository, pull_request: PullRequest, *, method: MergeMethod
    ) -> Refused | None:
        """Where GitHub does not answer at once, nothing is known."""
        try:
            with suppress(Retryable), anyio.move_on_after(_GLANCE):
                site = await self._sites.find(repository)
                pull = await self._pulls.find(site, pull_request.task)
                if pull is None:
                    return Refused(reason="there is no pull request to merge")
                await self._pulls.save(repository, pull, pull_request.task)
                return await self._obstacles.of(site, repository, pull, pull_request)
        except (RepositoryUnusable, ForgeRefused) as error:
            return Refused(reason=error.message, remedy=error.remedy)
        return None

    async def source(self, repository: Repository, branch: str) -> str | None:
        with suppress(RepositoryUnusable, ForgeRefused, Retryable), anyio.move_on_after(_GLANCE):
            site = await self._sites.find(repository)
            await self.api.get(site.ref(branch, kind="ref"), of=site.full_name)
            return repository.url
        held = await self.target.held(repository, branch)
        return None if held is None else str(self.target.mirror(repository))
