"""Comments and approvals of Honk's on a pull request, each said once.

https://docs.github.com/en/rest/pulls/reviews#create-a-review-for-a-pull-request
"""

from dataclasses import dataclass

import structlog

from honk.adapters.github.api import Api
from honk.adapters.github.own import Own
from honk.adapters.github.pull_requests import Pull, Pulls
from honk.adapters.github.reading import GHOST, Login, Shape, Text, every
from honk.adapters.github.site import Site, said
from honk.adapters.github.talk import bears, marked, same
from honk.adapters.github.trouble import GithubRefused
from honk.adapters.github.users import UserTokens
from honk.domain.person import Person
from honk.domain.pull_request import Comment
from honk.domain.repository import Sha
from honk.domain.task import TaskId
from honk.domain.text import one_line, plain
from honk.errors import ForgeRefused
from honk.ports import Clock

_log = structlog.get_logger()


class _Said(Shape):
    id: int
    body: Text = ""
    user: Login | None = None
    #: of a review: what its reviewer decided, and on which commit
    state: Text = ""
    commit_id: Text = ""

    @property
    def by(self) -> str:
        return (self.user or GHOST).login.lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """Somebody approves one commit."""

    task: TaskId
    head: Sha
    by: Person
    text: str
    key: str

    @property
    def told(self) -> str:
        """As Honk says it for them."""
        said = f"{plain(one_line(self.by.name))} approves {self.head}"
        return f"{said}\n\n{self.text}" if self.text else said


@dataclass(frozen=True)
class Reviewing:
    """Only Honk's own words are changed, whatever marks others put into theirs."""

    api: Api
    pulls: Pulls
    users: UserTokens
    own: Own
    clock: Clock

    async def comment(self, site: Site, pull: Pull, task: TaskId, text: str, key: str) -> None:
        """Said under that key before: these words from now on."""
        own = (await self.own.login()).lower()
        path = f"{site.path}/issues/{pull.number}/comments"
        body = marked(text, key)
        listed = every(_Said, await self.api.pages(path, of=site.full_name, limit=3000), "the comments")
        before = next((one for one in listed if one.by == own and bears(one.body, key)), None)
        try:
            if before is None:
                await self.api.send("POST", path, {"body": body}, of=site.full_name)
            elif not same(before.body, body):
                there = f"{site.path}/issues/comments/{before.id}"
                await self.api.send("PATCH", there, {"body": body}, of=site.full_name)
        except GithubRefused as error:
            raise ForgeRefused(
                f"GitHub took no comment on {site.full_name}#{pull.number}: {said(error)}",
                error.remedy or "unlock the conversation, or give Honk the permission issues: write",
            ) from error
        await self._keep(task, text, key)

    async def approve(self, site: Site, pull: Pull, approval: Approval) -> None:
        """A review by the person's own account where they linked it and GitHub takes it; else Honk says so for them."""
        if not await self._approved(site, pull, approval):
            await self._approve(site, pull, approval)
        await self._keep(approval.task, approval.told, approval.key)

    async def _approve(self, site: Site, pull: Pull, approval: Approval) -> None:
        path = f"{site.path}/pulls/{pull.number}/reviews"
        review = {"commit_id": approval.head, "event": "APPROVE", "body": marked(approval.text, approval.key).strip()}
        token = await self.users.token(approval.by)
        if token is not None:
            try:
                await self.api.send("POST", path, review, of=site.full_name, as_user=token)
                return
            except GithubRefused as error:
                # Nobody may approve what they opened themselves (422); or their leave does not reach this far.
                _log.info("an approval of their own was refused", name="github.user_refused", said=said(error))
        review |= {"event": "COMMENT", "body": marked(approval.told, approval.key)}
        try:
            await self.api.send("POST", path, review, of=site.full_name)
        except GithubRefused:
            await self.comment(site, pull, approval.task, approval.told, approval.key)

    async def _approved(self, site: Site, pull: Pull, approval: Approval) -> bool:
        """Whether it was said before: by Honk, or by the person themselves, also where Honk had no part in that."""
        person = (await self.users.login(approval.by)).lower()
        own = {(await self.own.login()).lower(), person}
        path = f"{site.path}/pulls/{pull.number}/reviews"
        reviews = every(_Said, await self.api.pages(path, of=site.full_name, limit=3000), "the reviews")
        if any(one.by in own and bears(one.body, approval.key) for one in reviews):
            return True
        theirs = [one for one in reviews if person and one.by == person and one.commit_id == approval.head]
        return any(one.state == "APPROVED" for one in theirs)

    async def _keep(self, task: TaskId, text: str, key: str) -> None:
        await self.pulls.records.save_comment(Comment(task=task, key=key, text=text, at=self.clock()))
