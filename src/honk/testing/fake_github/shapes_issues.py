"""Issues, pull requests, comments and reviews as JSON, by GitHub's OpenAPI description."""

from typing import TYPE_CHECKING, Any

from honk.testing.fake_github import access, mergeable
from honk.testing.fake_github.records import (
    Account,
    Comment,
    Event,
    Issue,
    Json,
    Label,
    Pull,
    Reaction,
    Repo,
    Review,
    ReviewComment,
)
from honk.testing.fake_github.shapes import maybe, node, repository, some_app, some_user, user, when

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

CONTENTS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def label(world: "World", repo: Repo, one: Label) -> Json:
    return {
        "id": one.id,
        "node_id": node("Label", one.id),
        "url": f"{world.url}/repos/{repo.full_name}/labels/{one.name.replace(' ', '%20')}",
        "name": one.name,
        "color": one.color,
        "default": one.name in ("bug", "enhancement", "question"),
        "description": one.description,
    }


def association(world: "World", repo: Repo, account: Account) -> str:
    """What somebody is to a repository."""
    if account is repo.owner:
        return "OWNER"
    if account.login in repo.owner.members:
        return "MEMBER"
    if repo.collaborators.get(account.login, "none") != "none":
        return "COLLABORATOR"
    return "NONE"


def reactions(url: str, found: list[Reaction]) -> Json:
    counts = {name: sum(one.content == name for one in found) for name in CONTENTS}
    return {"url": f"{url}/reactions", "total_count": len(found), **counts}


def reaction(world: "World", one: Reaction) -> Json:
    return {
        "id": one.id,
        "node_id": node("Reaction", one.id),
        "user": user(world, one.user),
        "content": one.content,
        "created_at": when(one.created_at),
    }


def issue(world: "World", repo: Repo, one: Issue) -> Json:
    """issue."""
    base = f"{world.url}/repos/{repo.full_name}"
    url = f"{base}/issues/{one.number}"
    page = f"{world.web}/{repo.full_name}/{'pull' if one.pull else 'issues'}/{one.number}"
    found: Json = {
        "id": one.id,
        "node_id": node("Issue", one.id),
        "url": url,
        "repository_url": base,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "html_url": page,
        "number": one.number,
        "state": one.state,
        "state_reason": one.state_reason,
        "title": one.title,
        "body": one.body,
        "user": user(world, one.user),
        "labels": [label(world, repo, each) for each in one.labels],
        "assignee": some_user(world, one.assignees[0] if one.assignees else None),
        "assignees": [user(world, each) for each in one.assignees],
        "milestone": None,
        "locked": one.locked,
        "active_lock_reason": None,
        "comments": sum(each.issue is one for each in repo.comments.values()),
        "closed_at": maybe(one.closed_at),
        "created_at": when(one.created_at),
        "updated_at": when(one.updated_at),
        "closed_by": some_user(world, one.closed_by),
        "author_association": association(world, repo, one.user),
        "reactions": reactions(url, one.reactions),
        "performed_via_github_app": some_app(world, one.app),
    }
    if one.pull is not None:
        found["draft"] = one.pull.draft
        found["pull_request"] = {
            "url": f"{base}/pulls/{one.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": maybe(one.pull.merged_at),
        }
    return found


def _side(world: "World", repo: Repo, ref: str, sha: str) -> Json:
    return {
        "label": f"{repo.owner.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user(world, repo.owner),
        "repo": repository(world, repo),
    }


def _links(base: str, page: str, number: int, sha: str) -> Json:
    pull, issue = f"{base}/pulls/{number}", f"{base}/issues/{number}"
    links = {
        "self": pull,
        "html": page,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{pull}/comments",
        "review_comment": f"{base}/pulls/comments{{/number}}",
        "commits": f"{pull}/commits",
        "statuses": f"{base}/statuses/{sha}",
    }
    return {name: {"href": link} for name, link in links.items()}


