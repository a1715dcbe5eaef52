"""Deployments, their statuses, and environments. By https://docs.github.com/en/rest/deployments."""

from honk.testing.fake_github import deploying, heads, mergeable, shapes_checks
from honk.testing.fake_github.records import Deployment
from honk.testing.fake_github.wire import Call, Refused, Reply, Route, absent, malformed, paged

_STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")


def _one(call: Call) -> Deployment:
    found = call.repo.deployments.get(call.number("id"))
    if found is None:
        raise absent()
    return found


def deployments(call: Call) -> Reply:
    found = list(reversed(call.repo.deployments.values()))
    for name in ("sha", "ref", "task", "environment"):
        if name in call.query:
            found = [one for one in found if getattr(one, name) == call.query[name]]
    return paged(found, lambda one: shapes_checks.deployment(call.world, call.repo, one))


def get(call: Call) -> Reply:
    return Reply(body=shapes_checks.deployment(call.world, call.repo, _one(call)))


def create(call: Call) -> Reply:
    """409 where a check has not passed, or the default branch cannot be merged in; 202 where it was merged in."""
    repo, ref = call.repo, call.text("ref", needed=True)
    sha = repo.bare.resolve(ref.removeprefix("refs/heads/"))
    if sha is None:
        raise Refused(422, f"No ref found for: {ref}")
    if call.given("auto_merge", bool, otherwise=True) and repo.bare.branch(ref):
        merged = _merge_default(call, ref, sha)
        if merged is not None:
            return merged
    _contexts(call, ref, sha)
    environment = call.text("environment", otherwise="production")
    description = call.given("description", str)
    if description and len(description) > 140:
        raise malformed("description is longer than 140 characters")
    made = deploying.create(
        call.world,
        repo,
        call.who.person,
        sha=sha,
        ref=ref,
        environment=environment,
        task=call.text("task", otherwise="deploy"),
        payload=call.given("payload", dict, str, otherwise={}),
        description=description,
        transient=call.given("transient_environment", bool, otherwise=False),
        production=call.given("production_environment", bool, otherwise=environment == "production"),
    )
    return Reply(201, shapes_checks.deployment(call.world, repo, made))


def _merge_default(call: Call, ref: str, sha: str) -> Reply | None:
    repo = call.repo
    tip = repo.bare.branch(repo.default_branch)
    if tip is None or repo.bare.contains(sha, tip):
        return None
    tree = repo.bare.merged_tree(sha, tip)
    if tree is None:
        raise Refused(409, f"Conflict merging {repo.default_branch} into {ref}.")
    who = call.world.signature(call.who.person)
    made = repo.bare.commit(tree, [sha, tip], f"Merge {repo.default_branch} into {ref}", who, signed=True)
    repo.bare.set_ref(f"refs/heads/{ref}", made, sha)
    heads.settle(call.world, repo, call.who.person)
    return Reply(202, {"message": f"Auto-merged {repo.default_branch} into {ref} on deployment."})


def _contexts(call: Call, ref: str, sha: str) -> None:
    there = mergeable.contexts(call.repo, sha)
    wanted = call.given("required_contexts", list, otherwise=None)
    names = [one.name for one in there] if wanted is None else wanted
    results = [
        {"context": name, "state": next((one.result for one in there if one.name == name), "pending")} for name in names
    ]
    bad = [one for one in results if one["state"] not in mergeable.PASSING]
    if bad:
        error = {"contexts": results, "resource": "Deployment", "field": "required_contexts", "code": "invalid"}
        raise Refused(409, f"Conflict: Commit status checks failed for {ref}.", errors=[error])


def statuses(call: Call) -> Reply:
    one = _one(call)
    found = list(reversed(one.statuses))
    return paged(found, lambda each: shapes_checks.deployment_status(call.world, call.repo, one, each))


def get_status(call: Call) -> Reply:
    one = _one(call)
    for each in one.statuses:
        if each.id == call.number("status"):
            return Reply(body=shapes_checks.deployment_status(call.world, call.repo, one, each))
    raise absent()


def create_status(call: Call) -> Reply:
    one = _one(call)
    description = call.text("description")
    if len(description) > 140:
        raise malformed("description is longer than 140 characters")
    made = deploying.add_status(
        call.world,
        call.repo,
        one,
        call.choice("state", _STATES, needed=True),
        by=call.who.person,
        inactive=call.given("auto_inactive", bool, otherwise=True),
        description=description,
        log_url=call.text("log_url", otherwise=call.text("target_url")),
        environment_url=call.text("environment_url"),
        environment=call.text("environment"),
    )
    return Reply(201, shapes_checks.deployment_status(call.world, call.repo, one, made))


def environments(call: Call) -> Reply:
    found = list(call.repo.environments.values())
    return paged(found, lambda one: shapes_checks.environment(call.world, call.repo, one), "environments")


def environment(call: Call) -> Reply:
    found = call.repo.environments.get(call.params["name"])
    if found is None:
        raise absent()
    return Reply(body=shapes_checks.environment(call.world, call.repo, found))


_R = "/repos/{owner}/{repo}"
_D = f"{_R}/deployments/{{id}}"
_READ, _WRITE = ("deployments:read",), ("deployments:write",)
ROUTES = [
    Route("GET", f"{_R}/deployments", deployments, _READ),
    Route("POST", f"{_R}/deployments", create, _WRITE, role="write"),
    Route("GET", _D, get, _READ),
    Route("GET", f"{_D}/statuses", statuses, _READ),
    Route("POST", f"{_D}/statuses", create_status, _WRITE, role="write"),
    Route("GET", f"{_D}/statuses/{{status}}", get_status, _READ),
    Route("GET", f"{_R}/environments", environments, ("actions:read", "environments:read")),
    Route("GET", f"{_R}/environments/{{name}}", environment, ("actions:read", "environments:read")),
]
