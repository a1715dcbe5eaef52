"""Workflows, runs, jobs, logs and artifacts. By https://docs.github.com/en/rest/actions."""

import io
import zipfile
from typing import Any

from honk.testing.fake_github import actions, deploying, shapes, shapes_checks
from honk.testing.fake_github.records import Artifact, Job, Json, Repo, Run
from honk.testing.fake_github.wire import Call, Refused, Reply, Route, absent, malformed, paged

_FOLDER = ".github/workflows/"


def _run(call: Call) -> Run:
    found = call.repo.runs.get(call.number("run"))
    if found is None:
        raise absent()
    return found


def runs(call: Call) -> Reply:
    return _runs(call, list(call.repo.runs.values()))


def _runs(call: Call, found: list[Run]) -> Reply:
    query = call.query
    for name, key in (("head_sha", "head_sha"), ("branch", "head_branch"), ("event", "event")):
        if name in query:
            found = [one for one in found if getattr(one, key) == query[name]]
    if "status" in query:
        found = [one for one in found if query["status"] in (one.status, one.conclusion)]
    if "created" in query:
        words = query["created"].removeprefix(">=")
        found = [one for one in found if shapes.when(one.created_at) >= words]
    if "actor" in query:
        found = [one for one in found if one.actor.login == query["actor"]]
    found = sorted(found, key=lambda one: one.id, reverse=True)
    return paged(found, lambda one: shapes_checks.run(call.world, call.repo, one), "workflow_runs")


def get_run(call: Call) -> Reply:
    return Reply(body=shapes_checks.run(call.world, call.repo, _run(call)))


def jobs(call: Call) -> Reply:
    run = _run(call)
    return paged(run.jobs, lambda one: shapes_checks.job(call.world, call.repo, run, one), "jobs")


def _job(call: Call) -> tuple[Run, Job]:
    for run in call.repo.runs.values():
        for job in run.jobs:
            if job.id == call.number("job"):
                return run, job
    raise absent()


def get_job(call: Call) -> Reply:
    return Reply(body=shapes_checks.job(call.world, call.repo, *_job(call)))


def job_log(call: Call) -> Reply:
    """Where the log can be had as text, for a minute; there is none before the job has ended."""
    _, job = _job(call)
    if job.check.status != "completed":
        raise absent()
    where = actions.signed(call.world, "text/plain", job.log.encode())
    return Reply(302, headers={"Location": where})


def run_logs(call: Call) -> Reply:
    run, buffer = _run(call), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, job in enumerate(run.jobs):
            archive.writestr(f"{number}_{job.name}.txt", job.log)
    return Reply(302, headers={"Location": actions.signed(call.world, "application/zip", buffer.getvalue())})


def _artifacts(repo: Repo) -> list[tuple[Run, Artifact]]:
    return [(run, one) for run in repo.runs.values() for one in run.artifacts]


def _shown(call: Call, found: list[tuple[Run, Artifact]]) -> Reply:
    if "name" in call.query:
        found = [pair for pair in found if pair[1].name == call.query["name"]]
    found = sorted(found, key=lambda pair: pair[1].id, reverse=True)
    return paged(found, lambda pair: shapes_checks.artifact(call.world, call.repo, *pair), "artifacts")


def artifacts(call: Call) -> Reply:
    return _shown(call, _artifacts(call.repo))


def run_artifacts(call: Call) -> Reply:
    run = _run(call)
    return _shown(call, [(run, one) for one in run.artifacts])


def _artifact(call: Call) -> tuple[Run, Artifact]:
    for run, one in _artifacts(call.repo):
        if one.id == call.number("artifact"):
            return run, one
    raise absent()


def get_artifact(call: Call) -> Reply:
    return Reply(body=shapes_checks.artifact(call.world, call.repo, *_artifact(call)))


