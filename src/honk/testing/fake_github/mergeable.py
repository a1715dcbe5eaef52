"""Whether a pull request can be merged, and what stands in the way.

By https://docs.github.com/en/graphql/reference/enums#mergestatestatus and
https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from honk.testing.fake_github import access
from honk.testing.fake_github.bare import Changed
from honk.testing.fake_github.records import Issue, Protection, Pull, Repo, Review, ReviewComment

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

#: conclusions with which a required check lets a merge through
PASSING = ("success", "neutral", "skipped")
_FAILING = ("failure", "cancelled", "timed_out", "action_required", "stale", "startup_failure", "error")


def start(repo: Repo, pull: Pull) -> str | None:
    """Where the pull request left its base."""
    return repo.bare.merge_base(pull.base_sha, pull.head_sha)


def files(repo: Repo, pull: Pull) -> list[Changed]:
    return repo.bare.changes(start(repo, pull), pull.head_sha)


def commits(repo: Repo, pull: Pull) -> list[str]:
    return repo.bare.between(pull.base_sha, pull.head_sha)


def up_to_date(repo: Repo, comment: ReviewComment) -> bool:
    """Whether the file is still as it was when it was commented on."""
    pull = comment.issue.pull
    assert pull is not None
    if comment.original_commit_id == pull.head_sha:
        return True
    before = repo.bare.at(comment.original_commit_id, comment.path)
    return before is not None and before == repo.bare.at(pull.head_sha, comment.path)


def rules(repo: Repo, branch: str) -> list[Protection]:
    """All that protect a branch, classic and by rulesets."""
    classic = repo.protections.get(branch)
    return [*([classic] if classic else []), *repo.rulesets.get(branch, [])]


@dataclass(frozen=True)
class Context:
    """The latest result of a check or status at a commit."""

    name: str
    result: str
    app: int = 0


def contexts(repo: Repo, sha: str) -> list[Context]:
    """The latest check run of each name and app, and the latest status of each context."""
    checks: dict[tuple[str, int], Context] = {}
    for run in repo.checks.values():
        if run.head_sha == sha:
            result = run.conclusion or "pending" if run.status == "completed" else "pending"
            checks[run.name, run.app.id] = Context(run.name, result, run.app.id)
    statuses = {one.context: Context(one.context, one.state) for one in repo.statuses if one.sha == sha}
    return [*checks.values(), *statuses.values()]


def latest_reviews(issue: Issue, repo: Repo) -> dict[str, Review]:
    """The review that counts of each person."""
    found: dict[str, Review] = {}
    for one in repo.reviews.values():
        if one.issue is issue and one.state in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            found[one.user.login] = one
    return found


def obstacles(world: "World", repo: Repo, issue: Issue) -> list[str]:
    """What the protection of the base refuses, in GitHub's words."""
    pull = issue.pull
    assert pull is not None
    found: list[str] = []
    for rule in rules(repo, pull.base_ref):
        found += _reviews(world, repo, issue, rule)
        found += _summed(_checks(repo, pull.head_sha, rule), rule)
        if rule.locked:
            found.append("Base branch is locked")
        if rule.signatures and not _all_signed(repo, pull):
            found.append("Commits must have verified signatures.")
    return found


def _all_signed(repo: Repo, pull: Pull) -> bool:
    return all(repo.bare.read_commit(one).verified for one in commits(repo, pull))


def _reviews(world: "World", repo: Repo, issue: Issue, rule: Protection) -> list[str]:
    latest = [
        one
        for one in latest_reviews(issue, repo).values()
        if access.at_least(access.role(world, one.user, repo), "write")
    ]
    if any(one.state == "CHANGES_REQUESTED" for one in latest) and rule.reviews:
        return ["Changes have been requested by a reviewer with write access."]
    approved = [one for one in latest if one.state == "APPROVED" and one.user is not issue.user]
    if len(approved) >= rule.reviews:
        return []
    number, verb = rule.reviews, "is" if rule.reviews == 1 else "are"
    words = "review" if number == 1 else "reviews"
    return [f"At least {number} approving {words} {verb} required by reviewers with write access."]


def missing_checks(repo: Repo, sha: str, branch: str) -> list[str]:
    """The required checks of a branch that have not passed at a commit, in GitHub's words."""
    return [one for rule in rules(repo, branch) for one in _checks(repo, sha, rule)]


def _checks(repo: Repo, sha: str, rule: Protection) -> list[str]:
    there = contexts(repo, sha)
    missing, bad = [], []
    for name in rule.checks:
        app = rule.check_apps.get(name)
        results = [one.result for one in there if one.name == name and (app is None or one.app == app)]
        if not results:
            missing.append(f'Required status check "{name}" is expected.')
        elif any(one in _FAILING for one in results):
            bad.append(f'Required status check "{name}" is failing.')
        elif not all(one in PASSING for one in results):
            bad.append(f'Required status check "{name}" is in progress.')
    return missing + bad


def _summed(found: list[str], rule: Protection) -> list[str]:
    if len(found) > 1:
        return [f"{len(found)} of {len(rule.checks)} required status checks have not succeeded."]
    return found


def behind(repo: Repo, pull: Pull) -> bool:
    """Whether the base has moved on, where that must not be."""
    tip = repo.bare.branch(pull.base_ref)
    strict = any(rule.strict for rule in rules(repo, pull.base_ref))
    return strict and tip is not None and not repo.bare.contains(pull.head_sha, tip)


def conflicts(repo: Repo, pull: Pull) -> bool:
    tip = repo.bare.branch(pull.base_ref)
    return tip is None or repo.bare.merged_tree(tip, pull.head_sha) is None


def mergeable(world: "World", repo: Repo, issue: Issue) -> tuple[bool | None, str]:
    """`mergeable` and `mergeable_state`, as they are once GitHub knows."""
    pull = issue.pull
    assert pull is not None
    if issue.state == "closed":
        return None, "unknown"
    if conflicts(repo, pull):
        return False, "dirty"
    if pull.draft:
        return True, "draft"
    if obstacles(world, repo, issue):
        return True, "blocked"
    if behind(repo, pull):
        return True, "behind"
    if any(one.result not in PASSING for one in contexts(repo, pull.head_sha)):
        return True, "unstable"
    return True, "clean"


def read(world: "World", repo: Repo, issue: Issue, *, counts: bool) -> tuple[bool | None, str]:
    """The same as somebody reads it; the first readings after a push may find that it is not known yet."""
    pull = issue.pull
    assert pull is not None
    if pull.unknown > 0:
        pull.unknown -= counts
        return None, "unknown"
    return mergeable(world, repo, issue)
