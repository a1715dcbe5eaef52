"""Why GitLab does not merge, in sentences with a remedy."""

from typing import Any

from honk.adapters.gitlab.server import Project
from honk.adapters.gitlab.trouble import GitlabRefused
from honk.domain.pull_request import MergeMethod, PullRequest, Refused

#: GitLab is still finding out. https://docs.gitlab.com/api/merge_requests/#merge-status
UNDECIDED = frozenset({"approvals_syncing", "checking", "preparing", "unchecked"})
_RULES = "somebody who may change the project's rules, or meet them, must go first; then merge again"
_REASONS = {
    "ci_must_pass": ("its pipeline must succeed first", "look at the pipeline; reply to the task to have it repaired"),
    "ci_still_running": ("its pipeline is still running", "merge again when the pipeline has ended"),
    "commits_status": ("its branch is gone, or has no commits of its own", "reply to the task"),
    "conflict": ("it conflicts with {base}", "reply to the task: bring it up to date with {base}"),
    "discussions_not_resolved": ("there are threads that nobody has resolved", "resolve them on its page"),
    "draft_status": ("it is a draft", "mark it as ready, or reply to the task"),
    "external_status_checks": ("a status check has not passed", _RULES),
    "jira_association_missing": ("the project wants an issue of Jira to be named in it", "name one in its title"),
    "locked_lfs_files": ("it changes LFS files that somebody has locked", _RULES),
    "locked_paths": ("it changes files that somebody has locked", _RULES),
    "merge_request_blocked": ("another merge request must be merged first", "merge that one first"),
    "merge_time": ("it may not be merged before the time that is set on its page", "merge again after that"),
    "need_rebase": ("{base} has moved, and the project wants it rebased first", "reply to the task: rebase on {base}"),
    "not_approved": ("it needs more approvals", "have it approved on its page, then merge again"),
    "not_open": ("it is not open any more", "reply to the task to open it again"),
    "requested_changes": ("a reviewer asks for changes", "reply to the task with what to do"),
    "security_policy_violations": ("it breaks a security policy of the project", _RULES),
    "status_checks_must_pass": ("a status check must pass first", _RULES),
    "title_regex": ("its title is not as the project wants it", "change the title on its page"),
}

CLOSED = Refused(reason="the merge request is closed", remedy="reply to the task to open it again")


def moved(wanted: PullRequest, to: str | None) -> Refused:
    where = f"is at {to[:12]}" if to else "is gone"
    return Refused(
        reason=f"the branch {wanted.branch} {where}, not at the verified {wanted.head[:12]}",
        remedy="have it verified as it is now, by a reply to the task",
    )


def status(merge_request: dict[str, Any]) -> str:
    return str(merge_request.get("detailed_merge_status") or "")


def held_back(merge_request: dict[str, Any], base: str) -> Refused | None:
    """What GitLab itself says is in the way; None where it says nothing that is known."""
    reason, remedy = _REASONS.get(status(merge_request), ("", ""))
    if not reason:
        return None
    return Refused(reason=f"GitLab does not merge it: {reason.format(base=base)}", remedy=remedy.format(base=base))


def explained(error: GitlabRefused, merge_request: dict[str, Any], wanted: PullRequest) -> Refused:
    """The statuses of HTTP are those of https://docs.gitlab.com/api/merge_requests/#merge-a-merge-request."""
    if error.status in {401, 403}:
        remedy = f"give Honk's user the right to merge into {wanted.base}, or merge it on its page"
        return Refused(reason=f"GitLab does not let Honk's user merge into {wanted.base}", remedy=remedy)
    known = held_back(merge_request, wanted.base)
    if known is not None:
        return known
    remedy = "its page says what is in the way; merge again when that is done"
    return Refused(reason=f"GitLab does not merge it ({error.status}): {error.said}", remedy=remedy)


def of_project(project: Project, method: MergeMethod) -> Refused | None:
    """How a merge request is merged is the project's choice, but for squashing."""
    if method is MergeMethod.SQUASH and project.squashes == "never":
        return _other(project, "never squashes", 'merge = "merge"')
    if method is MergeMethod.REBASE and project.merges_by == "merge":
        return _other(project, "makes merge commits and rebases nothing", 'merge = "merge"')
    return None


def _other(project: Project, does: str, setting: str) -> Refused:
    return Refused(
        reason=f"{project.path} {does}", remedy=f"set {setting} below [work] of honk.toml, or change the project"
    )
