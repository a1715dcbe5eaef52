"""Issues, comments and reviews at GitHub as the port Discussions. Nothing is kept here: GitHub is asked each time."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import structlog

from honk.adapters.github import threads
from honk.adapters.github.api import Api
from honk.adapters.github.own import Own
from honk.adapters.github.places import Places
from honk.adapters.github.polling import News
from honk.adapters.github.reading import Voice, every, read
from honk.adapters.github.talk import (
    CommentShape,
    EventShape,
    IssueShape,
    LineShape,
    PullShape,
    RepositoryShape,
    ReviewShape,
    RoleShape,
    bears,
    marked,
    same,
)
from honk.adapters.github.trouble import Absent
from honk.domain.discussion import Author, Hint, Issue, Labelled, Permission, Remark, Review, ReviewState
from honk.domain.repository import Repository
from honk.errors import ForgeRefused, RepositoryUnusable, Retryable

_log = structlog.get_logger()

#: https://docs.github.com/en/rest/reactions/reactions
_REACTIONS = frozenset({"+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"})
_COMMENTS = {"comment": "issues/comments", "line": "pulls/comments"}
#: Comments of one issue or pull request that are looked through.
_MANY = 10_000
_OCCASIONS = 100


class GithubDiscussions:
    """See `Discussions`. `web` is where GitHub's pages are; `identify` makes a Repository of an address."""

    def __init__(self, api: Api, own: Own, *, web: str, identify: Callable[[str], Repository]) -> None:
        self._api = api
        self._own = own
        self._places = Places(web)
        self._identify = identify
        self._news = News(api)

    async def me(self) -> Author:
        return await self._own.author()

    async def repository(self, full_name: str) -> Repository:
        there = await self._repository(full_name)
        return self._identify(self._places.address(there.full_name))

    async def full_name(self, repository: Repository) -> str | None:
        found = self._places.find(repository)
        return None if found is None else (await self._repository(found)).full_name

    async def public(self, repository: Repository) -> bool:
        return (await self._repository(self._places.of(repository))).public

    async def permission(self, repository: Repository, login: str) -> Permission:
        """A role that the organisation made itself counts as the right that it is built on."""
        of = self._places.of(repository)
        try:
            answer = await self._api.get(f"/repos/{of}/collaborators/{quote(login, safe='')}/permission", of=of)
        except Absent:
            return Permission.NONE
        role = read(RoleShape, answer.json, f"the rights of {login}")
        for name in (role.role_name, role.permission):
            if name in set(Permission):
                return Permission(name)
        return Permission.NONE

    async def issue(self, repository: Repository, number: int) -> Issue | None:
        of, own = self._places.of(repository), await self._own.voice()
        try:
            answer = await self._api.get(f"/repos/{of}/issues/{number}", of=of)
            found = read(IssueShape, answer.json, f"{of}#{number}")
            if found.number != number or not await self._still_in(of, found):
                return None
            if found.pull_request is None:
                return found.issue(own)
            pull = await self._api.get(f"/repos/{of}/pulls/{number}", of=of)
        except Absent:
            return None
        return found.issue(own, read(PullShape, pull.json, f"{of}#{number}"))

    async def remark(self, repository: Repository, id: str) -> Remark | None:
        of, own = self._places.of(repository), await self._own.voice()
        kind, _, number = id.partition("/")
        if kind not in _COMMENTS or not number.isdecimal():
            return None
        try:
            answer = await self._api.get(f"/repos/{of}/{_COMMENTS[kind]}/{number}", of=of)
        except Absent:
            return None
        if kind == "line":
            return read(LineShape, answer.json, "a comment").remark(own)
        return read(CommentShape, answer.json, "a comment").remark(own)

    async def remarks(self, repository: Repository, number: int, *, limit: int = 100) -> tuple[Remark, ...]:
        of, own = self._places.of(repository), await self._own.voice()
        whole = [one.remark(own) for one in await self._comments(of, number)]
        lines = [one.remark(own) for one in await self._lines(of, number)]
        return tuple(sorted([*whole, *lines], key=lambda one: one.at)[-limit:])

    async def review(self, repository: Repository, number: int, id: str) -> Review | None:
        of, own = self._places.of(repository), await self._own.voice()
        if not id.isdecimal():
            return None
        try:
            answer = await self._api.get(f"/repos/{of}/pulls/{number}/reviews/{id}", of=of)
        except Absent:
            return None
        lines = await self._lines(of, number)
        return read(ReviewShape, answer.json, "a review").review(number, own, lines)

    async def reviews(self, repository: Repository, number: int) -> tuple[Review, ...]:
        of, own = self._places.of(repository), await self._own.voice()
        try:
            listed = await self._api.pages(f"/repos/{of}/pulls/{number}/reviews", of=of)
        except Absent:
            return ()
        lines = await self._lines(of, number)
        found = [one.review(number, own, lines) for one in every(ReviewShape, listed, "the reviews")]
        return tuple(one for one in found if one is not None and one.state is not ReviewState.PENDING)

    async def labelled(self, repository: Repository, number: int) -> tuple[Labelled, ...]:
        of, own = self._places.of(repository), await self._own.voice()
        try:
            listed = await self._api.pages(f"/repos/{of}/issues/{number}/events", of=of, limit=_MANY)
        except Absent:
            return ()
        found = [one.labelled(number, own) for one in every(EventShape, listed, f"what was done to {of}#{number}")]
        return tuple(one for one in found if one is not None)[-_OCCASIONS:]

    async def say(self, repository: Repository, number: int, text: str, key: str) -> str:
        of, own = self._places.of(repository), await self._own.voice()
        there = next((one for one in await self._comments(of, number) if _said(one, key, own)), None)
        body = marked(text, key)
        if there is None:
            answer = await self._api.send("POST", f"/repos/{of}/issues/{number}/comments", {"body": body}, of=of)
            return f"comment/{read(CommentShape, answer.json, 'a comment').id}"
        if not same(there.body, body):
            await self._api.send("PATCH", f"/repos/{of}/issues/comments/{there.id}", {"body": body}, of=of)
        return f"comment/{there.id}"

    async def answer(self, repository: Repository, number: int, remark: str, text: str, key: str) -> str:
        """Answers are to the first remark of a thread: GitHub takes none to an answer."""
        if not remark.startswith("line/"):
            return await self.say(repository, number, text, key)
        of, own = self._places.of(repository), await self._own.voice()
        there = next((one for one in await self._lines(of, number) if _said(one, key, own)), None)
        body = marked(text, key)
        if there is None:
            first = await self._beginning(repository, remark)
            if first is None:
                raise ForgeRefused(f"the remark that was to be answered in {of}#{number} is gone")
            path = f"/repos/{of}/pulls/{number}/comments/{first}/replies"
            answer = await self._api.send("POST", path, {"body": body}, of=of)
            return f"line/{read(LineShape, answer.json, 'a comment').id}"
        if not same(there.body, body):
            await self._api.send("PATCH", f"/repos/{of}/pulls/comments/{there.id}", {"body": body}, of=of)
        return f"line/{there.id}"

    async def resolve(self, repository: Repository, number: int, remark: str) -> bool:
        first = await self._beginning(repository, remark) if remark.startswith("line/") else None
        if first is None:
            return False
        of = self._places.of(repository)
        try:
            answer = await self._api.get(f"/repos/{of}/pulls/comments/{first}", of=of)
        except Absent:
            return False
        node = read(LineShape, answer.json, "a comment").node_id
        return await threads.resolve(self._api, of, number, node)

    async def react(self, repository: Repository, target: str, reaction: str) -> None:
        of = self._places.of(repository)
        kind, _, number = target.partition("/")
        path = {**_COMMENTS, "issue": "issues"}.get(kind)
        if path is None or not number.isdecimal() or reaction not in _REACTIONS:
            return
        try:
            await self._api.send("POST", f"/repos/{of}/{path}/{number}/reactions", {"content": reaction}, of=of)
        except (ForgeRefused, Retryable) as failed:
            _log.info("no reaction shown", event_name="github.reaction_failed", target=target, reason=failed.message)

    async def news(self, repository: Repository, since: datetime) -> tuple[tuple[Hint, ...], datetime]:
        return await self._news.since(self._places.of(repository), since)

    async def _repository(self, full_name: str) -> RepositoryShape:
        try:
            answer = await self._api.get(f"/repos/{full_name}", of=full_name)
        except Absent as gone:
            raise RepositoryUnusable(
                f"GitHub has no repository {full_name}, or does not show it to Honk",
                "check the name, and that Honk's GitHub App (or its token) is let into the repository",
            ) from gone
        return read(RepositoryShape, answer.json, full_name)

    async def _still_in(self, of: str, found: IssueShape) -> bool:
        """Whether an issue is in this repository: GitHub follows those that were moved to another one."""
        lies = found.repository_url.partition("/repos/")[2]
        if not lies or lies.lower() == of.lower():
            return True
        return (await self._repository(of)).full_name.lower() == lies.lower()

    async def _beginning(self, repository: Repository, remark: str) -> str | None:
        """Number of the remark that began the thread; None when it is gone."""
        there = await self.remark(repository, remark)
        return None if there is None else (there.answers or there.id).partition("/")[2]

    async def _comments(self, of: str, number: int) -> list[CommentShape]:
        try:
            listed = await self._api.pages(f"/repos/{of}/issues/{number}/comments", of=of, limit=_MANY)
        except Absent:
            return []
        return every(CommentShape, listed, f"the comments on {of}#{number}")

    async def _lines(self, of: str, number: int) -> list[LineShape]:
        """Of a pull request; an issue has none."""
        try:
            listed = await self._api.pages(f"/repos/{of}/pulls/{number}/comments", of=of, limit=_MANY)
        except Absent:
            return []
        return every(LineShape, listed, f"the comments on lines of {of}#{number}")


def _said(comment: CommentShape | LineShape, key: str, own: Voice) -> bool:
    """Whether Honk said it under that key: a mark that somebody else wrote counts for nothing."""
    return own.author(comment.user, comment.body).own and bears(comment.body, key)
