"""Check runs, suites, statuses, workflow runs, artifacts and deployments as JSON, by GitHub's OpenAPI description."""

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from honk.testing.fake_github.records import (
    Artifact,
    CheckRun,
    Deployment,
    DeploymentStatus,
    Environment,
    Job,
    Json,
    Repo,
    Run,
    Status,
    Suite,
)
from honk.testing.fake_github.shapes import app, maybe, minimal_repository, node, user, when

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World


def _base(world: "World", repo: Repo) -> tuple[str, str]:
    return f"{world.url}/repos/{repo.full_name}", f"{world.web}/{repo.full_name}"


def pulls_at(world: "World", repo: Repo, sha: str) -> list[Json]:
    """pull-request-minimal of what is open at a commit."""

    def side(of: Repo, ref: str, at: str) -> Json:
        url = f"{world.url}/repos/{of.full_name}"
        return {"ref": ref, "sha": at, "repo": {"id": of.id, "url": url, "name": of.name}}

    found = []
    for issue in repo.pulls():
        pull = issue.pull
        if pull and issue.state == "open" and pull.head_sha == sha and pull.head_repo is repo:
            found.append(
                {
                    "id": pull.id,
                    "number": issue.number,
                    "url": f"{world.url}/repos/{repo.full_name}/pulls/{issue.number}",
                    "head": side(repo, pull.head_ref, pull.head_sha),
                    "base": side(repo, pull.base_ref, pull.base_sha),
                }
            )
    return found


