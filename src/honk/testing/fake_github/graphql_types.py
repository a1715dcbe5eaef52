"""The types of the GraphQL API that are served, with their fields."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from honk.testing.fake_github import access, merge_groups, mergeable, shapes
from honk.testing.fake_github.records import Account, Comment, Issue, Json, Pull, Repo, Review, ReviewComment
from honk.testing.fake_github.wire import Call

CONNECTION = "Connection"
EDGE = "Edge"
_PAGES = ("first", "last", "after", "before")


class Failed(Exception):
    """An error in a GraphQL answer."""

    def __init__(
        self, type: str, message: str, *, code: str = "", path: Sequence[Any] = (), more: Json | None = None
    ) -> None:
        super().__init__(message)
        self.type, self.message, self.code, self.path, self.more = type, message, code, list(path), more or {}

    def body(self) -> Json:
        found: Json = {"message": self.message, "locations": [{"line": 1, "column": 1}], "path": self.path}
        if self.type:
            found["type"] = self.type
        if self.code:
            found["extensions"] = {"code": self.code, **self.more}
        return found


@dataclass(frozen=True)
class Typed:
    """A value with its concrete type."""

    kind: str
    value: Any


@dataclass(frozen=True)
class Connection:
    """A list that is read in pages."""

    kind: str
    items: Sequence[Typed]


@dataclass(frozen=True)
class Field:
    """`kind` is "" for a scalar; otherwise the type of what comes."""

    kind: str
    resolve: Callable[[Call, Any, Json], Any]
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    kind: str
    items: Sequence[Typed]
    start: int
    total: int


def page(found: Connection, name: str, arguments: Json) -> Page:
    """What `first`, `last` and `after` ask for. Refused where none does, or more than a hundred."""
    first, last = arguments.get("first"), arguments.get("last")
    size = first if first is not None else last
    if size is None:
        words = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise Failed("MISSING_PAGINATION_BOUNDARIES", words)
    if size > 100:
        words = f"Requesting {size} records on the `{name}` connection exceeds the `first` limit of 100 records."
        raise Failed("EXCESSIVE_PAGINATION", words)
    items = list(found.items)
    begin = int(arguments["after"]) if arguments.get("after") else 0
    if first is None:
        begin = max(begin, len(items) - size)
    return Page(found.kind, items[begin : begin + size], begin, len(items))


def connection_field(kind: str, name: str) -> tuple[bool, str]:
    """Whether a connection has a field, and of which type it is."""
    inner = kind.removesuffix(CONNECTION)
    if inner.endswith("#"):
        inner = inner[:-1]
    known = {"nodes": inner, "totalCount": "", "pageInfo": "PageInfo", "edges": inner + EDGE}
    return name in known, known.get(name, "")


def of_connection(found: Page, name: str) -> Any:
    """A field of a connection."""
    if name == "nodes":
        return list(found.items)
    if name == "totalCount":
        return found.total
    if name == "edges":
        return [Typed(found.kind + EDGE, (found.start + number + 1, one)) for number, one in enumerate(found.items)]
    return Typed("PageInfo", found)


def page_info(found: Page) -> Json:
    end = found.start + len(found.items)
    return {
        "hasNextPage": end < found.total,
        "hasPreviousPage": found.start > 0,
        "startCursor": str(found.start + 1) if found.items else None,
        "endCursor": str(end) if found.items else None,
    }


def actor(account: Account | None) -> Typed | None:
    return Typed(account.type, account) if account else None


def pull_of(issue: Issue) -> Pull:
    assert issue.pull is not None
    return issue.pull


def repo_of(call: Call, issue: Issue) -> Repo:
    """The repository that an issue or pull request is in."""
    return next(one for one in call.world.repos.values() if one.issues.get(issue.number) is issue)


def find(call: Call, id: str) -> Typed:
    """What a node id names, if the caller sees it. Failed as NOT_FOUND otherwise."""
    kind, number = shapes.read_node(str(id))
    for repo in call.world.repos.values():
        if not access.sees(call.world, call.who, repo):
            continue
        found = _in(call, repo, kind, number)
        if found is not None:
            return found
    raise Failed("NOT_FOUND", f"Could not resolve to a node with the global id of '{id}'")


def _in(call: Call, repo: Repo, kind: str, number: int) -> Typed | None:
    tables: dict[str, Mapping[int, Any]] = {
        "PullRequest": {pull_of(one).id: one for one in repo.pulls()},
        "Issue": {one.id: one for one in repo.issues.values()},
        "PullRequestReviewThread": {one.id: one for one in repo.review_comments.values() if not one.reply_to},
        "PullRequestReviewComment": repo.review_comments,
        "PullRequestReview": repo.reviews,
        "IssueComment": repo.comments,
        "Repository": {repo.id: repo},
    }
    found = tables.get(kind, {}).get(number)
    return None if found is None else Typed(kind, found)


def threads(repo: Repo, issue: Issue) -> list[Typed]:
    return [
        Typed("PullRequestReviewThread", one)
        for one in repo.review_comments.values()
        if one.issue is issue and one.reply_to is None and one.review.state != "PENDING"
    ]


def thread_comments(call: Call, root: ReviewComment) -> Connection:
    repo = repo_of(call, root.issue)
    found = [one for one in repo.review_comments.values() if one.root is root]
    return Connection("PullRequestReviewComment", [Typed("PullRequestReviewComment", one) for one in found])


def entry(issue: Issue) -> Typed | None:
    return Typed("MergeQueueEntry", issue) if pull_of(issue).queued else None


def queue_of(repo: Repo, branch: str) -> Typed | None:
    has = any(rule.queue for rule in mergeable.rules(repo, branch))
    return Typed("MergeQueue", (repo, branch)) if has else None


def decision(call: Call, issue: Issue) -> str | None:
    repo = repo_of(call, issue)
    states = [one.state for one in mergeable.latest_reviews(issue, repo).values()]
    if "CHANGES_REQUESTED" in states:
        return "CHANGES_REQUESTED"
    needed = max((rule.reviews for rule in mergeable.rules(repo, pull_of(issue).base_ref)), default=0)
    if not needed:
        return None
    return "APPROVED" if states.count("APPROVED") >= needed else "REVIEW_REQUIRED"


def rollup(repo: Repo, sha: str) -> str | None:
    results = [one.result for one in mergeable.contexts(repo, sha)]
    if not results:
        return None
    if any(one == "pending" for one in results):
        return "PENDING"
    return "SUCCESS" if all(one in mergeable.PASSING for one in results) else "FAILURE"


def viewer_role(call: Call, repo: Repo) -> str:
    if call.who.kind == "installation":
        return "WRITE"
    return access.role(call.world, call.who.account, repo).upper()


@dataclass
class PullFields:
    """The fields of PullRequest that need the repository."""

    call: Call
    issue: Issue
    repo: Repo = field(init=False)

    def __post_init__(self) -> None:
        self.repo = repo_of(self.call, self.issue)

    def state(self) -> str:
        return "MERGED" if pull_of(self.issue).merged_at else self.issue.state.upper()

    def mergeable(self) -> str:
        can = mergeable.read(self.call.world, self.repo, self.issue, counts=True)[0]
        return {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}[can]

    def status(self) -> str:
        return mergeable.read(self.call.world, self.repo, self.issue, counts=False)[1].upper()

    def url(self) -> str:
        return f"{self.call.world.web}/{self.repo.full_name}/pull/{self.issue.number}"

    def commits(self) -> Connection:
        found = mergeable.commits(self.repo, pull_of(self.issue))
        return Connection(
            "PullRequestCommit", [Typed("PullRequestCommit", Typed("Commit", (self.repo, one))) for one in found]
        )

    def reviews(self) -> Connection:
        found: list[Review] = [one for one in self.repo.reviews.values() if one.issue is self.issue]
        return Connection("PullRequestReview", [Typed("PullRequestReview", one) for one in found if one.submitted_at])

    def comments(self) -> Connection:
        found: list[Comment] = [one for one in self.repo.comments.values() if one.issue is self.issue]
        return Connection("IssueComment", [Typed("IssueComment", one) for one in found])

    def position(self) -> int:
        return merge_groups.queue(self.repo, pull_of(self.issue).base_ref).index(self.issue) + 1


def scalar(get: Callable[[Any], Any]) -> Field:
    """A field that needs its object alone."""
    return Field("", lambda call, value, arguments: get(value))


def object_field(kind: str, get: Callable[[Call, Any], Any], *arguments: str) -> Field:
    """A field of another type."""
    return Field(kind, lambda call, value, given: get(call, value), arguments)


def paged_field(kind: str, get: Callable[[Call, Any], Connection], *more: str) -> Field:
    """A field that is read in pages."""
    return Field(kind + CONNECTION, lambda call, value, given: get(call, value), (*_PAGES, *more))


INTERFACES: dict[str, tuple[str, ...]] = {
    "User": ("Actor", "Node"),
    "Bot": ("Actor", "Node"),
    "Organization": ("Actor", "RepositoryOwner", "Node"),
    "PullRequest": ("Node", "Comment", "Closable"),
    "Issue": ("Node", "Comment", "Closable"),
    "Repository": ("Node",),
    "Commit": ("Node", "GitObject"),
    "PullRequestReviewThread": ("Node",),
    "PullRequestReviewComment": ("Node", "Comment"),
    "PullRequestReview": ("Node", "Comment"),
    "IssueComment": ("Node", "Comment"),
    "MergeQueue": ("Node",),
    "MergeQueueEntry": ("Node",),
    "Ref": ("Node",),
}
