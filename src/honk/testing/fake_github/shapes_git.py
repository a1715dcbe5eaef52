"""Commits, branches, files, comparisons and rules as JSON, by GitHub's OpenAPI description."""

from typing import TYPE_CHECKING

from honk.testing.fake_github import mergeable
from honk.testing.fake_github.bare import Changed, Commit, Signature
from honk.testing.fake_github.records import Account, Json, Protection, Repo
from honk.testing.fake_github.shapes import node, user, when

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World


def _base(world: "World", repo: Repo) -> tuple[str, str]:
    return f"{world.url}/repos/{repo.full_name}", f"{world.web}/{repo.full_name}"


def _who(one: Signature) -> Json:
    from datetime import UTC

    return {"name": one.name, "email": one.email, "date": when(one.at.astimezone(UTC))}


def _account(world: "World", one: Signature) -> Account | None:
    return next((each for each in world.accounts.values() if each.email == one.email), None)


def verification(one: Commit) -> Json:
    """Whether a commit is signed by the forge; other signatures it does not know."""
    if one.verified:
        reason, at = "valid", when(one.committer.at)
    else:
        reason, at = ("unknown_key" if one.signature else "unsigned"), None
    return {
        "verified": one.verified,
        "reason": reason,
        "signature": one.signature or None,
        "payload": one.payload if one.signature else None,
        "verified_at": at,
    }


def git_commit(world: "World", repo: Repo, sha: str) -> Json:
    """git-commit."""
    base, page = _base(world, repo)
    one = repo.bare.read_commit(sha)
    return {
        "sha": sha,
        "node_id": node("Commit", int(sha[:12], 16)),
        "url": f"{base}/git/commits/{sha}",
        "html_url": f"{page}/commit/{sha}",
        "author": _who(one.author),
        "committer": _who(one.committer),
        "message": one.message.rstrip("\n"),
        "tree": {"sha": one.tree, "url": f"{base}/git/trees/{one.tree}"},
        "parents": [
            {"sha": each, "url": f"{base}/git/commits/{each}", "html_url": f"{page}/commit/{each}"}
            for each in one.parents
        ],
        "verification": verification(one),
    }


def commit(world: "World", repo: Repo, sha: str, *, files: bool = False) -> Json:
    """commit."""
    base, page = _base(world, repo)
    one = repo.bare.read_commit(sha)
    author, committer = _account(world, one.author), _account(world, one.committer)
    found: Json = {
        "sha": sha,
        "node_id": node("Commit", int(sha[:12], 16)),
        "url": f"{base}/commits/{sha}",
        "html_url": f"{page}/commit/{sha}",
        "comments_url": f"{base}/commits/{sha}/comments",
        "commit": {
            "url": f"{base}/git/commits/{sha}",
            "author": _who(one.author),
            "committer": _who(one.committer),
            "message": one.message.rstrip("\n"),
            "tree": {"sha": one.tree, "url": f"{base}/git/trees/{one.tree}"},
            "comment_count": 0,
            "verification": verification(one),
        },
        "author": user(world, author) if author else None,
        "committer": user(world, committer) if committer else None,
        "parents": [
            {"sha": each, "url": f"{base}/commits/{each}", "html_url": f"{page}/commit/{each}"} for each in one.parents
        ],
    }
    if files:
        changed = repo.bare.changes(one.parents[0] if one.parents else None, sha)
        added, removed = sum(each.additions for each in changed), sum(each.deletions for each in changed)
        found["stats"] = {"additions": added, "deletions": removed, "total": added + removed}
        found["files"] = [file(world, repo, each, sha) for each in changed]
    return found


def file(world: "World", repo: Repo, one: Changed, sha: str) -> Json:
    """diff-entry."""
    base, page = _base(world, repo)
    found: Json = {
        "sha": one.sha,
        "filename": one.path,
        "status": one.status,
        "additions": one.additions,
        "deletions": one.deletions,
        "changes": one.additions + one.deletions,
        "blob_url": f"{page}/blob/{sha}/{one.path}",
        "raw_url": f"{page}/raw/{sha}/{one.path}",
        "contents_url": f"{base}/contents/{one.path}?ref={sha}",
    }
    if one.patch is not None:
        found["patch"] = one.patch
    if one.previous:
        found["previous_filename"] = one.previous
    return found


def ref(world: "World", repo: Repo, name: str, sha: str) -> Json:
    """git-ref."""
    base, _ = _base(world, repo)
    kind = repo.bare.kind(sha) or "commit"
    return {
        "ref": name,
        "node_id": node(f"Ref {name}", repo.id),
        "url": f"{base}/git/{name}",
        "object": {"sha": sha, "type": kind, "url": f"{base}/git/{kind}s/{sha}"},
    }


