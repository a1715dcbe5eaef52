"""Merge groups: what a merge queue makes of the base, the entries before one, and that one, for checks to look at.

By https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/configuring-pull-request-merges/managing-a-merge-queue
and https://docs.github.com/en/webhooks/webhook-events-and-payloads#merge_group.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from honk.testing.fake_github import heads, mergeable
from honk.testing.fake_github.bare import Signature
from honk.testing.fake_github.records import Account, Issue, Json, MergeGroup, Pull, Repo

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World


def made(  # noqa: PLR0913 - what a merge takes
    world: "World", repo: Repo, issue: Issue, by: Account, method: str, words: str, tip: str
) -> str | None:
    """The commit by which a pull request is merged onto a tip; None where that conflicts."""
    pull = issue.pull
    assert pull is not None
    bare = repo.bare
    author = world.signature(by)
    web: Signature = replace(author, name="GitHub", email="noreply@github.com")
    if method == "rebase":
        return bare.replayed(mergeable.commits(repo, pull), tip, author)
    tree = bare.merged_tree(tip, pull.head_sha)
    if tree is None:
        return None
    parents = [tip, pull.head_sha] if method == "merge" else [tip]
    return bare.commit(tree, parents, words, author, committer=web, signed=True)


def message(repo: Repo, issue: Issue, method: str, title: str = "", said: str | None = None) -> str:
    """The words of that commit."""
    pull = issue.pull
    assert pull is not None
    if method == "squash":
        head = title or f"{issue.title} (#{issue.number})"
        subjects = [repo.bare.read_commit(one).message.split("\n")[0] for one in mergeable.commits(repo, pull)]
        body = "\n".join(f"* {one}" for one in subjects) if said is None else said
    else:
        head = title or f"Merge pull request #{issue.number} from {pull.head_repo.owner.login}/{pull.head_ref}"
        body = issue.title if said is None else said
    return f"{head}\n\n{body}" if body else head


def queue(repo: Repo, branch: str) -> list[Issue]:
    """The pull requests in a branch's merge queue, the next one first."""

    def place(one: Issue) -> int:
        assert one.pull is not None and one.pull.queued is not None
        number: int = one.pull.queued["id"]
        return number

    return sorted((one for one in repo.pulls() if _queued(one.pull, branch)), key=place)


def _queued(pull: Pull | None, branch: str) -> bool:
    return pull is not None and pull.queued is not None and pull.base_ref == branch


def regroup(world: "World", repo: Repo, branch: str, by: Account) -> None:
    """Groups that no entry has any more go; those whose base or head is another by now are made anew."""
    waiting = queue(repo, branch)
    numbers = {one.number for one in waiting}
    for number, group in list(repo.groups.items()):
        if group.base_ref == branch and number not in numbers:
            pull = repo.issues[number].pull
            merged = pull is not None and pull.merged_at is not None
            _destroy(world, repo, number, by, "merged" if merged else "dequeued")
    tip = repo.bare.branch(branch)
    for issue in waiting:
        assert tip is not None and issue.pull is not None
        there = repo.groups.get(issue.number)
        if there is not None and (there.base_sha, there.pull_sha) != (tip, issue.pull.head_sha):
            _destroy(world, repo, issue.number, by, "invalidated")
        if issue.number not in repo.groups:
            _create(world, repo, issue, by, tip)
        if issue.number in repo.groups:
            tip = repo.groups[issue.number].head_sha


def _create(world: "World", repo: Repo, issue: Issue, by: Account, tip: str) -> None:
    pull = issue.pull
    assert pull is not None and pull.queued is not None
    branch = pull.base_ref
    method = next(rule.queue for rule in mergeable.rules(repo, branch) if rule.queue).lower()
    head = made(world, repo, issue, by, method, message(repo, issue, method), tip)
    if head is None:
        pull.queued = None
        heads.tell(world, repo, issue, "dequeued", by, reason="MERGE_CONFLICT")
        return
    ref = f"refs/heads/gh-readonly-queue/{branch}/pr-{issue.number}-{tip}"
    repo.groups[issue.number] = MergeGroup(head, ref, tip, branch, pull.head_sha)
    pull.queued["state"] = "AWAITING_CHECKS"
    repo.bare.set_ref(ref, head)
    heads.settle(world, repo, by)
    _tell(world, repo, repo.groups[issue.number], by, {"action": "checks_requested"})


def _destroy(world: "World", repo: Repo, number: int, by: Account, reason: str) -> None:
    group = repo.groups.pop(number)
    repo.bare.set_ref(group.head_ref, None)
    heads.settle(world, repo, by)
    _tell(world, repo, group, by, {"action": "destroyed", "reason": reason})


def _tell(world: "World", repo: Repo, group: MergeGroup, by: Account, said: Json) -> None:
    found = repo.bare.read_commit(group.head_sha)
    people = {"author": found.author, "committer": found.committer}
    commit = {
        "id": group.head_sha,
        "tree_id": found.tree,
        "message": found.message,
        "timestamp": found.committer.at.isoformat(),
        **{role: {"name": one.name, "email": one.email} for role, one in people.items()},
    }
    payload = {
        "head_sha": group.head_sha,
        "head_ref": group.head_ref,
        "base_sha": group.base_sha,
        "base_ref": f"refs/heads/{group.base_ref}",
        "head_commit": commit,
    }
    world.hooks.emit(repo, "merge_group", {**said, "merge_group": payload}, by)