def artifact_zip(call: Call) -> Reply:
    _, one = _artifact(call)
    if call.params["format"] != "zip":
        raise absent()
    if one.expired:
        raise Refused(410, "Artifact has expired")
    return Reply(302, headers={"Location": actions.signed(call.world, "application/zip", one.content)})


# workflows


def _paths(call: Call) -> list[str]:
    """The workflows of the default branch."""
    tip = call.repo.bare.branch(call.repo.default_branch)
    there = call.repo.bare.entries(f"{tip}:{_FOLDER[:-1]}") if tip and call.repo.bare.at(tip, _FOLDER[:-1]) else []
    found = [_FOLDER + one[3] for one in there if one[3].endswith((".yml", ".yaml"))]
    for one in found:
        actions.workflow(call.world, call.repo, one)
    return found


def _workflow(call: Call) -> str:
    wanted = call.params["workflow"]
    for path in _paths(call):
        if wanted in (str(call.repo.workflows[path]), path.rpartition("/")[2]):
            return path
    raise absent()


def _shape(call: Call, path: str) -> Json:
    tip = call.repo.bare.branch(call.repo.default_branch) or ""
    return shapes_checks.workflow(call.world, call.repo, path, actions.name_of(call.repo, tip, path))


def workflows(call: Call) -> Reply:
    return paged(_paths(call), lambda one: _shape(call, one), "workflows")


def get_workflow(call: Call) -> Reply:
    return Reply(body=_shape(call, _workflow(call)))


def workflow_runs(call: Call) -> Reply:
    path = _workflow(call)
    return _runs(call, [one for one in call.repo.runs.values() if one.path == path])


def dispatch(call: Call) -> Reply:
    """204, or 200 with the run's id where that is asked for."""
    path, ref = _workflow(call), call.text("ref", needed=True)
    inputs = call.given("inputs", dict, otherwise={})
    repo = call.repo
    name = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    sha = repo.bare.branch(name) or repo.bare.ref(f"refs/tags/{name}")
    if sha is None:
        raise Refused(422, f"No ref found for: {ref}")
    commit = repo.bare.peel(sha) or sha
    there = repo.bare.at(commit, path)
    text = repo.bare.blob(there[2]).decode("utf-8", "replace") if there else ""
    if "workflow_dispatch" not in text:
        raise Refused(422, "Workflow does not have 'workflow_dispatch' trigger")
    _check_inputs(text, inputs)
    run = actions.start(
        call.world,
        repo,
        path,
        branch=name,
        sha=commit,
        by=call.who.person,
        event="workflow_dispatch",
        inputs=inputs,
    )
    if not call.given("return_run_details", bool, otherwise=False):
        return Reply(204)
    shown = shapes_checks.run(call.world, repo, run)
    return Reply(200, {"workflow_run_id": run.id, "run_url": shown["url"], "html_url": shown["html_url"]})


def _check_inputs(text: str, inputs: Json) -> None:
    if len(inputs) > 25:
        raise malformed("inputs may not have more than 25 properties")
    known = declared(text)
    extra = [one for one in inputs if one not in known]
    if extra:
        raise Refused(422, f"Unexpected inputs provided: {extra}")
    for name, body in known.items():
        if "required: true" in body and "default:" not in body and name not in inputs:
            raise Refused(422, f"Required input '{name}' not provided")


def declared(text: str) -> dict[str, str]:
    """The inputs of workflow_dispatch, by indentation: their names and what is said of each."""
    found: dict[str, str] = {}
    inside, name, depth, child = False, "", -1, -1
    after = text.partition("workflow_dispatch")[2].splitlines()[1:]
    for line in after:
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if line.strip() == "inputs:" and not inside:
            inside, depth = True, indent
        elif inside and indent <= depth:
            break
        elif inside and line.rstrip().endswith(":") and (not found or indent == child):
            child, name = indent, line.strip()[:-1]
            found[name] = ""
        elif name:
            found[name] += line.strip() + "\n"
        elif not inside and indent == 0:
            break
    return found


