"""Which permissions an act at GitHub needs: tokens are narrowed to them.

https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_LEVELS = ("", "read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a token is minted for."""

    name: str
    #: without these the act is pointless
    must: Mapping[str, str] = field(default_factory=dict)
    #: taken where they were granted
    may: Mapping[str, str] = field(default_factory=dict)

    def within(self, granted: Mapping[str, str]) -> dict[str, str]:
        """What to ask for, of what was granted; "write" is lowered to "read" where that is all."""
        wanted = {**self.may, **self.must}
        asked = {name: min(level, granted.get(name, ""), key=_rank) for name, level in wanted.items()}
        return {name: level for name, level in asked.items() if level}

    def missing(self, granted: Mapping[str, str]) -> str:
        """The permissions that the act must have and that were not granted, such as "contents: write"."""
        return ", ".join(
            f"{name}: {level}" for name, level in self.must.items() if _rank(granted.get(name, "")) < _rank(level)
        )


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else 0


_LOOKING = {
    **dict.fromkeys(("metadata", "contents", "pull_requests", "issues", "checks", "statuses", "actions"), "read"),
    **dict.fromkeys(("deployments", "administration", "members", "merge_queues", "environments"), "read"),
}
ANYWHERE = Purpose("anywhere", may={"metadata": "read"})
READING = Purpose("reading", may=_LOOKING)
FETCHING = Purpose("fetching", must={"contents": "read"}, may={"metadata": "read"})
PUSHING = Purpose("pushing", must={"contents": "write"}, may={"metadata": "read", "workflows": "write"})
TALKING = Purpose("talking", may={"metadata": "read", "contents": "read", "issues": "write", "pull_requests": "write"})
PROPOSING = Purpose(
    "proposing",
    must={"pull_requests": "write"},
    may={"metadata": "read", "contents": "read", "issues": "write", "members": "read"},
)
#: merges may carry workflows, as pushes may
MERGING = Purpose(
    "merging",
    must={"contents": "write"},
    may={"metadata": "read", "pull_requests": "write", "workflows": "write", "merge_queues": "write"},
)
#: GraphQL says in its body alone what it changes
MUTATING = Purpose("mutating", may={**MERGING.may, "contents": "write", "issues": "write"})
CHECKING = Purpose("checking", must={"checks": "write"}, may={"metadata": "read"})
SAYING_STATUS = Purpose("saying status", must={"statuses": "write"}, may={"metadata": "read"})
RUNNING = Purpose("running", must={"actions": "write"}, may={"metadata": "read", "contents": "read"})
DEPLOYING = Purpose(
    "deploying", must={"deployments": "write"}, may={"metadata": "read", "contents": "read", "statuses": "read"}
)

_WRITES = tuple(
    (re.compile(pattern), purpose)
    for pattern, purpose in (
        (r"pulls/\d+/(merge|update-branch)$", MERGING),
        (r"pulls($|/\d+$|/\d+/requested_reviewers$)", PROPOSING),
        (r"(pulls|issues|labels|milestones)(/|$)", TALKING),
        (r"(comments)(/|$)", TALKING),
        (r"check-(runs|suites)(/|$)", CHECKING),
        (r"statuses(/|$)", SAYING_STATUS),
        (r"actions(/|$)", RUNNING),
        (r"deployments(/|$)", DEPLOYING),
    )
)


def purpose(method: str, path: str) -> Purpose:
    """What the token for this request is for."""
    if method == "GET":
        return READING
    within = re.sub(r"^/(repos/[^/]+/[^/]+|repositories/\d+)/?", "", path.partition("?")[0])
    return next((one for pattern, one in _WRITES if pattern.match(within)), PUSHING)
