"""The pull request of a task, as GitHub shows it.

https://docs.github.com/en/rest/pulls/pulls
"""

from collections.abc import Sequence
from dataclasses import replace

from honk.adapters.github.api import Api
from honk.adapters.github.reading import GHOST, Login, Shape, Text, read
from honk.adapters.github.site import Site
from honk.adapters.github.texts import NO_DRAFT, task_mark
from honk.adapters.github.trouble import Absent
from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.ports.git_target import PullRequests

_CALM = "mutation($id:ID!){disablePullRequestAutoMerge(input:{pullRequestId:$id}){pullRequest{number}}}"


class _Where(Shape):
    id: int


class _End(Shape):
    """The head or the base; a fork that was deleted is no repository any more."""

    ref: str
    sha: str
    repo: _Where | None = None


class _Named(Shape):
    name: Text = ""
    slug: Text = ""


class Pull(Shape):
    """One pull request in GitHub's words."""

    number: int
    node_id: Text = ""
    html_url: Text = ""
    title: Text = ""
    body: Text = ""
    state: str
    draft: bool | None = False
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    mergeable: bool | None = None
    mergeable_state: Text = ""
    auto_merge: dict[str, object] | None = None
    user: Login | None = None
    head: _End
    base: _End
    labels: Sequence[_Named] = ()
    assignees: Sequence[Login] | None = ()
    requested_reviewers: Sequence[Login] | None = ()
    requested_teams: Sequence[_Named] | None = ()
    #: whether a merge queue has it, where that was asked: no answer about a pull request says it
    queued: bool | None = None

    @property
    def author(self) -> str:
        return (self.user or GHOST).login

    @property
    def at_home(self) -> bool:
        """Whether its branch lies in the repository itself: one in a fork may have the same name."""
        return self.head.repo is not None and self.base.repo is not None and self.head.repo.id == self.base.repo.id

    @property
    def named_draft(self) -> bool:
        """A draft by its title alone, where the repository has no drafts."""
        return self.title.startswith(NO_DRAFT)

    @property
    def standing(self) -> PullRequestState:
        if self.merged_at is not None:
            return PullRequestState.MERGED
        if self.state == "closed":
            return PullRequestState.CLOSED
        return PullRequestState.DRAFT if self.draft or self.named_draft else PullRequestState.OPEN

    def record(self, task: TaskId, known: PullRequest | None) -> PullRequest:
        """As a noun. What Honk is to put on it is not read off it, but kept as it was `known`."""
        merged = self.standing is PullRequestState.MERGED
        queued = known is not None and known.waits_to_merge if self.queued is None else self.queued
        return PullRequest(
            task=task,
            number=self.number,
            branch=self.head.ref,
            base=self.base.ref,
            head=Sha(self.head.sha),
            title=self.title.removeprefix(NO_DRAFT),
            body=self.body.replace("\r\n", "\n"),
            state=self.standing,
            url=self.html_url or None,
            labels=known.labels if known else (),
            reviewers=known.reviewers if known else (),
            conflicts=self.state == "open" and self.mergeable_state == "dirty",
            waits_to_merge=self.standing is PullRequestState.OPEN and (self.auto_merge is not None or queued),
            merged_as=Sha(self.merge_commit_sha) if merged and self.merge_commit_sha else None,
        )


class Pulls:
    """Finds the one pull request of a task, and keeps what is seen of it."""

    def __init__(self, api: Api, records: PullRequests) -> None:
        self._api = api
        self.records = records

    async def find(self, site: Site, task: TaskId) -> Pull | None:
        """By its number in the store; else by the task's branch, so that one which a crash left is found."""
        known = await self.records.pull_request(task)
        # Without an address it is a number that the store gave, before the repository came to GitHub.
        if known is not None and known.number and known.url is not None:
            pull = await self.get(site, known.number)
            # A repository that was made anew under this name gives the number to somebody else's.
            if pull is not None and pull.head.ref == known.branch:
                return pull
        return await self.by_branch(site, f"honk/{task}", task)

    async def by_branch(self, site: Site, branch: str, task: TaskId) -> Pull | None:
        """Of several, an open one, or else a merged one, or else the latest."""
        listed = await self._api.pages(
            f"{site.path}/pulls",
            of=site.full_name,
            params={"head": f"{site.owner}:{branch}", "state": "all"},
            limit=100,
        )
        pulls = [read(Pull, one, "a pull request") for one in listed]
        ours = [one for one in pulls if one.at_home and one.head.ref == branch]
        if not ours:
            return None
        order = (PullRequestState.CLOSED, PullRequestState.MERGED)
        mark = task_mark(task)
        best = max(
            ours,
            key=lambda one: (
                order.index(one.standing) if one.standing in order else len(order),
                mark in one.body,
                one.number,
            ),
        )
        # Lists leave out whether it can be merged.
        return await self.get(site, best.number)

    async def get(self, site: Site, number: int) -> Pull | None:
        try:
            answer = await self._api.get(f"{site.path}/pulls/{number}", of=site.full_name)
        except Absent:
            return None
        return read(Pull, answer.json, f"pull request {number}")

    async def calm(self, site: Site, pull: Pull) -> None:
        """Takes auto-merge back: it would merge whatever is pushed next, which nobody has verified.

        https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/incorporating-changes-from-a-pull-request/automatically-merging-a-pull-request
        """
        if pull.auto_merge and pull.state == "open":
            await self._api.graphql(_CALM, {"id": pull.node_id}, of=site.full_name)

    async def save(
        self, repository: Repository, pull: Pull, task: TaskId, *, wanted: PullRequest | None = None
    ) -> PullRequest:
        """Keeps it where it differs from what is known; `wanted` says what Honk is to put on it from now on."""
        known = await self.records.pull_request(task)
        now = pull.record(task, wanted or known)
        if wanted is not None and known is not None:
            now = replace(now, labels=_both(known.labels, now.labels), reviewers=_both(known.reviewers, now.reviewers))
        return now if now == known else await self.records.save_pull_request(repository.key, now)


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))
