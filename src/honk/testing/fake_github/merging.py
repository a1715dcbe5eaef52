"""Merges: at once, when everything is green (auto-merge), or through a merge queue.

By https://docs.github.com/en/rest/pulls/pulls#merge-a-pull-request and
https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

from honk.testing.fake_github import heads, merge_groups, mergeable
from honk.testing.fake_github.merge_groups import queue
from honk.testing.fake_github.records import Account, Issue, Repo
from honk.testing.fake_github.wire import Refused

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

METHODS = ("merge", "squash", "rebase")
_WORDS = {"merge": "Merge commits are", "squash": "Squash merges are", "rebase": "Rebase merges are"}


def _refuse(message: str) -> Refused:
    return Refused(405, message)


def allowed(repo: Repo, method: str) -> bool:
    return {
        "merge": repo.allow_merge_commit,
        "squash": repo.allow_squash_merge,
        "rebase": repo.allow_rebase_merge,
    }[method]


def check(world: "World", repo: Repo, issue: Issue, method: str, sha: str) -> None:
    """Refuses what GitHub does not merge."""
    pull = issue.pull
    assert pull is not None
    if issue.state != "open":
        raise _refuse("Pull Request is not mergeable")
    if sha and sha != pull.head_sha:
        raise Refused(409, "Head branch was modified. Review and try the merge again.")
    if pull.draft:
        raise _refuse("Pull Request is still a draft")
    if not allowed(repo, method):
        raise _refuse(f"{_WORDS[method]} not allowed on this repository.")
    protection = mergeable.rules(repo, pull.base_ref)
    if any(rule.queue for rule in protection):
        raise _refuse("Repository rule violations found\n\nChanges must be made through the merge queue\n\n")
    if mergeable.conflicts(repo, pull):
        raise _refuse("Pull Request is not mergeable")
    if any(rule.linear for rule in protection) and method == "merge":
        raise _refuse("Merge commits are not allowed on this repository.")
    _check_protection(world, repo, issue)


def _check_protection(world: "World", repo: Repo, issue: Issue) -> None:
    pull = issue.pull
    assert pull is not None
    found = mergeable.obstacles(world, repo, issue)
    if found and any(rule.ruleset for rule in mergeable.rules(repo, pull.base_ref)):
        raise _refuse("Repository rule violations found\n\n" + "\n\n".join(found) + "\n\n")
    if found:
        raise _refuse(found[0])
    if mergeable.behind(repo, pull):
        raise _refuse("The head branch is not up to date with the base branch. Update it and try again.")


def merge(  # noqa: PLR0913 - what a merge takes
    world: "World",
    repo: Repo,
    issue: Issue,
    by: Account,
    *,
    method: str = "merge",
    title: str = "",
    message: str | None = None,
    group: str = "",
) -> str:
    """Merges it, whatever stands in the way; the new commit. Refused with 405 where that cannot be done.

    A merge queue has made the commit before, as its `group`.
    """
    pull = issue.pull
    assert pull is not None
    tip = repo.bare.branch(pull.base_ref)
    assert tip is not None
    words = merge_groups.message(repo, issue, method, title, message)
    made = group or merge_groups.made(world, repo, issue, by, method, words, tip)
    if made is None:
        raise _refuse("Pull Request is not mergeable")
    try:
        repo.bare.set_ref(f"refs/heads/{pull.base_ref}", made, tip)
    except Exception as moved:
        raise Refused(409, "Base branch was modified. Review and try the merge again.") from moved
    pull.merged_at = issue.closed_at = world.now()
    pull.merged_by = issue.closed_by = by
    pull.merge_commit_sha = made
    pull.queued = pull.auto_merge = None
    issue.state, issue.updated_at = "closed", world.now()
    heads.note(world, issue, "merged", by)
    heads.note(world, issue, "closed", by)
    heads.tell(world, repo, issue, "closed", by)
    heads.settle(world, repo, by)
    merge_groups.regroup(world, repo, pull.base_ref, by)
    _close_linked(world, repo, issue, by)
    if repo.delete_branch_on_merge and pull.head_repo is repo and repo.bare.branch(pull.head_ref):
        heads.remove_branch(world, repo, pull.head_ref, by)
    return made


_CLOSING = ("close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved")


def _close_linked(world: "World", repo: Repo, issue: Issue, by: Account) -> None:
    from honk.testing.fake_github import acts

    pull = issue.pull
    if pull is None or pull.base_ref != repo.default_branch:
        return
    words = (issue.body or "").replace(":", " ").split()
    for before, word in pairwise(words):
        number = word.strip(".,;)").removeprefix("#")
        if before.lower() in _CLOSING and number.isdigit() and (found := repo.issues.get(int(number))):
            acts.set_state(world, repo, found, by, "closed")


def enable_auto_merge(  # noqa: PLR0913 - what a merge takes
    world: "World", repo: Repo, issue: Issue, by: Account, *, method: str, title: str, message: str
) -> None:
    """It is merged as soon as nothing stands in the way. Refused where that is already so, or not allowed."""
    pull = issue.pull
    assert pull is not None
    if not repo.allow_auto_merge:
        raise Refused(422, "Auto merge is not allowed for this repository")
    if issue.state != "open":
        raise Refused(422, "Pull request is closed")
    if mergeable.mergeable(world, repo, issue)[1] in ("clean", "unstable"):
        raise Refused(422, "Pull request is in clean status")
    if not allowed(repo, method):
        raise Refused(422, f"{_WORDS[method]} not allowed on this repository")
    pull.auto_merge = {
        "enabled_by": by,
        "merge_method": method,
        "commit_title": title or issue.title,
        "commit_message": message,
    }
    heads.note(world, issue, "auto_merge_enabled", by)
    heads.tell(world, repo, issue, "auto_merge_enabled", by)


def disable_auto_merge(world: "World", repo: Repo, issue: Issue, by: Account) -> None:
    """Takes that back."""
    pull = issue.pull
    assert pull is not None
    if pull.auto_merge is None:
        raise Refused(422, "Can't disable auto-merge for this pull request")
    pull.auto_merge = None
    heads.tell(world, repo, issue, "auto_merge_disabled", by)


def enqueue(world: "World", repo: Repo, issue: Issue, by: Account, sha: str = "") -> None:
    """Puts it into the merge queue. Refused where it may not be merged."""
    pull = issue.pull
    assert pull is not None
    if not any(rule.queue for rule in mergeable.rules(repo, pull.base_ref)):
        raise Refused(422, "Merge queue is not enabled for this branch")
    if sha and sha != pull.head_sha:
        raise Refused(422, "Head branch was modified. Review and try the merge again.")
    if pull.queued is not None:
        raise Refused(422, "The pull request is already in the queue")
    if issue.state != "open" or pull.draft or mergeable.conflicts(repo, pull):
        raise Refused(422, "Pull request is not mergeable")
    found = mergeable.obstacles(world, repo, issue)
    if found:
        raise Refused(422, found[0])
    pull.queued = {"id": world.number(), "at": world.now(), "by": by, "state": "QUEUED"}
    heads.note(world, issue, "added_to_merge_queue", by)
    heads.tell(world, repo, issue, "enqueued", by)
    merge_groups.regroup(world, repo, pull.base_ref, by)


def dequeue(world: "World", repo: Repo, issue: Issue, by: Account, reason: str = "MANUAL") -> None:
    """Takes it out of the queue again."""
    pull = issue.pull
    assert pull is not None
    if pull.queued is None:
        raise Refused(422, "The pull request is not in the queue")
    pull.queued = None
    heads.note(world, issue, "removed_from_merge_queue", by)
    heads.tell(world, repo, issue, "dequeued", by, reason=reason)
    merge_groups.regroup(world, repo, pull.base_ref, by)


def advance(world: "World", repo: Repo, branch: str = "") -> str | None:
    """The queue merges the next one; the new commit. None while what the branch requires has not passed at its group.

    With a failure there it is taken out of the queue.
    """
    branch, bot = branch or repo.default_branch, world.accounts["github-actions[bot]"]
    merge_groups.regroup(world, repo, branch, bot)
    waiting = queue(repo, branch)
    if not waiting:
        return None
    first, group = waiting[0], repo.groups[waiting[0].number]
    missing = mergeable.missing_checks(repo, group.head_sha, branch)
    if any(one.endswith("failing.") for one in missing):
        dequeue(world, repo, first, bot, "CI_FAILURE")
    if missing:
        return None
    method = next(rule.queue for rule in mergeable.rules(repo, branch) if rule.queue)
    return merge(world, repo, first, bot, method=method.lower(), group=group.head_sha)


def settle(world: "World", repo: Repo) -> None:
    """Merges what waits for everything to be green and is."""
    for issue in repo.pulls():
        pull = issue.pull
        assert pull is not None
        if pull.auto_merge is None or issue.state != "open":
            continue
        if mergeable.mergeable(world, repo, issue)[1] not in ("clean", "unstable"):
            continue
        wanted = pull.auto_merge
        if any(rule.queue for rule in mergeable.rules(repo, pull.base_ref)):
            pull.auto_merge = None
            enqueue(world, repo, issue, wanted["enabled_by"])
            continue
        merge(
            world,
            repo,
            issue,
            wanted["enabled_by"],
            method=wanted["merge_method"],
            title=wanted["commit_title"],
            message=wanted["commit_message"] or None,
        )
