"""What GitHub says about issues, comments and reviews → nouns.

https://docs.github.com/en/rest/issues, https://docs.github.com/en/rest/pulls
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from honk.adapters.github.reading import MARK, Login, OrNone, Shape, Text, Voice
from honk.domain.discussion import Issue, Labelled, Remark, Review, ReviewState
from honk.domain.repository import Sha

#: https://docs.github.com/en/rest/issues/comments#create-an-issue-comment: longer ones are refused
_BODY = 65_536
_NEVER = datetime.fromtimestamp(0, UTC)


class RepositoryShape(Shape):
    id: int = 0
    full_name: str
    private: bool = True
    #: "public", "private" or "internal"; older servers say only `private`
    visibility: Text = ""

    @property
    def public(self) -> bool:
        return not self.private and self.visibility in {"", "public"}


class CommentShape(Shape):
    """On an issue, or on a pull request as a whole."""

    id: int
    body: Text = ""
    user: Login | None = None
    html_url: Text = ""
    issue_url: Text = ""
    created_at: datetime
    updated_at: datetime

    @property
    def number(self) -> int:
        """Of the issue or pull request."""
        return _number(self.issue_url)

    def remark(self, own: Voice) -> Remark:
        author = own.author(self.user, self.body)
        return Remark(
            id=f"comment/{self.id}",
            number=self.number,
            author=author,
            text=unmarked(self.body) if author.own else self.body,
            url=self.html_url,
            at=self.created_at,
        )


class LineShape(Shape):
    """On a line of a pull request's change."""

    id: int
    node_id: Text = ""
    body: Text = ""
    user: Login | None = None
    html_url: Text = ""
    pull_request_url: Text = ""
    pull_request_review_id: int | None = None
    in_reply_to_id: int | None = None
    path: Text = ""
    line: int | None = None
    original_line: int | None = None
    start_line: int | None = None
    original_start_line: int | None = None
    subject_type: Text = ""
    diff_hunk: Text = ""
    created_at: datetime
    updated_at: datetime

    @property
    def number(self) -> int:
        """Of the pull request."""
        return _number(self.pull_request_url)

    def remark(self, own: Voice) -> Remark:
        """`line` is null once the change has moved on; where it was said still counts."""
        author = own.author(self.user, self.body)
        whole = self.subject_type == "file"
        return Remark(
            id=f"line/{self.id}",
            number=self.number,
            author=author,
            text=unmarked(self.body) if author.own else self.body,
            url=self.html_url,
            at=self.created_at,
            path=self.path,
            line=None if whole else self.line or self.original_line,
            start_line=None if whole else self.start_line or self.original_start_line,
            hunk=self.diff_hunk,
            answers=f"line/{self.in_reply_to_id}" if self.in_reply_to_id else "",
            review=str(self.pull_request_review_id) if self.pull_request_review_id else "",
        )


class ReviewShape(Shape):
    id: int
    body: Text = ""
    user: Login | None = None
    state: str
    commit_id: Text = ""
    html_url: Text = ""
    #: not there before it is handed in
    submitted_at: datetime | None = None

    def review(self, number: int, own: Voice, lines: list[LineShape]) -> Review | None:
        """None for a state that is not known here."""
        state = self.state.lower()
        if state not in set(ReviewState):
            return None
        return Review(
            id=str(self.id),
            number=number,
            author=own.author(self.user, self.body),
            state=ReviewState(state),
            head=Sha(self.commit_id),
            text=self.body,
            url=self.html_url,
            at=self.submitted_at or _NEVER,
            remarks=tuple(one.remark(own) for one in lines if one.pull_request_review_id == self.id),
        )


class LabelShape(Shape):
    name: Text = ""


class IssueShape(Shape):
    number: int
    title: Text = ""
    body: Text = ""
    user: Login | None = None
    html_url: Text = ""
    repository_url: Text = ""
    state: Text = "open"
    #: GitHub's schema allows plain words among them
    labels: Annotated[list[LabelShape | str], OrNone] = Field(default_factory=list)
    assignees: Annotated[list[Login], OrNone] = Field(default_factory=list)
    pull_request: dict[str, object] | None = None
    updated_at: datetime

    def names(self) -> tuple[str, ...]:
        """Of its labels."""
        return tuple(one if isinstance(one, str) else one.name for one in self.labels)

    def logins(self) -> tuple[str, ...]:
        """Of those it is assigned to."""
        return tuple(one.login for one in self.assignees)

    def issue(self, own: Voice, pull: "PullShape | None" = None) -> Issue:
        plain = Issue(
            number=self.number,
            title=self.title,
            text=self.body,
            author=own.author(self.user),
            url=self.html_url,
            open=self.state == "open",
            labels=self.names(),
            assignees=self.logins(),
        )
        return plain if pull is None else pull.completing(plain)


class SideShape(Shape):
    """Head or base of a pull request. The repository of a fork may be gone."""

    ref: str
    sha: str
    repo: RepositoryShape | None = None


class PullShape(Shape):
    head: SideShape
    base: SideShape

    def completing(self, issue: Issue) -> Issue:
        here = self.head.repo is not None and self.base.repo is not None and self.head.repo.id == self.base.repo.id
        return replace(
            issue,
            pull_request=True,
            head=Sha(self.head.sha),
            branch=self.head.ref,
            base=self.base.ref,
            foreign=not here,
        )


class EventShape(Shape):
    """Something that was done to an issue."""

    id: int = 0
    event: Text = ""
    actor: Login | None = None
    #: who assigned, where GitHub names another actor
    assigner: Login | None = None
    assignee: Login | None = None
    label: LabelShape | None = None
    created_at: datetime = _NEVER

    def labelled(self, number: int, own: Voice) -> Labelled | None:
        """None for what is neither a label put on nor an assignment."""
        if self.event == "labeled" and self.label is not None:
            by, what = self.actor, self.label.name
        elif self.event == "assigned" and self.assignee is not None:
            by, what = self.assigner or self.actor, self.assignee.login
        else:
            return None
        return Labelled(number=number, id=str(self.id), by=own.author(by), what=what, at=self.created_at)


class RoleShape(Shape):
    permission: Text = ""
    #: finer, and custom in some organisations; older servers do not say it
    role_name: Text = ""


def marked(text: str, key: str) -> str:
    """The text as it is posted, with a mark that readers do not see and that finds it again."""
    mark = _mark(key)
    room = _BODY - len(mark) - 2
    shown = text if len(text) <= room else text[: room - 1] + "…"
    return f"{shown}\n\n{mark}"


def bears(body: str, key: str) -> bool:
    """Whether the text was posted under that key. Only the last words count: what is before them may be foreign."""
    return body.rstrip().endswith(_mark(key))


def same(body: str, other: str) -> bool:
    """Whether both say the same; GitHub's pages send line ends of their own."""
    return body.replace("\r\n", "\n").rstrip() == other.rstrip()


def unmarked(body: str) -> str:
    """What Honk wrote, without the mark."""
    text, found, mark = body.rstrip().rpartition(MARK)
    return text.rstrip() if found and mark.endswith("-->") and "\n" not in mark else body


def _mark(key: str) -> str:
    return f"{MARK}{quote(key, safe='/:.')} -->"


def _number(url: str) -> int:
    """Of the issue or pull request that an API address names; 0 for none."""
    last = url.rstrip("/").rpartition("/")[2]
    return int(last) if last.isdecimal() else 0
