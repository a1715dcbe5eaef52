"""Opens a task's pull request, and brings it up to date.

https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request
"""

from dataclasses import dataclass
from typing import Any

import structlog

from honk.adapters.github.api import Api
from honk.adapters.github.dressing import Dressing
from honk.adapters.github.pull_requests import Pull, Pulls
from honk.adapters.github.reading import read
from honk.adapters.github.site import Site, said
from honk.adapters.github.texts import NO_DRAFT, footer, footer_in, same, with_footer
from honk.adapters.github.trouble import Absent, GithubRefused
from honk.adapters.github.users import UserTokens
from honk.domain.person import Person
from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.repository import Repository, Sha
from honk.domain.text import Secret
from honk.errors import ForgeRefused

_log = structlog.get_logger()
_READY = (
    "mutation($id:ID!){markPullRequestReadyForReview(input:{pullRequestId:$id}){pullRequest{isDraft}}}",
    "mutation($id:ID!){convertPullRequestToDraft(input:{pullRequestId:$id}){pullRequest{isDraft}}}",
)
_BRANCH_GONE = "its branch was deleted, made anew or force-pushed, and GitHub opens no such pull request again"


@dataclass(frozen=True)
class Proposing:
    """A repository whose plan has no drafts gets an ordinary pull request with "[draft] " before its title,

    which counts as a draft here until the title has lost it, by Honk or by a person.
    """

    api: Api
    pulls: Pulls
    users: UserTokens
    dressing: Dressing

    async def open(self, site: Site, repository: Repository, wanted: PullRequest, by: Person | None) -> PullRequest:
        pull = await self.pulls.find(site, wanted.task) or await self._open(site, wanted, by)
        # Before anything else, so that its number is known whatever happens next.
        await self.pulls.save(repository, pull, wanted.task, wanted=wanted)
        if pull.standing in {PullRequestState.OPEN, PullRequestState.DRAFT}:
            await self.dressing.put(site, pull, wanted)
            await self.dressing.assign(site, pull, await self.users.login(by) if by is not None else "")
        return await self.pulls.save(repository, pull, wanted.task, wanted=wanted)

    async def update(self, site: Site, repository: Repository, wanted: PullRequest) -> PullRequest:
        """A merged one stays as it is. The base is left as people have it."""
        pull = await self.pulls.find(site, wanted.task)
        if pull is None:
            raise ForgeRefused(f"task {wanted.task} has no pull request at {site.full_name}")
        if pull.standing is PullRequestState.MERGED:
            return await self.pulls.save(repository, pull, wanted.task)
        if wanted.state is PullRequestState.CLOSED:
            pull = await self._changed(site, pull, wanted, draft=pull.standing is PullRequestState.DRAFT)
            return await self.pulls.save(repository, await self.closed(site, pull), wanted.task)
        if pull.state == "closed":
            pull = await self._reopened(site, pull)
        draft = wanted.state is PullRequestState.DRAFT
        pull = await self.draft(site, pull) if draft else await self.ready(site, pull)
        pull = await self._changed(site, pull, wanted, draft=draft)
        pull = await self._followed(site, pull, wanted.head)
        await self.dressing.put(site, pull, wanted)
        return await self.pulls.save(repository, pull, wanted.task, wanted=wanted)

    async def ready(self, site: Site, pull: Pull) -> Pull:
        """It is a draft no more. Raises ForgeRefused."""
        if pull.draft:
            pull = await self._turned(site, pull, _READY[0])
        if pull.named_draft:
            pull = await self._patched(site, pull, {"title": pull.title.removeprefix(NO_DRAFT)})
        return pull

    async def draft(self, site: Site, pull: Pull) -> Pull:
        """It is a draft from now on; by its title where the repository has no drafts."""
        if pull.standing is PullRequestState.DRAFT:
            return pull
        try:
            return await self._turned(site, pull, _READY[1])
        except GithubRefused as error:
            _log.info("no drafts here", name="github.no_drafts", repository=site.full_name, said=said(error))
        return await self._patched(site, pull, {"title": NO_DRAFT + pull.title})

    async def _open(self, site: Site, wanted: PullRequest, by: Person | None) -> Pull:
        """As the person who asked, where they let Honk and GitHub lets them; else as Honk, which says so below."""
        token = await self.users.token(by) if by is not None else None
        because = ""
        if token is not None:
            try:
                return await self._create(site, wanted, footer(wanted.task), as_user=token)
            except GithubRefused as error:
                because = f"GitHub did not take it from their own account: {said(error)[:200].rstrip('.')}"
                _log.info("a person's own account was refused", name="github.user_refused", said=said(error))
        below = footer(wanted.task, asked=by.name if by is not None else "", because=because)
        try:
            return await self._create(site, wanted, below)
        except GithubRefused as error:
            raise _unopened(error, site, wanted) from error

    async def _create(self, site: Site, wanted: PullRequest, below: str, *, as_user: Secret | None = None) -> Pull:
        """Raises GithubRefused."""
        draft = wanted.state is PullRequestState.DRAFT
        asked: dict[str, Any] = {
            "title": wanted.title,
            "head": wanted.branch,
            "base": wanted.base,
            "body": with_footer(wanted.body, wanted.task, below),
            "draft": draft,
        }
        try:
            answer = await self.api.send("POST", f"{site.path}/pulls", asked, of=site.full_name, as_user=as_user)
        except GithubRefused as error:
            words = said(error).lower()
            if "already exists" in words:
                there = await self.pulls.by_branch(site, wanted.branch, wanted.task)
                if there is not None:
                    return there
            if not (draft and "draft" in words):
                raise
            asked |= {"draft": False, "title": NO_DRAFT + wanted.title}
            answer = await self.api.send("POST", f"{site.path}/pulls", asked, of=site.full_name, as_user=as_user)
        return read(Pull, answer.json, "the new pull request")

    async def _changed(self, site: Site, pull: Pull, wanted: PullRequest, *, draft: bool) -> Pull:
        """Title and text, where they differ; Honk's own lines below the text stay."""
        title = NO_DRAFT + wanted.title if draft and not pull.draft else wanted.title
        there = pull.body.replace("\r\n", "\n")
        body = with_footer(wanted.body, wanted.task, footer_in(there, wanted.task) or footer(wanted.task))
        changes = {} if pull.title == title else {"title": title}
        if not same(pull.body, body):
            changes["body"] = body
        return await self._patched(site, pull, changes) if changes else pull

    async def closed(self, site: Site, pull: Pull) -> Pull:
        return pull if pull.state == "closed" else await self._patched(site, pull, {"state": "closed"})

    async def _reopened(self, site: Site, pull: Pull) -> Pull:
        try:
            return await self._patched(site, pull, {"state": "open"})
        except GithubRefused as error:
            raise ForgeRefused(
                f"the closed pull request {site.full_name}#{pull.number} cannot be opened again: "
                + (_BRANCH_GONE if error.status == 422 else said(error)),
                "ask for the change again as a new task; the commits so far are kept",
            ) from error

    async def _patched(self, site: Site, pull: Pull, changes: dict[str, str]) -> Pull:
        answer = await self.api.send("PATCH", f"{site.path}/pulls/{pull.number}", changes, of=site.full_name)
        return read(Pull, answer.json, f"pull request {pull.number}")

    async def _turned(self, site: Site, pull: Pull, mutation: str) -> Pull:
        await self.api.graphql(mutation, {"id": pull.node_id}, of=site.full_name)
        # Asked again rather than taken from the answer: what GitHub did counts.
        return await self.pulls.get(site, pull.number) or pull

    async def _followed(self, site: Site, pull: Pull, head: Sha) -> Pull:
        """GitHub takes a moment until a pull request shows a push; its branch has it at once."""
        if pull.head.sha == head:
            return pull
        try:
            answer = await self.api.get(site.ref(pull.head.ref, kind="ref"), of=site.full_name)
        except Absent:
            return pull
        if answer.json["object"]["sha"] != head:
            return pull
        return pull.model_copy(update={"head": pull.head.model_copy(update={"sha": head})})


def _unopened(error: GithubRefused, site: Site, wanted: PullRequest) -> ForgeRefused:
    """https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request"""
    words = said(error)
    low = words.lower()
    start = f"GitHub opened no pull request for {wanted.branch} in {site.full_name}"
    if "no commits between" in low:
        return ForgeRefused(f"{start}: {wanted.base} has everything that is on it", "nothing is left to propose")
    if "base" in low and "invalid" in low:
        return ForgeRefused(
            f"{start}: there is no branch {wanted.base} any more",
            f"make {wanted.base} again, or ask for the change anew with --base",
        )
    if "head" in low and "invalid" in low:
        return ForgeRefused(
            f"{start}: the branch is not there", "see above why GitHub did not take the branch, then retry"
        )
    if "collaborators" in low:
        return ForgeRefused(
            f"{start}: only collaborators may open some there", f"make Honk a collaborator of {site.full_name}"
        )
    if isinstance(error, Absent):
        return ForgeRefused(
            f"{start}: pull requests are switched off there, or Honk may not write",
            f"switch them on in the settings of {site.full_name}, and give Honk the permission pull_requests: write",
        )
    return ForgeRefused(f"{start}: {words}", error.remedy)
