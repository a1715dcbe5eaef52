"""What GitHub would hold against a merge, in words, from what it shows now.

https://docs.github.com/en/graphql/reference/enums#mergestatestatus says what `mergeable_state` means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from honk.adapters.github.api import Api
from honk.adapters.github.pull_requests import Pull
from honk.adapters.github.reading import GHOST, Login, Shape, Text, every
from honk.adapters.github.site import Rule, Site, rules
from honk.domain.pull_request import MergeMethod, PullRequest, PullRequestState, Refused
from honk.domain.remote_check import CheckState
from honk.domain.repository import Repository, Sha
from honk.ports.ci import Ci

CLOSED = Refused(reason="the pull request is closed", remedy="reply to the task to open it again")
#: By preference after the wanted one: as much history as it kept, or as little.
_NEAREST = {
    MergeMethod.MERGE: (MergeMethod.MERGE, MergeMethod.SQUASH, MergeMethod.REBASE),
    MergeMethod.SQUASH: (MergeMethod.SQUASH, MergeMethod.REBASE, MergeMethod.MERGE),
    MergeMethod.REBASE: (MergeMethod.REBASE, MergeMethod.SQUASH, MergeMethod.MERGE),
}

_BEST_FIRST = (CheckState.SKIPPED, CheckState.PASSED, CheckState.RUNNING, CheckState.FAILED)


class _Review(Shape):
    user: Login | None = None
    state: Text = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """What the base demands and the pull request has not."""

    failed: tuple[str, ...] = ()
    #: they run, or have not begun
    pending: tuple[str, ...] = ()
    #: one sentence each
    reviews: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.failed or self.pending or self.reviews)

    @property
    def only_pending(self) -> bool:
        return bool(self.pending) and not self.failed and not self.reviews

    def refused(self, base: str) -> Refused:
        parts = [
            *([f"{_checks(self.failed)} failed"] if self.failed else []),
            *([f"{_checks(self.pending)} not finished"] if self.pending else []),
            *self.reviews,
        ]
        remedy = "merge again when that is done"
        if self.failed:
            remedy = "reply to the task: make the checks pass"
        elif self.reviews:
            remedy = "ask for the review at GitHub, then merge again"
        return Refused(reason=f"{base} demands more before a merge: {'; '.join(parts)}", remedy=remedy)


def _checks(names: Sequence[str]) -> str:
    return f"{'check' if len(names) == 1 else 'checks'} {', '.join(names[:10])}"


@dataclass(frozen=True)
class Obstacles:
    """Asks GitHub, and changes nothing. With `auto`, checks that are still to come are in nobody's way."""

    api: Api
    ci: Ci
    auto: bool

    async def of(self, site: Site, repository: Repository, pull: Pull, wanted: PullRequest) -> Refused | None:
        """None where nothing is known that would refuse, or only checks that are still to come would."""
        if pull.standing is PullRequestState.CLOSED:
            return CLOSED
        if pull.standing is PullRequestState.MERGED:
            return None
        if pull.head.sha != wanted.head:
            return moved(wanted.branch, wanted.head, Sha(pull.head.sha))
        if site.archived or site.closed:
            return Refused(
                reason=site.closed or f"{site.full_name} is archived at GitHub, so it can be read only",
                remedy=f"change that in the settings of {site.full_name}",
            )
        return await self.held_back(site, repository, pull)

    async def held_back(self, site: Site, repository: Repository, pull: Pull) -> Refused | None:
        """By conflicts, a base that moved on, or something that the base demands."""
        if pull.mergeable is False or pull.mergeable_state == "dirty":
            return conflict(pull.base.ref)
        if pull.mergeable_state == "behind":
            return behind(pull.base.ref)
        if pull.mergeable_state != "blocked":
            return None
        missing = await self.missing(site, repository, pull)
        waits = missing.only_pending and self.auto and site.auto_merge
        return missing.refused(pull.base.ref) if missing and not waits else None

    async def missing(self, site: Site, repository: Repository, pull: Pull) -> Missing:
        required = await self.ci.required(repository, pull.base.ref)
        states: dict[str, CheckState] = {}
        if required:
            there = (await self.ci.checks(repository, Sha(pull.head.sha))).checks
            # A check and a status may have one name: GitHub demands both.
            states = {one.name: one.state for one in sorted(there, key=lambda one: _BEST_FIRST.index(one.state))}
        return Missing(
            failed=tuple(one for one in required if states.get(one) is CheckState.FAILED),
            pending=tuple(one for one in required if states.get(one) in {None, CheckState.RUNNING}),
            reviews=await self._reviews(site, pull),
        )

    async def methods(self, site: Site, base: str, wanted: MergeMethod) -> tuple[MergeMethod, ...]:
        """Those that the repository and the base's rules allow, the wanted one or the nearest to it first."""
        allowed = set(site.methods)
        for rule in await rules(self.api, site, base):
            if rule.type == "required_linear_history":
                allowed.discard(MergeMethod.MERGE)
            elif rule.type == "pull_request" and (named := rule.names("allowed_merge_methods")):
                allowed &= {one for one in MergeMethod if one.value in named}
        return tuple(one for one in _NEAREST[wanted] if one in allowed)

    async def _reviews(self, site: Site, pull: Pull) -> tuple[str, ...]:
        listed = await self.api.pages(f"{site.path}/pulls/{pull.number}/reviews", of=site.full_name)
        latest: dict[str, str] = {}
        for one in every(_Review, listed, "the reviews"):
            # A later comment leaves standing what was decided before.
            if one.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}:
                latest[(one.user or GHOST).login] = one.state
        against = [login for login, state in latest.items() if state == "CHANGES_REQUESTED"]
        approvals = sum(1 for state in latest.values() if state == "APPROVED")
        wanted = max((_count(one) for one in await rules(self.api, site, pull.base.ref)), default=0)
        lacking = max(0, wanted - approvals)
        return (
            *([f"{', '.join(against[:5])} asked for changes"] if against else []),
            *([f"{lacking} approving {'review' if lacking == 1 else 'reviews'} missing"] if lacking else []),
        )


def _count(rule: Rule) -> int:
    value = (rule.parameters or {}).get("required_approving_review_count")
    return value if rule.type == "pull_request" and isinstance(value, int) else 0


def moved(branch: str, head: Sha, to: Sha) -> Refused:
    return Refused(
        reason=f"the branch {branch} is at {to[:12]}, not at the verified {head[:12]}",
        remedy="have it verified as it is now, by a reply to the task",
    )


def conflict(base: str) -> Refused:
    return Refused(
        reason=f"{base} has moved and conflicts with the change",
        remedy=f"reply to the task: bring it up to date with {base}",
    )


def behind(base: str) -> Refused:
    return Refused(
        reason=f"{base} has moved, and takes only what was checked on top of it",
        remedy=f"reply to the task: bring it up to date with {base}",
    )