def check_run(world: "World", repo: Repo, one: CheckRun) -> Json:
    """check-run."""
    base, page = _base(world, repo)
    url = f"{base}/check-runs/{one.id}"
    html = f"{page}/runs/{one.id}"
    return {
        "id": one.id,
        "name": one.name,
        "node_id": node("CheckRun", one.id),
        "head_sha": one.head_sha,
        "external_id": one.external_id,
        "url": url,
        "html_url": html,
        "details_url": one.details_url or html,
        "status": one.status,
        "conclusion": one.conclusion,
        "started_at": maybe(one.started_at),
        "completed_at": maybe(one.completed_at),
        "output": {
            "title": one.title,
            "summary": one.summary,
            "text": one.text,
            "annotations_count": len(one.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": one.suite.id},
        "app": app(world, one.app),
        "pull_requests": pulls_at(world, repo, one.head_sha),
    }


def annotation(world: "World", repo: Repo, one: Json, sha: str) -> Json:
    """check-annotation."""
    _, page = _base(world, repo)
    return {
        "path": one["path"],
        "start_line": one["start_line"],
        "end_line": one["end_line"],
        "start_column": one.get("start_column"),
        "end_column": one.get("end_column"),
        "annotation_level": one["annotation_level"],
        "title": one.get("title"),
        "message": one["message"],
        "raw_details": one.get("raw_details"),
        "blob_href": f"{page}/blob/{sha}/{one['path']}",
    }


def _simple_commit(repo: Repo, sha: str) -> Json:
    one = repo.bare.read_commit(sha)
    return {
        "id": sha,
        "tree_id": one.tree,
        "message": one.message.rstrip("\n"),
        "timestamp": when(one.committer.at.astimezone(UTC)),
        "author": {"name": one.author.name, "email": one.author.email},
        "committer": {"name": one.committer.name, "email": one.committer.email},
    }


def suite_state(repo: Repo, one: Suite) -> tuple[str, str | None, list[CheckRun]]:
    """Status and conclusion that a suite's runs give it."""
    runs = [each for each in repo.checks.values() if each.suite is one]
    if not runs:
        return "queued", None, runs
    if any(each.status != "completed" for each in runs):
        return ("queued" if all(each.status == "queued" for each in runs) else "in_progress"), None, runs
    order = ("action_required", "timed_out", "cancelled", "failure")
    conclusions = [each.conclusion or "neutral" for each in runs]
    bad = next((name for name in order if name in conclusions), None)
    return "completed", bad or ("success" if "success" in conclusions else conclusions[0]), runs


def check_suite(world: "World", repo: Repo, one: Suite) -> Json:
    """check-suite."""
    base, _ = _base(world, repo)
    url = f"{base}/check-suites/{one.id}"
    status, conclusion, runs = suite_state(repo, one)
    return {
        "id": one.id,
        "node_id": node("CheckSuite", one.id),
        "head_branch": one.head_branch,
        "head_sha": one.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": url,
        "before": None,
        "after": one.head_sha,
        "pull_requests": pulls_at(world, repo, one.head_sha),
        "app": app(world, one.app),
        "repository": minimal_repository(world, repo),
        "created_at": when(one.created_at),
        "updated_at": when(one.created_at),
        "head_commit": _simple_commit(repo, one.head_sha),
        "latest_check_runs_count": len(runs),
        "check_runs_url": f"{url}/check-runs",
    }


def status(world: "World", repo: Repo, one: Status) -> Json:
    """status."""
    base, _ = _base(world, repo)
    return {**_short_status(world, base, one), "creator": user(world, one.creator)}


def _short_status(world: "World", base: str, one: Status) -> Json:
    return {
        "url": f"{base}/statuses/{one.sha}",
        "avatar_url": f"{world.web}/avatars/{one.creator.id}",
        "id": one.id,
        "node_id": node("Status", one.id),
        "state": one.state,
        "description": one.description,
        "target_url": one.target_url,
        "context": one.context,
        "created_at": when(one.created_at),
        "updated_at": when(one.created_at),
    }


def combined(world: "World", repo: Repo, sha: str, shown: list[Status], total: list[Status]) -> Json:
    """combined-commit-status: failure, then pending, then success."""
    base, _ = _base(world, repo)
    states = {one.state for one in total}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    return {
        "state": state,
        "statuses": [_short_status(world, base, one) for one in shown],
        "sha": sha,
        "total_count": len(total),
        "repository": minimal_repository(world, repo),
        "commit_url": f"{base}/commits/{sha}",
        "url": f"{base}/commits/{sha}/status",
    }


def run(world: "World", repo: Repo, one: Run) -> Json:
    """workflow-run."""
    base, page = _base(world, repo)
    url = f"{base}/actions/runs/{one.id}"
    return {
        "id": one.id,
        "name": one.name,
        "node_id": node("WorkflowRun", one.id),
        "check_suite_id": one.suite.id,
        "check_suite_node_id": node("CheckSuite", one.suite.id),
        "head_branch": one.head_branch,
        "head_sha": one.head_sha,
        "path": one.path,
        "run_number": one.number,
        "run_attempt": one.attempt,
        "event": one.event,
        "display_title": one.title,
        "status": one.status,
        "conclusion": one.conclusion,
        "workflow_id": repo.workflows[one.path],
        "url": url,
        "html_url": f"{page}/actions/runs/{one.id}",
        "pull_requests": pulls_at(world, repo, one.head_sha),
        "created_at": when(one.created_at),
        "updated_at": when(one.updated_at),
        "run_started_at": when(one.created_at),
        "actor": user(world, one.actor),
        "triggering_actor": user(world, one.actor),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{base}/check-suites/{one.suite.id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": None,
        "workflow_url": f"{base}/actions/workflows/{repo.workflows[one.path]}",
        "head_commit": _simple_commit(repo, one.head_sha),
        "repository": minimal_repository(world, repo),
        "head_repository": minimal_repository(world, repo),
    }


def job(world: "World", repo: Repo, of: Run, one: Job) -> Json:
    """job."""
    base, page = _base(world, repo)
    started = one.check.started_at or of.created_at
    return {
        "id": one.id,
        "run_id": of.id,
        "run_url": f"{base}/actions/runs/{of.id}",
        "run_attempt": of.attempt,
        "node_id": node("Job", one.id),
        "head_sha": of.head_sha,
        "head_branch": of.head_branch,
        "url": f"{base}/actions/jobs/{one.id}",
        "html_url": f"{page}/actions/runs/{of.id}/job/{one.id}",
        "status": one.check.status,
        "conclusion": one.check.conclusion,
        "created_at": when(of.created_at),
        "started_at": when(started),
        "completed_at": maybe(one.check.completed_at),
        "name": one.name,
        "steps": one.steps,
        "check_run_url": f"{base}/check-runs/{one.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "runner-1",
        "runner_group_id": 1,
        "runner_group_name": "default",
        "workflow_name": of.name,
    }


def step(number: int, name: str, conclusion: str | None, started: str) -> Json:
    """A step of a job."""
    return {
        "name": name,
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "number": number,
        "started_at": started,
        "completed_at": started if conclusion else None,
    }


def artifact(world: "World", repo: Repo, of: Run, one: Artifact) -> Json:
    """artifact."""
    base, _ = _base(world, repo)
    url = f"{base}/actions/artifacts/{one.id}"
    return {
        "id": one.id,
        "node_id": node("Artifact", one.id),
        "name": one.name,
        "size_in_bytes": len(one.content),
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": one.expired,
        "created_at": when(one.created_at),
        "updated_at": when(one.created_at),
        "expires_at": when(one.created_at + timedelta(days=90)),
        "workflow_run": {
            "id": of.id,
            "repository_id": repo.id,
            "head_repository_id": repo.id,
            "head_branch": of.head_branch,
            "head_sha": of.head_sha,
        },
    }


def deployment(world: "World", repo: Repo, one: Deployment) -> Json:
    """deployment."""
    base, _ = _base(world, repo)
    url = f"{base}/deployments/{one.id}"
    last = one.statuses[-1].created_at if one.statuses else one.created_at
    return {
        "url": url,
        "id": one.id,
        "node_id": node("Deployment", one.id),
        "sha": one.sha,
        "ref": one.ref,
        "task": one.task,
        "payload": one.payload,
        "original_environment": one.environment,
        "environment": one.environment,
        "description": one.description,
        "creator": user(world, one.creator),
        "created_at": when(one.created_at),
        "updated_at": when(last),
        "statuses_url": f"{url}/statuses",
        "repository_url": base,
        "transient_environment": one.transient,
        "production_environment": one.production,
    }


def deployment_status(world: "World", repo: Repo, of: Deployment, one: DeploymentStatus) -> Json:
    """deployment-status."""
    base, _ = _base(world, repo)
    url = f"{base}/deployments/{of.id}"
    return {
        "url": f"{url}/statuses/{one.id}",
        "id": one.id,
        "node_id": node("DeploymentStatus", one.id),
        "state": one.state,
        "creator": user(world, one.creator),
        "description": one.description,
        "environment": one.environment or of.environment,
        "target_url": one.log_url,
        "log_url": one.log_url,
        "environment_url": one.environment_url,
        "created_at": when(one.created_at),
        "updated_at": when(one.created_at),
        "deployment_url": url,
        "repository_url": base,
    }


def environment(world: "World", repo: Repo, one: Environment) -> Json:
    """environment."""
    base, page = _base(world, repo)
    rules: list[Json] = []
    if one.wait_minutes:
        number = one.id * 10 + 1
        rules.append(
            {"id": number, "node_id": node("Gate", number), "type": "wait_timer", "wait_timer": one.wait_minutes}
        )
    if one.reviewers:
        number = one.id * 10 + 2
        reviewers = [{"type": "User", "reviewer": user(world, each)} for each in one.reviewers]
        rules.append(
            {
                "id": number,
                "node_id": node("Gate", number),
                "type": "required_reviewers",
                "prevent_self_review": False,
                "reviewers": reviewers,
            }
        )
    return {
        "id": one.id,
        "node_id": node("Environment", one.id),
        "name": one.name,
        "url": f"{base}/environments/{one.name}",
        "html_url": f"{page}/deployments/activity_log?environments_filter={one.name}",
        "created_at": when(one.created_at),
        "updated_at": when(one.created_at),
        "protection_rules": rules,
        "deployment_branch_policy": None,
    }


def workflow(world: "World", repo: Repo, path: str, name: str) -> Json:
    """workflow."""
    base, page = _base(world, repo)
    number = repo.workflows[path]
    return {
        "id": number,
        "node_id": node("Workflow", number),
        "name": name,
        "path": path,
        "state": "active",
        "created_at": when(repo.created_at),
        "updated_at": when(repo.created_at),
        "url": f"{base}/actions/workflows/{number}",
        "html_url": f"{page}/blob/{repo.default_branch}/{path}",
        "badge_url": f"{page}/workflows/{name}/badge.svg",
    }
