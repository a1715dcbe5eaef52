"""Branches that moved: push events, the heads of pull requests, and what follows from that."""

from typing import TYPE_CHECKING

from honk.testing.fake_github import mergeable, shapes_issues
from honk.testing.fake_github.records import Account, Event, Issue, Json, Repo

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

ZERO = "0" * 40


def settle(world: "World", repo: Repo, by: Account | None = None) -> None:
    """Notices every branch that is elsewhere than it was last seen."""
    now = repo.bare.refs()
    if now == repo.seen:
        return
    before, repo.seen = repo.seen, now
    for ref in sorted({*before, *now}):
        old, new = before.get(ref), now.get(ref)
        if old != new:
            _push(world, repo, ref, old or ZERO, new or ZERO, by)
    for owner in [repo, *(one for one in world.repos.values() if one is not repo)]:
        for issue in owner.pulls():
            _follow(world, owner, repo, issue, by)


def _push(world: "World", repo: Repo, ref: str, old: str, new: str, by: Account | None) -> None:
    sender = by or world.ghost
    commits = [] if ZERO in (old, new) else repo.bare.between(old, new)[-20:]
    shown = [_pushed(world, repo, one) for one in commits]
    payload: Json = {
        "ref": ref,
        "before": old,
        "after": new,
        "created": old == ZERO,
        "deleted": new == ZERO,
        "forced": ZERO not in (old, new) and not repo.bare.contains(new, old),
        "base_ref": None,
        "compare": f"{world.web}/{repo.full_name}/compare/{old[:12]}...{new[:12]}",
        "commits": shown,
        "head_commit": None if new == ZERO else _pushed(world, repo, new),
        "pusher": {"name": sender.login, "email": sender.email},
    }
    world.hooks.emit(repo, "push", payload, sender)


def _pushed(world: "World", repo: Repo, sha: str) -> Json:
    found = repo.bare.read_commit(sha)
    changed = repo.bare.changes(found.parents[0] if found.parents else None, sha)
    return {
        "id": sha,
        "tree_id": found.tree,
        "distinct": True,
        "message": found.message.rstrip("\n"),
        "timestamp": found.committer.at.isoformat(),
        "url": f"{world.web}/{repo.full_name}/commit/{sha}",
        "author": {"name": found.author.name, "email": found.author.email},
        "committer": {"name": found.committer.name, "email": found.committer.email},
        "added": [one.path for one in changed if one.status == "added"],
        "removed": [one.path for one in changed if one.status == "removed"],
        "modified": [one.path for one in changed if one.status not in ("added", "removed")],
    }


def _follow(world: "World", owner: Repo, moved: Repo, issue: Issue, by: Account | None) -> None:
    pull = issue.pull
    assert pull is not None
    if issue.state == "closed":
        return
    if owner is moved and (tip := owner.bare.branch(pull.base_ref)):
        _base_moved(world, owner, issue, tip, by)
    if pull.head_repo is not moved:
        return
    new, old = moved.bare.branch(pull.head_ref), pull.head_sha
    if issue.state != "open" or new == old:
        return
    if new is None:
        close(world, owner, issue, by)
        return
    take_head(owner, issue, new)
    pull.unknown = owner.mergeable_after
    _dismiss_stale(world, owner, issue)
    pull.queued = None
    issue.updated_at = world.now()
    tell(world, owner, issue, "synchronize", by, before=old, after=new)
    regroup_of(world, owner, issue, by)


def _base_moved(world: "World", repo: Repo, issue: Issue, tip: str, by: Account | None) -> None:
    pull = issue.pull
    assert pull is not None
    if pull.merged_at is None and repo.bare.contains(tip, pull.head_sha) and tip != pull.base_sha:
        # pushed to the base by git: GitHub calls that merged
        pull.merged_at = issue.closed_at = world.now()
        pull.merged_by = by or world.ghost
        pull.merge_commit_sha = tip
        issue.state = "closed"
        tell(world, repo, issue, "closed", by)
        return
    if repo.mergeable_after:
        pull.unknown = repo.mergeable_after
    pull.base_sha = tip


def regroup_of(world: "World", repo: Repo, issue: Issue, by: Account | None) -> None:
    """Where a merge queue had it: what it made is made anew without it."""
    from honk.testing.fake_github import merge_groups

    if issue.pull is not None and issue.number in repo.groups:
        merge_groups.regroup(world, repo, issue.pull.base_ref, by or world.ghost)


def take_head(repo: Repo, issue: Issue, new: str) -> None:
    """Points a pull request at a commit, which the base repository gets where it is of a fork."""
    pull = issue.pull
    assert pull is not None
    if pull.head_repo is not repo and repo.bare.kind(new) is None:
        repo.bare.git("fetch", "-q", str(pull.head_repo.bare.folder), f"+refs/heads/{pull.head_ref}:refs/hidden/fork")
    pull.head_sha = new
    repo.bare.set_ref(f"refs/pull/{issue.number}/head", new)


def _dismiss_stale(world: "World", repo: Repo, issue: Issue) -> None:
    pull = issue.pull
    assert pull is not None
    if not any(rule.dismiss_stale for rule in mergeable.rules(repo, pull.base_ref)):
        return
    for one in mergeable.latest_reviews(issue, repo).values():
        if one.state == "APPROVED":
            one.state = "DISMISSED"


def tell(world: "World", repo: Repo, issue: Issue, action: str, by: Account | None, **more: object) -> None:
    """A `pull_request` event."""
    payload = {
        "action": action,
        "number": issue.number,
        "pull_request": shapes_issues.full_pull(world, repo, issue, counts=False),
        **more,
    }
    world.hooks.emit(repo, "pull_request", payload, by)


def note(world: "World", issue: Issue, event: str, actor: Account, **more: object) -> Event:
    """Remembers what happened to an issue, for its events and timeline."""
    made = Event(world.number(), event, actor, world.now(), more=dict(more))
    issue.events.append(made)
    return made


def close(world: "World", repo: Repo, issue: Issue, by: Account | None) -> None:
    """Closes a pull request without a merge."""
    issue.state, issue.closed_at = "closed", world.now()
    issue.closed_by = by or world.ghost
    if issue.pull is not None:
        issue.pull.queued = None
    note(world, issue, "closed", issue.closed_by)
    tell(world, repo, issue, "closed", by)
    regroup_of(world, repo, issue, by)


def remove_branch(world: "World", repo: Repo, branch: str, by: Account | None) -> None:
    """Deletes a branch; open pull requests from it are closed."""
    repo.bare.set_ref(f"refs/heads/{branch}", None)
    settle(world, repo, by)