def pull(world: "World", repo: Repo, one: Issue) -> Json:
    """pull-request-simple."""
    found = one.pull
    assert found is not None
    base = f"{world.url}/repos/{repo.full_name}"
    page = f"{world.web}/{repo.full_name}/pull/{one.number}"
    links = _links(base, page, one.number, found.head_sha)
    return {
        "id": found.id,
        "node_id": node("PullRequest", found.id),
        "url": links["self"]["href"],
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": links["issue"]["href"],
        "commits_url": links["commits"]["href"],
        "review_comments_url": links["review_comments"]["href"],
        "review_comment_url": links["review_comment"]["href"],
        "comments_url": links["comments"]["href"],
        "statuses_url": links["statuses"]["href"],
        "number": one.number,
        "state": one.state,
        "locked": one.locked,
        "active_lock_reason": None,
        "title": one.title,
        "user": user(world, one.user),
        "body": one.body,
        "labels": [label(world, repo, each) for each in one.labels],
        "milestone": None,
        "created_at": when(one.created_at),
        "updated_at": when(one.updated_at),
        "closed_at": maybe(one.closed_at),
        "merged_at": maybe(found.merged_at),
        "merge_commit_sha": found.merge_commit_sha,
        "assignee": some_user(world, one.assignees[0] if one.assignees else None),
        "assignees": [user(world, each) for each in one.assignees],
        "requested_reviewers": [user(world, each) for each in found.reviewers],
        "requested_teams": [team(world, repo.owner, each) for each in found.teams],
        "head": _side(world, found.head_repo, found.head_ref, found.head_sha),
        "base": _side(world, repo, found.base_ref, found.base_sha),
        "_links": links,
        "author_association": association(world, repo, one.user),
        "auto_merge": _auto_merge(world, found),
        "draft": found.draft,
    }


def _auto_merge(world: "World", found: Pull) -> Json | None:
    if found.auto_merge is None:
        return None
    return {**found.auto_merge, "enabled_by": user(world, found.auto_merge["enabled_by"])}


def full_pull(world: "World", repo: Repo, one: Issue, *, counts: bool = True) -> Json:
    """pull-request."""
    found = one.pull
    assert found is not None
    can, state = mergeable.read(world, repo, one, counts=counts)
    files = mergeable.files(repo, found)
    return {
        **pull(world, repo, one),
        "merged": found.merged_at is not None,
        "mergeable": can,
        "rebaseable": can,
        "mergeable_state": state,
        "merged_by": some_user(world, found.merged_by),
        "comments": sum(each.issue is one for each in repo.comments.values()),
        "review_comments": sum(each.issue is one for each in repo.review_comments.values()),
        "maintainer_can_modify": found.maintainer_can_modify,
        "commits": len(mergeable.commits(repo, found)),
        "additions": sum(each.additions for each in files),
        "deletions": sum(each.deletions for each in files),
        "changed_files": len(files),
    }


def team(world: "World", owner: Account, slug: str) -> Json:
    """team."""
    number = sum(slug.encode())
    url = f"{world.url}/organizations/{owner.id}/team/{number}"
    return {
        "id": number,
        "node_id": node("Team", number),
        "name": slug.capitalize(),
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "push",
        "url": url,
        "html_url": f"{world.web}/orgs/{owner.login}/teams/{slug}",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "type": "organization",
        "organization_id": owner.id,
        "parent": None,
    }


def comment(world: "World", repo: Repo, one: Comment) -> Json:
    """issue-comment."""
    url = f"{world.url}/repos/{repo.full_name}/issues/comments/{one.id}"
    kind = "pull" if one.issue.pull else "issues"
    return {
        "id": one.id,
        "node_id": node("IssueComment", one.id),
        "url": url,
        "html_url": f"{world.web}/{repo.full_name}/{kind}/{one.issue.number}#issuecomment-{one.id}",
        "issue_url": f"{world.url}/repos/{repo.full_name}/issues/{one.issue.number}",
        "user": user(world, one.user),
        "body": one.body,
        "created_at": when(one.created_at),
        "updated_at": when(one.updated_at),
        "author_association": association(world, repo, one.user),
        "performed_via_github_app": some_app(world, one.app),
        "reactions": reactions(url, one.reactions),
    }


