"""Threads of remarks on lines: only GraphQL knows whether one is resolved.

https://docs.github.com/en/graphql/reference/mutations#resolvereviewthread
"""

from typing import Any

from pydantic import Field

from honk.adapters.github.api import Api
from honk.adapters.github.reading import Shape, Text, read
from honk.adapters.github.trouble import GithubRefused

_FIND = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { id isResolved comments(first: 1) { nodes { id } } }
      }
    }
  }
}
"""
_RESOLVE = """
mutation($thread: ID!) {
  resolveReviewThread(input: {threadId: $thread}) { thread { id isResolved } }
}
"""
#: A hundred threads each.
_PAGES = 20


class _Comment(Shape):
    id: Text = ""


class _Comments(Shape):
    nodes: list[_Comment] = Field(default_factory=list)


class Thread(Shape):
    id: str
    isResolved: bool = False
    comments: _Comments = _Comments()

    def begins_with(self, comment: str) -> bool:
        return any(one.id == comment for one in self.comments.nodes)


class _PageInfo(Shape):
    hasNextPage: bool = False
    endCursor: str | None = None


class _Threads(Shape):
    nodes: list[Thread] = Field(default_factory=list)
    pageInfo: _PageInfo = _PageInfo()


class _PullRequest(Shape):
    reviewThreads: _Threads = _Threads()


class _Repository(Shape):
    pullRequest: _PullRequest | None = None


class _Found(Shape):
    repository: _Repository | None = None


async def resolve(api: Api, of: str, number: int, comment: str) -> bool:
    """Resolves the thread that the comment begins; also when it is resolved already. False where Honk may not.

    The comment is named by its node id, which REST and GraphQL share; GraphQL's numbers are too short for new ones.
    https://docs.github.com/en/graphql/guides/using-global-node-ids
    """
    try:
        thread = await _find(api, of, number, comment)
        if thread is None:
            return False
        if not thread.isResolved:
            await api.graphql(_RESOLVE, {"thread": thread.id}, of=of)
    except GithubRefused:
        return False
    return True


async def _find(api: Api, of: str, number: int, comment: str) -> Thread | None:
    owner, _, name = of.partition("/")
    variables: dict[str, Any] = {"owner": owner, "name": name, "number": number, "after": None}
    for _ in range(_PAGES):
        answer = read(_Found, await api.graphql(_FIND, variables, of=of), "the threads of a review")
        pull_request = answer.repository.pullRequest if answer.repository else None
        if pull_request is None:
            return None
        threads = pull_request.reviewThreads
        found = next((one for one in threads.nodes if one.begins_with(comment)), None)
        if found is not None or not threads.pageInfo.hasNextPage:
            return found
        variables["after"] = threads.pageInfo.endCursor
    return None
