"""What is new in a repository, for where GitHub cannot call: lists of what changed since, newest changes last.

https://docs.github.com/en/rest/issues/issues#list-repository-issues and the lists of comments beside it.
"""

from datetime import datetime
from typing import TypeVar

from honk.adapters.github.api import Api
from honk.adapters.github.reading import Shape, every, stamp
from honk.adapters.github.talk import CommentShape, IssueShape, LineShape, ReviewShape
from honk.domain.discussion import Hint, HintKind

#: Of each list at one time; the rest follows the next time, for the oldest changes come first.
AT_ONCE = 500

S = TypeVar("S", bound=Shape)


class News:
    """Asks for what changed. Unchanged lists cost nothing: the requests are conditional."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def since(self, of: str, since: datetime) -> tuple[tuple[Hint, ...], datetime]:
        """Hints, and since when to ask next: what was changed in that very second may be told twice, never missed."""
        comments = await self._changed(CommentShape, of, "issues/comments", since)
        lines = await self._changed(LineShape, of, "pulls/comments", since)
        issues = await self._changed(IssueShape, of, "issues", since, state="all")
        hints = [_remark(of, one.number, f"comment/{one.id}") for one in comments]
        hints += [_remark(of, one.number, f"line/{one.id}") for one in lines]
        for one in issues:
            hints += await self._of_issue(of, one, since)
        return tuple(dict.fromkeys(hints)), _next(since, comments, lines, issues)

    async def _changed(self, shape: type[S], of: str, path: str, since: datetime, *, state: str = "") -> list[S]:
        params: dict[str, str | int] = {"since": stamp(since), "sort": "updated", "direction": "asc"}
        if state:
            params["state"] = state
        listed = await self._api.pages(f"/repos/{of}/{path}", of=of, params=params, limit=AT_ONCE)
        return every(shape, listed, f"what is new in {of}")

    async def _of_issue(self, of: str, issue: IssueShape, since: datetime) -> list[Hint]:
        number = issue.number
        hints = [Hint(kind=HintKind.ISSUE, repository=of, number=number)]
        for what in (*issue.names(), *issue.logins()):
            hints.append(Hint(kind=HintKind.LABELLED, repository=of, number=number, id=what))
        if issue.pull_request is not None:
            hints.append(Hint(kind=HintKind.PULL_REQUEST, repository=of, number=number))
            listed = await self._api.pages(f"/repos/{of}/pulls/{number}/reviews", of=of)
            for one in every(ReviewShape, listed, f"the reviews of {of}#{number}"):
                if one.submitted_at is not None and one.submitted_at >= since.replace(microsecond=0):
                    hints.append(Hint(kind=HintKind.REVIEW, repository=of, number=number, id=str(one.id)))
        return hints


def _remark(of: str, number: int, id: str) -> Hint:
    return Hint(kind=HintKind.REMARK, repository=of, number=number, id=id)


def _next(since: datetime, comments: list[CommentShape], lines: list[LineShape], issues: list[IssueShape]) -> datetime:
    """The newest change that was seen; of a list that is not seen to its end, no further than it goes."""
    seen = [[one.updated_at for one in comments], [one.updated_at for one in lines], [one.updated_at for one in issues]]
    newest = max((times[-1] for times in seen if times), default=since)
    cut = [times[-1] for times in seen if len(times) >= AT_ONCE]
    return max(since, min([newest, *cut]))