def review(world: "World", repo: Repo, one: Review) -> Json:
    """pull-request-review."""
    url = f"{world.url}/repos/{repo.full_name}/pulls/{one.issue.number}"
    page = f"{world.web}/{repo.full_name}/pull/{one.issue.number}#pullrequestreview-{one.id}"
    found: Json = {
        "id": one.id,
        "node_id": node("PullRequestReview", one.id),
        "user": user(world, one.user),
        "body": one.body,
        "state": one.state,
        "html_url": page,
        "pull_request_url": url,
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "commit_id": one.commit_id,
        "author_association": association(world, repo, one.user),
    }
    if one.submitted_at:
        found["submitted_at"] = when(one.submitted_at)
    return found


def review_comment(world: "World", repo: Repo, one: ReviewComment) -> Json:
    """pull-request-review-comment; without a line where the code has moved on."""
    base = f"{world.url}/repos/{repo.full_name}/pulls"
    url, pull_url = f"{base}/comments/{one.id}", f"{base}/{one.issue.number}"
    page = f"{world.web}/{repo.full_name}/pull/{one.issue.number}#discussion_r{one.id}"
    line = one.line if mergeable.up_to_date(repo, one) else None
    found: Json = {
        "id": one.id,
        "node_id": node("PullRequestReviewComment", one.id),
        "url": url,
        "html_url": page,
        "pull_request_url": pull_url,
        "pull_request_review_id": one.review.id,
        "diff_hunk": one.diff_hunk,
        "path": one.path,
        "commit_id": one.commit_id,
        "original_commit_id": one.original_commit_id,
        "user": user(world, one.user),
        "body": one.body,
        "created_at": when(one.created_at),
        "updated_at": when(one.updated_at),
        "author_association": association(world, repo, one.user),
        "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": pull_url}},
        "reactions": reactions(url, one.reactions),
        "subject_type": one.subject_type,
        "line": line,
        "original_line": one.line,
        "side": one.side,
        "start_line": one.start_line if line else None,
        "original_start_line": one.start_line,
        "start_side": one.start_side,
        "position": 1 if line else None,
        "original_position": 1,
    }
    if one.reply_to is not None:
        found["in_reply_to_id"] = one.root.id
    return {name: value for name, value in found.items() if value is not None or name in _NULLABLE}


#: fields of a review comment that stay where they are null
_NULLABLE = ("line", "position", "start_line", "original_start_line", "start_side", "pull_request_review_id")


def event(world: "World", repo: Repo, one: Event, *, with_issue: Issue | None = None) -> Json:
    """issue-event."""
    more: dict[str, Any] = {}
    for name, value in one.more.items():
        more[name] = user(world, value) if isinstance(value, Account) else value
    found: Json = {
        "id": one.id,
        "node_id": node("Event", one.id),
        "url": f"{world.url}/repos/{repo.full_name}/issues/events/{one.id}",
        "actor": user(world, one.actor),
        "event": one.event,
        "commit_id": None,
        "commit_url": None,
        "created_at": when(one.created_at),
        "performed_via_github_app": some_app(world, one.app),
        **more,
    }
    if with_issue is not None:
        found["issue"] = issue(world, repo, with_issue)
    return found


def permission(world: "World", repo: Repo, account: Account) -> Json:
    """repository-collaborator-permission."""
    role = access.role(world, account, repo)
    shown = {"triage": "read", "maintain": "write"}.get(role, role)
    from honk.testing.fake_github.shapes import rights

    return {
        "permission": shown,
        "role_name": role,
        "user": {**user(world, account), "permissions": rights(role), "role_name": role},
    }
