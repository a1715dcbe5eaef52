"""Runs of workflows as they go on: jobs with check runs, logs, artifacts, and environments that somebody approves."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from honk.testing.fake_github import api_checks, deploying, shapes, shapes_checks
from honk.testing.fake_github.records import Account, Artifact, Job, Json, Repo, Run, Suite

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

#: of a finished job: its name to its conclusion, None while it runs
Jobs = Mapping[str, str | None]


def workflow(world: "World", repo: Repo, path: str) -> int:
    """The id of a workflow's file."""
    return repo.workflows.setdefault(path, world.number())


def start(  # noqa: PLR0913 - what a run has
    world: "World",
    repo: Repo,
    path: str,
    *,
    branch: str,
    sha: str,
    by: Account,
    event: str = "push",
    inputs: Mapping[str, Any] | None = None,
) -> Run:
    """A queued run. Each has a check suite of its own."""
    workflow(world, repo, path)
    now = world.now()
    suite = Suite(world.number(), sha, branch, world.actions, now)
    repo.suites[suite.id] = suite
    name = name_of(repo, sha, path)
    number = sum(one.path == path for one in repo.runs.values()) + 1
    run = Run(world.number(), number, name, path, event, branch, sha, by, suite, now, now, inputs=inputs or {})
    run.title = repo.bare.read_commit(sha).message.split("\n")[0] if event == "push" else name
    repo.runs[run.id] = run
    tell(world, repo, run, "requested")
    return run


def name_of(repo: Repo, sha: str, path: str) -> str:
    """What a workflow is called in its file; its path where it is not."""
    found = repo.bare.at(sha, path)
    if found is not None:
        for line in repo.bare.blob(found[2]).decode("utf-8", "replace").splitlines():
            if line.startswith("name:"):
                return line.removeprefix("name:").strip().strip("'\"")
    return path


def tell(world: "World", repo: Repo, run: Run, action: str) -> None:
    """A `workflow_run` event."""
    payload: Json = {
        "action": action,
        "workflow_run": shapes_checks.run(world, repo, run),
        "workflow": shapes_checks.workflow(world, repo, run.path, run.name),
    }
    world.hooks.emit(repo, "workflow_run", payload, run.actor)


def set_job(  # noqa: PLR0913 - what a job has
    world: "World",
    repo: Repo,
    run: Run,
    name: str,
    conclusion: str | None,
    *,
    log: str = "",
    steps: Sequence[tuple[str, str | None]] = (),
) -> Job:
    """Begins a job or brings it on; without steps it has one of its own name."""
    job = next((one for one in run.jobs if one.name == name), None)
    if job is None:
        check = api_checks.add_check(
            world,
            repo,
            world.actions,
            run.head_sha,
            name,
            suite=run.suite,
            status="in_progress",
            details_url=f"{world.web}/{repo.full_name}/actions/runs/{run.id}/job/0",
        )
        check.details_url = check.details_url.removesuffix("0") + str(check.id)
        job = Job(check.id, name, check)
        run.jobs.append(job)
    run.status = "in_progress"
    job.log = log or job.log
    at = shapes.when(world.now())
    named = steps or [("Set up job", "success"), (f"Run {name}", conclusion)]
    job.steps = [shapes_checks.step(number, *one, at) for number, one in enumerate(named, 1)]
    if conclusion:
        api_checks.update_check(world, repo, job.check, {"conclusion": conclusion})
    return job


def keep(world: "World", run: Run, name: str, content: bytes | Mapping[str, bytes]) -> Artifact:
    """An artifact: files, or a zip as it is."""
    if not isinstance(content, bytes):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, raw in content.items():
                archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), raw)
        content = buffer.getvalue()
    made = Artifact(world.number(), name, content, world.now())
    run.artifacts.append(made)
    return made


def finish(world: "World", repo: Repo, run: Run, conclusion: str = "") -> None:
    """Ends a run, with what its jobs give where nothing else is said; jobs still running end too."""
    for job in run.jobs:
        if job.check.status != "completed":
            set_job(world, repo, run, job.name, conclusion or "success")
    conclusions = [one.check.conclusion for one in run.jobs]
    worst = next((one for one in ("failure", "timed_out", "cancelled") if one in conclusions), "success")
    run.status, run.conclusion, run.updated_at = "completed", conclusion or worst, world.now()
    run.waits_for.clear()
    tell(world, repo, run, "completed")
    for one in repo.deployments.values():
        if one.payload == {"run": run.id}:
            state = "success" if run.conclusion == "success" else "failure"
            deploying.add_status(world, repo, one, state, by=world.actions.bot)


def wait_for(world: "World", repo: Repo, run: Run, environment: str) -> None:
    """The run waits until somebody approves."""
    run.status = "waiting"
    run.waits_for.append(environment)
    deploying.create(
        world, repo, world.actions.bot, sha=run.head_sha, ref=run.head_branch, environment=environment,
        payload={"run": run.id},
    )  # fmt: skip
    tell(world, repo, run, "requested")


def decide(world: "World", repo: Repo, run: Run, names: Sequence[str], approved: bool) -> None:
    """Somebody approves or rejects what the run waits for."""
    run.waits_for = [one for one in run.waits_for if one not in names]
    if not approved:
        finish(world, repo, run, "failure")
    elif not run.waits_for:
        run.status = "in_progress"
        tell(world, repo, run, "in_progress")


def again(world: "World", repo: Repo, run: Run, *, failed_only: bool) -> None:
    """Another attempt, with new jobs."""
    run.attempt += 1
    run.status, run.conclusion = "queued", None
    run.jobs = [one for one in run.jobs if failed_only and one.check.conclusion == "success"]
    tell(world, repo, run, "requested")


def signed(world: "World", kind: str, content: bytes) -> str:
    """An address at which content can be had without a token, for a while."""
    name = uuid4().hex
    world.blobs[name] = (kind, content)
    return f"{world.web}/_blobs/{name}?sig={uuid4().hex}"