def is_protected(repo: Repo, name: str) -> bool:
    return bool(mergeable.rules(repo, name))


def branch(world: "World", repo: Repo, name: str, sha: str) -> Json:
    """branch-with-protection."""
    base, page = _base(world, repo)
    classic = repo.protections.get(name)
    checks = _checks(classic) if classic else {"enforcement_level": "off", "contexts": [], "checks": []}
    return {
        "name": name,
        "commit": commit(world, repo, sha),
        "_links": {"self": f"{base}/branches/{name}", "html": f"{page}/tree/{name}"},
        "protected": is_protected(repo, name),
        "protection": {"enabled": classic is not None, "required_status_checks": checks},
        "protection_url": f"{base}/branches/{name}/protection",
    }


def short_branch(world: "World", repo: Repo, name: str, sha: str) -> Json:
    """short-branch."""
    base, _ = _base(world, repo)
    return {
        "name": name,
        "commit": {"sha": sha, "url": f"{base}/commits/{sha}"},
        "protected": is_protected(repo, name),
    }


def _checks(rule: Protection) -> Json:
    return {
        "enforcement_level": "non_admins" if rule.checks else "off",
        "contexts": rule.checks,
        "checks": [{"context": one, "app_id": rule.check_apps.get(one)} for one in rule.checks],
    }


def status_check_policy(world: "World", repo: Repo, name: str, rule: Protection) -> Json:
    """status-check-policy."""
    url = f"{world.url}/repos/{repo.full_name}/branches/{name}/protection/required_status_checks"
    found = _checks(rule)
    del found["enforcement_level"]
    return {"url": url, "strict": rule.strict, **found, "contexts_url": f"{url}/contexts"}


def protection(world: "World", repo: Repo, name: str, rule: Protection) -> Json:
    """branch-protection."""
    url = f"{world.url}/repos/{repo.full_name}/branches/{name}/protection"
    found: Json = {
        "url": url,
        "required_signatures": {"url": f"{url}/required_signatures", "enabled": rule.signatures},
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": True},
        "required_linear_history": {"enabled": rule.linear},
        "allow_force_pushes": {"enabled": False},
        "allow_deletions": {"enabled": False},
        "lock_branch": {"enabled": rule.locked},
    }
    if rule.checks:
        found["required_status_checks"] = status_check_policy(world, repo, name, rule)
    if rule.reviews or rule.pull_request:
        found["required_pull_request_reviews"] = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": rule.dismiss_stale,
            "require_code_owner_reviews": rule.code_owners,
            "required_approving_review_count": rule.reviews,
        }
    return found


def rules(repo: Repo, name: str) -> list[Json]:
    """repository-rule-detailed, of the rulesets of a branch; classic protection is not among them."""
    found: list[Json] = []
    for rule in repo.rulesets.get(name, []):
        for each in _rules(rule):
            found.append(
                {
                    **each,
                    "ruleset_source_type": "Repository",
                    "ruleset_source": repo.full_name,
                    "ruleset_id": rule.ruleset,
                }
            )
    return found


def _rules(rule: Protection) -> list[Json]:
    found: list[Json] = []
    if rule.checks:
        checks = [
            {"context": one, **({"integration_id": rule.check_apps[one]} if one in rule.check_apps else {})}
            for one in rule.checks
        ]
        parameters: Json = {
            "required_status_checks": checks,
            "strict_required_status_checks_policy": rule.strict,
            "do_not_enforce_on_create": False,
        }
        found.append({"type": "required_status_checks", "parameters": parameters})
    if rule.reviews or rule.pull_request:
        parameters = {
            "required_approving_review_count": rule.reviews,
            "dismiss_stale_reviews_on_push": rule.dismiss_stale,
            "require_code_owner_review": rule.code_owners,
            "require_last_push_approval": False,
            "required_review_thread_resolution": False,
            "allowed_merge_methods": ["merge", "squash", "rebase"],
        }
        found.append({"type": "pull_request", "parameters": parameters})
    flags = {"required_signatures": rule.signatures, "required_linear_history": rule.linear}
    found += [{"type": name} for name, on in flags.items() if on]
    if rule.deployments:
        parameters = {"required_deployment_environments": rule.deployments}
        found.append({"type": "required_deployments", "parameters": parameters})
    if rule.locked:
        found.append({"type": "update"})
    if rule.queue:
        found.append({"type": "merge_queue", "parameters": _queue(rule)})
    return found


def _queue(rule: Protection) -> Json:
    return {
        "check_response_timeout_minutes": 60,
        "grouping_strategy": "ALLGREEN",
        "max_entries_to_build": 5,
        "max_entries_to_merge": 5,
        "merge_method": rule.queue.upper(),
        "min_entries_to_merge": 1,
        "min_entries_to_merge_wait_minutes": 5,
    }
