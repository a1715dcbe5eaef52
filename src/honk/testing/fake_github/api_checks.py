"""Check runs, check suites and commit statuses.

By https://docs.github.com/en/rest/checks and https://docs.github.com/en/rest/commits/statuses.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from honk.testing.fake_github import merging, shapes_checks, shapes_git
from honk.testing.fake_github.records import Account, App, CheckRun, Json, Repo, Status, Suite
from honk.testing.fake_github.wire import Call, Refused, Reply, Route, absent, malformed, paged

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out")
STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
_STATES = ("error", "failure", "pending", "success")
_LEVELS = ("notice", "warning", "failure")


def suite_of(world: "World", repo: Repo, app: App, sha: str, branch: str | None = None) -> Suite:
    """The suite of an app at a commit; made where there is none."""
    for one in repo.suites.values():
        if one.app is app and one.head_sha == sha:
            return one
    if branch is None:
        tips = repo.bare.refs().items()
        branch = next((name.removeprefix("refs/heads/") for name, tip in tips if tip == sha), None)
    made = Suite(world.number(), sha, branch, app, world.now())
    repo.suites[made.id] = made
    return made


def add_check(
    world: "World", repo: Repo, app: App, sha: str, name: str, *, by: Account | None = None, **more: Any
) -> CheckRun:
    """A check run of an app; `more` are fields of CheckRun."""
    suite = more.pop("suite", None) or suite_of(world, repo, app, sha)
    made = CheckRun(more.pop("id", 0) or world.number(), name, sha, suite, app, **more)
    if made.conclusion:
        made.status = "completed"
    _stamp(world, made)
    repo.checks[made.id] = made
    check_event(world, repo, made, "created", by or app.bot)
    if made.status == "completed":
        completed(world, repo, made, by or app.bot)
    return made


def _stamp(world: "World", one: CheckRun) -> None:
    if one.started_at is None:
        one.started_at = world.now()
    if one.status == "completed" and one.completed_at is None:
        one.completed_at = world.now()
    if one.status != "completed":
        one.completed_at, one.conclusion = None, None


def check_event(world: "World", repo: Repo, one: CheckRun, action: str, by: Account) -> None:
    shown = shapes_checks.check_run(world, repo, one)
    shown["check_suite"] = shapes_checks.check_suite(world, repo, one.suite)
    world.hooks.emit(repo, "check_run", {"action": action, "check_run": shown}, by)


def completed(world: "World", repo: Repo, one: CheckRun, by: Account) -> None:
    """A run ended: its suite may have too, and something may be merged now."""
    check_event(world, repo, one, "completed", by)
    if shapes_checks.suite_state(repo, one.suite)[0] == "completed":
        shown = shapes_checks.check_suite(world, repo, one.suite)
        world.hooks.emit(repo, "check_suite", {"action": "completed", "check_suite": shown}, by)
    merging.settle(world, repo)


def update_check(world: "World", repo: Repo, one: CheckRun, changes: Json, by: Account | None = None) -> None:
    """Changes fields of CheckRun."""
    was = one.status
    for name, value in changes.items():
        setattr(one, name, value)
    if changes.get("conclusion"):
        one.status = "completed"
    _stamp(world, one)
    if one.status == "completed" and (was != "completed" or changes.get("conclusion")):
        completed(world, repo, one, by or one.app.bot)


def _fields(call: Call) -> Json:
    body = call.json()
    changes: Json = {}
    for name in ("external_id", "details_url", "name"):
        if name in body:
            changes[name] = call.text(name)
    if status := call.choice("status", STATUSES):
        changes["status"] = status
    if conclusion := call.choice("conclusion", CONCLUSIONS):
        changes["conclusion"] = conclusion
    elif status == "completed":
        raise malformed('"conclusion" wasn\'t supplied.')
    for name in ("started_at", "completed_at"):
        if name in body:
            changes[name] = datetime.fromisoformat(call.text(name).replace("Z", "+00:00"))
    return changes


def _output(call: Call, one: CheckRun | None) -> Json:
    output = call.given("output", dict)
    if output is None:
        return {}
    if "summary" not in output or (one is None and "title" not in output):
        raise malformed('"title" and "summary" weren\'t supplied.')
    for name in ("summary", "text"):
        if len(output.get(name) or "") > 65535:
            raise malformed(f"output.{name} is longer than 65535 characters")
    given = output.get("annotations") or []
    if len(given) > 50:
        raise malformed("No more than 50 annotations are allowed in one request.")
    for each in given:
        missing = {"path", "start_line", "end_line", "annotation_level", "message"} - set(each)
        if missing or each["annotation_level"] not in _LEVELS:
            raise malformed(f"an annotation is wrong: {sorted(missing) or each['annotation_level']}")
    changes = {name: output[name] for name in ("title", "summary", "text") if name in output}
    return {**changes, "annotations": [*(one.annotations if one else []), *given]}


def create(call: Call) -> Reply:
    name, sha = call.text("name", needed=True), call.text("head_sha", needed=True)
    if call.repo.bare.kind(sha) != "commit":
        raise Refused(422, "No commit found for SHA: " + sha)
    fields = {**_fields(call), **_output(call, None)}
    fields.pop("name", None)
    app = call.who.app
    assert app is not None
    actions = call.given("actions", list, otherwise=[])
    if len(actions) > 3:
        raise malformed("No more than 3 actions are allowed.")
    made = add_check(call.world, call.repo, app, sha, name, actions=actions, **fields)
    return Reply(201, shapes_checks.check_run(call.world, call.repo, made))


def _run(call: Call) -> CheckRun:
    found = call.repo.checks.get(call.number("id"))
    if found is None:
        raise absent()
    return found


def get(call: Call) -> Reply:
    return Reply(body=shapes_checks.check_run(call.world, call.repo, _run(call)))


def update(call: Call) -> Reply:
    one = _run(call)
    if one.app is not call.who.app:
        raise Refused(
            403, f"Invalid app_id `{one.app.id}` - check run can only be modified by the GitHub App that created it."
        )
    update_check(call.world, call.repo, one, {**_fields(call), **_output(call, one)})
    return Reply(body=shapes_checks.check_run(call.world, call.repo, one))


def annotations(call: Call) -> Reply:
    one = _run(call)
    return paged(one.annotations, lambda each: shapes_checks.annotation(call.world, call.repo, each, one.head_sha))


def _sha(call: Call) -> str:
    found = call.repo.bare.resolve(call.params["ref"])
    if found is None:
        raise Refused(422, f"No commit found for SHA: {call.params['ref']}")
    return found


def runs(call: Call) -> Reply:
    """The latest of each name in each suite, unless all are asked for."""
    sha = _sha(call)
    return _runs(call, [one for one in call.repo.checks.values() if one.head_sha == sha])


def runs_of_suite(call: Call) -> Reply:
    suite = call.repo.suites.get(call.number("id"))
    if suite is None:
        raise absent()
    return _runs(call, [one for one in call.repo.checks.values() if one.suite is suite])


def _runs(call: Call, found: list[CheckRun]) -> Reply:
    query = call.query
    if query.get("filter", "latest") == "latest":
        found = list({(one.name, one.suite.id): one for one in found}.values())
    if "check_name" in query:
        found = [one for one in found if one.name == query["check_name"]]
    if "status" in query:
        found = [one for one in found if one.status == query["status"]]
    if "app_id" in query:
        found = [one for one in found if str(one.app.id) == query["app_id"]]
    found.sort(key=lambda one: one.id, reverse=True)
    return paged(found, lambda one: shapes_checks.check_run(call.world, call.repo, one), "check_runs")


def suites(call: Call) -> Reply:
    sha = _sha(call)
    found = [one for one in call.repo.suites.values() if one.head_sha == sha]
    if "app_id" in call.query:
        found = [one for one in found if str(one.app.id) == call.query["app_id"]]
    return paged(found, lambda one: shapes_checks.check_suite(call.world, call.repo, one), "check_suites")


def get_suite(call: Call) -> Reply:
    suite = call.repo.suites.get(call.number("id"))
    if suite is None:
        raise absent()
    return Reply(body=shapes_checks.check_suite(call.world, call.repo, suite))


def rerequest(call: Call) -> Reply:
    one = _run(call)
    if one.app is not call.who.app and one.app is not call.world.actions:
        raise Refused(403, "This check run is not rerequestable")
    check_event(call.world, call.repo, one, "rerequested", call.who.person)
    return Reply(201, {})


# statuses


def add_status(  # noqa: PLR0913 - what a status has
    world: "World", repo: Repo, sha: str, context: str, state: str, *, by: Account, description: str | None = None,
    target_url: str | None = None,
) -> Status:  # fmt: skip
    """A commit status."""
    made = Status(world.number(), sha, context, state, by, world.now(), description, target_url)
    repo.statuses.append(made)
    payload = {
        **shapes_checks.status(world, repo, made),
        "sha": sha,
        "name": repo.full_name,
        "commit": shapes_git.commit(world, repo, sha),
        "branches": [
            shapes_git.short_branch(world, repo, name.removeprefix("refs/heads/"), tip)
            for name, tip in repo.bare.refs().items()
            if tip == sha
        ],
    }
    world.hooks.emit(repo, "status", payload, by)
    merging.settle(world, repo)
    return made


def create_status(call: Call) -> Reply:
    sha = call.params["sha"]
    if call.repo.bare.kind(sha) != "commit":
        raise Refused(422, f"No commit found for SHA: {sha}")
    description = call.given("description", str)
    if description and len(description) > 140:
        error = {"resource": "Status", "code": "custom", "field": "description"}
        words = "description is too long (maximum is 140 characters)"
        raise Refused(422, "Validation Failed", errors=[{**error, "message": words}])
    made = add_status(
        call.world,
        call.repo,
        sha,
        call.text("context", otherwise="default"),
        call.choice("state", _STATES, needed=True),
        by=call.who.person,
        description=description,
        target_url=call.given("target_url", str),
    )
    return Reply(201, shapes_checks.status(call.world, call.repo, made))


def list_statuses(call: Call) -> Reply:
    sha = _sha(call)
    found = [one for one in reversed(call.repo.statuses) if one.sha == sha]
    return paged(found, lambda one: shapes_checks.status(call.world, call.repo, one))


def combined(call: Call) -> Reply:
    sha = _sha(call)
    latest = list({one.context: one for one in call.repo.statuses if one.sha == sha}.values())
    size, page = int(call.query.get("per_page", "30")), int(call.query.get("page", "1"))
    shown = latest[(page - 1) * size : page * size]
    return Reply(body=shapes_checks.combined(call.world, call.repo, sha, shown, latest))


_R = "/repos/{owner}/{repo}"
_C, _S, _REF = f"{_R}/check-runs/{{id}}", f"{_R}/check-suites/{{id}}", f"{_R}/commits/{{ref*}}"
_READ, _WRITE = ("checks:read",), ("checks:write",)
ROUTES = [
    Route("POST", f"{_R}/check-runs", create, _WRITE, only=("installation",), role="write"),
    Route("GET", _C, get, _READ),
    Route("PATCH", _C, update, _WRITE, only=("installation",), role="write"),
    Route("GET", f"{_C}/annotations", annotations, _READ),
    Route("POST", f"{_C}/rerequest", rerequest, _WRITE, only=("installation", "user"), role="write"),
    Route("GET", _S, get_suite, _READ),
    Route("GET", f"{_S}/check-runs", runs_of_suite, _READ),
    Route("GET", f"{_REF}/check-runs", runs, _READ),
    Route("GET", f"{_REF}/check-suites", suites, _READ),
    Route("POST", f"{_R}/statuses/{{sha}}", create_status, ("statuses:write",), role="write"),
    Route("GET", f"{_REF}/statuses", list_statuses, ("statuses:read",)),
    Route("GET", f"{_REF}/status", combined, ("statuses:read",)),
]
