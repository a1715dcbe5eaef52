"""Deployments and their statuses as they come about. By https://docs.github.com/en/rest/deployments."""

from typing import TYPE_CHECKING, Any

from honk.testing.fake_github import shapes_checks
from honk.testing.fake_github.records import Account, Deployment, DeploymentStatus, Environment, Repo

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World


def known(world: "World", repo: Repo, name: str) -> Environment:
    """An environment; made where there is none."""
    found = repo.environments.get(name)
    if found is None:
        found = repo.environments[name] = Environment(world.number(), name, world.now())
    return found


def create(world: "World", repo: Repo, by: Account, *, sha: str, ref: str, environment: str, **more: Any) -> Deployment:
    """A deployment; `more` are fields of Deployment."""
    known(world, repo, environment)
    more.setdefault("task", "deploy")
    production = more.pop("production", environment == "production")
    made = Deployment(
        world.number(), sha, ref, more.pop("task"), environment, by, world.now(), production=production, **more
    )
    repo.deployments[made.id] = made
    payload = {
        "action": "created",
        "deployment": shapes_checks.deployment(world, repo, made),
        "workflow": None,
        "workflow_run": None,
    }
    world.hooks.emit(repo, "deployment", payload, by)
    return made


def add_status(
    world: "World", repo: Repo, one: Deployment, state: str, *, by: Account, inactive: bool = True, **more: Any
) -> DeploymentStatus:
    """How far it has come; `more` are fields of DeploymentStatus."""
    made = DeploymentStatus(world.number(), state, by, world.now(), **more)
    made.environment = made.environment or one.environment
    one.statuses.append(made)
    tell(world, repo, one, made, by)
    if state == "success" and inactive:
        for other in repo.deployments.values():
            same = other is not one and other.environment == one.environment and not other.transient
            if same and other.id < one.id and other.statuses and other.statuses[-1].state == "success":
                add_status(world, repo, other, "inactive", by=by, inactive=False)
    return made


def tell(world: "World", repo: Repo, one: Deployment, status: DeploymentStatus, by: Account) -> None:
    """A `deployment_status` event."""
    payload = {
        "action": "created",
        "deployment": shapes_checks.deployment(world, repo, one),
        "deployment_status": shapes_checks.deployment_status(world, repo, one, status),
        "check_run": None,
        "workflow": None,
        "workflow_run": None,
    }
    world.hooks.emit(repo, "deployment_status", payload, by)
