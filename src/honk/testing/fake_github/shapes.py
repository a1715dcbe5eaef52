"""Accounts, repositories, apps and installations as JSON, by GitHub's OpenAPI description."""

import base64
from datetime import datetime
from typing import TYPE_CHECKING

from honk.testing.fake_github.records import Account, App, Installation, Json, Repo, Role, Token

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

_USER = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPOSITORY = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def when(at: datetime) -> str:
    """A time as GitHub writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def maybe(at: datetime | None) -> str | None:
    return when(at) if at else None


def node(kind: str, number: int) -> str:
    """A node id; it can be read back."""
    return base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


def read_node(id: str) -> tuple[str, int]:
    """Kind and number of a node id; ("", 0) for what is none."""
    try:
        kind, _, number = base64.urlsafe_b64decode(id + "=" * (-len(id) % 4)).decode().partition(":")
        return kind, int(number)
    except ValueError:
        return "", 0


def user(world: "World", one: Account) -> Json:
    """simple-user."""
    url = f"{world.url}/users/{one.login}"
    page = f"{world.web}/apps/{one.login.removesuffix('[bot]')}" if one.type == "Bot" else f"{world.web}/{one.login}"
    return {
        "login": one.login,
        "id": one.id,
        "node_id": node("User", one.id),
        "avatar_url": f"{world.web}/avatars/{one.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": page,
        **{name: url + path for name, path in _USER.items()},
        "type": one.type,
        "site_admin": False,
    }


def some_user(world: "World", one: Account | None) -> Json | None:
    return user(world, one) if one else None


def public_user(world: "World", one: Account) -> Json:
    """public-user."""
    return {
        **user(world, one),
        "name": one.name or None,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
    }


def organization(world: "World", one: Account) -> Json:
    """organization-simple."""
    url = f"{world.url}/orgs/{one.login}"
    return {
        "login": one.login,
        "id": one.id,
        "node_id": node("Organization", one.id),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{world.web}/avatars/{one.id}",
        "description": None,
    }


def short_repository(repo: Repo) -> Json:
    return {
        "id": repo.id,
        "node_id": node("Repository", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
    }


def minimal_repository(world: "World", repo: Repo) -> Json:
    """minimal-repository."""
    url = f"{world.url}/repos/{repo.full_name}"
    return {
        **short_repository(repo),
        "owner": user(world, repo.owner),
        "html_url": f"{world.web}/{repo.full_name}",
        "description": repo.description or None,
        "fork": repo.parent is not None,
        "url": url,
        **{name: url + path for name, path in _REPOSITORY.items()},
    }


def repository(world: "World", repo: Repo) -> Json:
    """repository, as it stands within other answers."""
    page = f"{world.web}/{repo.full_name}"
    host = world.web.partition("://")[2]
    open_issues = sum(one.state == "open" for one in repo.issues.values())
    return {
        **minimal_repository(world, repo),
        "git_url": f"git://{host}/{repo.full_name}.git",
        "ssh_url": f"git@{host}:{repo.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "forks_count": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "size": 1,
        "default_branch": repo.default_branch,
        "open_issues_count": open_issues,
        "is_template": False,
        "topics": [],
        "has_issues": repo.has_issues,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "archived": repo.archived,
        "disabled": repo.disabled,
        "visibility": "private" if repo.private else "public",
        "pushed_at": when(repo.created_at),
        "created_at": when(repo.created_at),
        "updated_at": when(repo.created_at),
        "license": None,
        "forks": 0,
        "open_issues": open_issues,
        "watchers": 0,
        "allow_forking": True,
        "web_commit_signoff_required": False,
    }


def rights(role: Role) -> Json:
    """What a role lets do."""
    names = ("none", "read", "triage", "write", "maintain", "admin")
    words = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
    return {word: names.index(role) >= names.index(need) for word, need in words.items()}


def full_repository(world: "World", repo: Repo, role: Role, *, settings: bool) -> Json:
    """full-repository; how it merges is said only to those who may write there."""
    found = {**repository(world, repo), "subscribers_count": 0, "network_count": 0, "permissions": rights(role)}
    if settings:
        found |= {
            "allow_merge_commit": repo.allow_merge_commit,
            "allow_squash_merge": repo.allow_squash_merge,
            "allow_rebase_merge": repo.allow_rebase_merge,
            "allow_auto_merge": repo.allow_auto_merge,
            "delete_branch_on_merge": repo.delete_branch_on_merge,
            "allow_update_branch": False,
            "use_squash_pr_title_as_default": False,
            "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
            "squash_merge_commit_message": "COMMIT_MESSAGES",
            "merge_commit_title": "MERGE_MESSAGE",
            "merge_commit_message": "PR_TITLE",
        }
    if repo.parent is not None:
        found["parent"] = found["source"] = repository(world, repo.parent)
    return found


def app(world: "World", one: App) -> Json:
    """integration."""
    return {
        "id": one.id,
        "slug": one.slug,
        "node_id": node("App", one.id),
        "client_id": one.client_id,
        "owner": user(world, one.owner),
        "name": one.name,
        "description": None,
        "external_url": "https://example.com",
        "html_url": f"{world.web}/apps/{one.slug}",
        "created_at": when(one.created_at),
        "updated_at": when(one.created_at),
        "permissions": one.permissions,
        "events": one.events,
    }


def some_app(world: "World", one: App | None) -> Json | None:
    return app(world, one) if one else None


def installation(world: "World", one: Installation) -> Json:
    """installation."""
    return {
        "id": one.id,
        "client_id": one.app.client_id,
        "account": user(world, one.account),
        "repository_selection": "all" if one.repositories is None else "selected",
        "access_tokens_url": f"{world.url}/app/installations/{one.id}/access_tokens",
        "repositories_url": f"{world.url}/installation/repositories",
        "html_url": f"{world.web}/settings/installations/{one.id}",
        "app_id": one.app.id,
        "app_slug": one.app.slug,
        "target_id": one.account.id,
        "target_type": one.account.type,
        "permissions": one.permissions,
        "events": one.app.events,
        "created_at": when(one.created_at),
        "updated_at": when(one.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": user(world, world.ghost) if one.suspended_at else None,
        "suspended_at": maybe(one.suspended_at),
    }


def token(world: "World", one: Token) -> Json:
    """installation-token."""
    assert one.expires_at is not None
    found: Json = {
        "token": one.value,
        "expires_at": when(one.expires_at),
        "permissions": {"metadata": "read", **one.permissions},
        "repository_selection": "all" if one.repositories is None else "selected",
    }
    if one.repositories is not None:
        found["repositories"] = [repository(world, world.repos[id]) for id in sorted(one.repositories)]
    return found