# what people decide


def rerun(call: Call) -> Reply:
    run = _run(call)
    if run.status != "completed":
        raise Refused(403, "This workflow is already running")
    actions.again(call.world, call.repo, run, failed_only=call.path.endswith("failed-jobs"))
    return Reply(201, {})


def cancel(call: Call) -> Reply:
    run = _run(call)
    if run.status == "completed":
        raise Refused(409, "Cannot cancel a workflow run that is completed.")
    actions.finish(call.world, call.repo, run, "cancelled")
    return Reply(202, {})


def pending(call: Call) -> Reply:
    found = []
    for name in _run(call).waits_for:
        one = deploying.known(call.world, call.repo, name)
        shown = shapes_checks.environment(call.world, call.repo, one)
        reviewers = [{"type": "User", "reviewer": shapes.user(call.world, each)} for each in one.reviewers]
        found.append(
            {
                "environment": {key: shown[key] for key in ("id", "node_id", "name", "url", "html_url")},
                "wait_timer": one.wait_minutes,
                "wait_timer_started_at": None,
                "current_user_can_approve": call.who.account in one.reviewers,
                "reviewers": reviewers,
            }
        )
    return Reply(body=found)


def decide(call: Call) -> Reply:
    run, state = _run(call), call.choice("state", ("approved", "rejected"), needed=True)
    call.text("comment", needed=True)
    ids: list[Any] = call.given("environment_ids", list, needed=True)
    there = [one for one in call.repo.environments.values() if one.id in ids and one.name in run.waits_for]
    if len(there) != len(ids):
        raise Refused(422, "There are no pending deployment requests to approve or reject")
    if any(one.reviewers and call.who.account not in one.reviewers for one in there):
        raise Refused(422, "You are not one of the required reviewers")
    names = [one.name for one in there]
    actions.decide(call.world, call.repo, run, names, state == "approved")
    found = [one for one in call.repo.deployments.values() if one.payload == {"run": run.id}]
    return Reply(body=[shapes_checks.deployment(call.world, call.repo, one) for one in found])


_A = "/repos/{owner}/{repo}/actions"
_N, _W = f"{_A}/runs/{{run}}", f"{_A}/workflows/{{workflow}}"
_READ, _WRITE = ("actions:read",), ("actions:write",)
ROUTES = [
    Route("GET", f"{_A}/runs", runs, _READ),
    Route("GET", _N, get_run, _READ),
    Route("GET", f"{_N}/jobs", jobs, _READ),
    Route("GET", f"{_N}/logs", run_logs, _READ),
    Route("GET", f"{_N}/artifacts", run_artifacts, _READ),
    Route("POST", f"{_N}/rerun", rerun, _WRITE, role="write"),
    Route("POST", f"{_N}/rerun-failed-jobs", rerun, _WRITE, role="write"),
    Route("POST", f"{_N}/cancel", cancel, _WRITE, role="write"),
    Route("GET", f"{_N}/pending_deployments", pending, _READ),
    Route("POST", f"{_N}/pending_deployments", decide, ("deployments:write",)),
    Route("GET", f"{_A}/jobs/{{job}}", get_job, _READ),
    Route("GET", f"{_A}/jobs/{{job}}/logs", job_log, _READ),
    Route("GET", f"{_A}/artifacts", artifacts, _READ),
    Route("GET", f"{_A}/artifacts/{{artifact}}", get_artifact, _READ),
    Route("GET", f"{_A}/artifacts/{{artifact}}/{{format}}", artifact_zip, _READ),
    Route("GET", f"{_A}/workflows", workflows, _READ),
    Route("GET", _W, get_workflow, _READ),
    Route("GET", f"{_W}/runs", workflow_runs, _READ),
    Route("POST", f"{_W}/dispatches", dispatch, _WRITE, role="write"),
]
