"""Pipelines, their jobs, and what others report at a commit, as checks; and Honk's verdict as a status there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from honk.adapters.gitlab import traces
from honk.adapters.gitlab.server import Server
from honk.adapters.gitlab.trouble import Absent, GitlabRefused
from honk.domain.merge_queue import Grouped, QueueEntry
from honk.domain.remote_check import (
    Annotation,
    CheckState,
    RemoteArtifact,
    RemoteCheck,
    RemoteChecks,
)
from honk.domain.repository import Repository, Sha
from honk.domain.text import shortened
from honk.domain.verdict import Answer, Verdict
from honk.errors import Defect

#: The status of Honk's own, and the check that stands for all of a commit's pipelines.
OWN, PIPELINE = "honk", "pipeline"
#: https://docs.gitlab.com/api/jobs/ and https://docs.gitlab.com/api/pipelines/ list what a status can be.
_STATES = {
    "success": CheckState.PASSED,
    "failed": CheckState.FAILED,
    "canceled": CheckState.FAILED,
    "skipped": CheckState.SKIPPED,
    "manual": CheckState.SKIPPED,
}
#: `skipped` says nothing for or against; what is unsure neither passed nor failed.
_REPORTED = {Answer.PASS: "success", Answer.FAIL: "failed", Answer.UNSURE: "skipped"}
_LOG = 1_000_000
#: characters that GitLab keeps of a status' description
_DESCRIPTION = 255


class GitlabCi:
    """See `Ci`. A pipeline's children show in what becomes of it as a whole; annotations have no place in GitLab."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def watches(self, repository: Repository) -> bool:
        return self._server.path_of(repository) is not None

    async def required(self, repository: Repository, branch: str) -> tuple[str, ...]:
        """A project demands its pipeline as a whole, or nothing, of every branch."""
        return (PIPELINE,) if (await self._server.project(repository)).demands_pipeline else ()

    async def checks(self, repository: Repository, head: Sha, *, base: Sha | None = None) -> RemoteChecks:
        found = await self._checks(repository, head)
        failed = {one.name for one in found if one.state is CheckState.FAILED}
        if base is None or not failed:
            return RemoteChecks(head=head, checks=found)
        before = {one.name for one in await self._checks(repository, base) if one.state is CheckState.FAILED}
        old = failed & before
        if failed - {PIPELINE} - old:
            # Red before, and red now for another reason too.
            old -= {PIPELINE}
        marked = tuple(replace(one, failing_before=one.name in old) for one in found)
        return RemoteChecks(head=head, checks=marked)

    async def _checks(self, repository: Repository, head: Sha) -> tuple[RemoteCheck, ...]:
        base = await self._server.base(repository)
        pipelines = await self._pipelines(base, head)
        jobs = [job for one in pipelines for job in await self._jobs(base, one)]
        path = f"{base}/repository/commits/{head}/statuses"
        try:
            statuses = await self._server.pages(path, act=f"read the statuses of {head[:12]}")
        except Absent:
            statuses = []
        # A job is a status too, with the same id.
        known = {job["id"] for job in jobs}
        others = [one for one in statuses if one.get("id") not in known and one.get("name") != OWN]
        own_failed = any(one.get("name") == OWN and one.get("status") == "failed" for one in statuses)
        checks = [*(_job(one) for one in jobs), *(_status(one) for one in others)]
        whole = _whole(pipelines, checks, own_failed=own_failed)
        return (*((whole,) if whole else ()), *checks)

    async def _pipelines(self, base: str, head: Sha) -> list[dict[str, Any]]:
        """The latest of each sort: a push and a merge request may each have begun one at the same commit."""
        query = {"sha": head, "order_by": "id", "sort": "desc"}
        listed = await self._server.pages(
            f"{base}/pipelines", query, act=f"read the pipelines of {head[:12]}", limit=100
        )
        latest: dict[str, dict[str, Any]] = {}
        for one in listed:
            latest.setdefault(str(one.get("source") or one.get("ref")), one)
        return list(latest.values())

    async def _jobs(self, base: str, pipeline: dict[str, Any]) -> list[dict[str, Any]]:
        path = f"{base}/pipelines/{pipeline['id']}/jobs"
        return await self._server.pages(path, act=f"read the jobs of pipeline {pipeline['id']}")

    async def log(self, repository: Repository, check: RemoteCheck) -> str:
        kind, _, id = check.id.partition("/")
        if kind != "job" or not id.isdigit():
            return ""
        base = await self._server.base(repository)
        try:
            printed = await self._server.tail(f"{base}/jobs/{id}/trace", _LOG, act=f"read the log of {check.name}")
        except Absent:
            return ""
        return traces.readable(printed)

    async def report(
        self, repository: Repository, head: Sha, verdict: Verdict, *, key: str, annotations: tuple[Annotation, ...] = ()
    ) -> None:
        """One status a commit, whatever the key. Raises ForgeRefused where it has ended in another way before."""
        base = await self._server.base(repository)
        state = _REPORTED[verdict.answer]
        body = {"state": state, "name": OWN, "description": shortened(_summary(verdict), _DESCRIPTION)}
        try:
            await self._server.send("post", f"{base}/statuses/{head}", body, act=f"report the verdict on {head[:12]}")
        except GitlabRefused as error:
            if error.status != 400:
                raise
            # A status that has ended takes no other end, and not the same one again either.
            path = f"{base}/repository/commits/{head}/statuses"
            listed = await self._server.pages(path, {"name": OWN}, act=f"read the statuses of {head[:12]}")
            if not any(one.get("name") == OWN and one.get("status") == state for one in listed):
                raise

    async def queue(self, repository: Repository, base: str) -> tuple[QueueEntry, ...]:
        """Nothing: merge trains begin pipelines of their own, which ask no status of Honk's."""
        return ()

    async def report_group(self, repository: Repository, commit: Sha, held: tuple[Grouped, ...]) -> None:
        return

    async def artifacts(self, repository: Repository, head: Sha) -> tuple[RemoteArtifact, ...]:
        base = await self._server.base(repository)
        jobs = [job for one in await self._pipelines(base, head) for job in await self._jobs(base, one)]
        kept = [job for job in jobs if job.get("artifacts_file")]
        kept.sort(key=lambda job: int(job["id"]), reverse=True)
        return tuple(
            RemoteArtifact(
                id=f"job/{job['id']}",
                name=str(job["name"]),
                size=int(job["artifacts_file"].get("size") or 0),
                head=head,
            )
            for job in kept
        )

    async def download(self, repository: Repository, artifact: RemoteArtifact, into: Path, *, limit: int) -> None:
        kind, _, id = artifact.id.partition("/")
        if kind != "job" or not id.isdigit():
            raise Defect(f"{artifact.id!r} is no artifact of GitLab's")
        base = await self._server.base(repository)
        act = f"fetch what the job {artifact.name} kept"
        await self._server.download(f"{base}/jobs/{id}/artifacts", into, limit=limit, act=act)


def _job(job: dict[str, Any]) -> RemoteCheck:
    state, summary = _state(job), str(job.get("failure_reason") or "")
    if state is CheckState.FAILED and job.get("allow_failure"):
        state, summary = CheckState.SKIPPED, "failed, and is allowed to"
    return RemoteCheck(
        name=str(job["name"]),
        state=state,
        id=f"job/{job['id']}",
        url=str(job.get("web_url") or ""),
        summary=summary,
        by="gitlab-ci",
    )


def _status(status: dict[str, Any]) -> RemoteCheck:
    author = status.get("author") or {}
    state = _state(status)
    allowed = state is CheckState.FAILED and bool(status.get("allow_failure"))
    return RemoteCheck(
        name=str(status.get("name") or "status"),
        state=CheckState.SKIPPED if allowed else state,
        id=f"status/{status.get('id')}",
        url=str(status.get("target_url") or ""),
        summary=shortened(str(status.get("description") or ""), 300),
        by=str(author.get("username") or ""),
    )


def _state(one: dict[str, Any]) -> CheckState:
    """What is not known yet is not over."""
    return _STATES.get(str(one.get("status")), CheckState.RUNNING)


def _whole(pipelines: list[dict[str, Any]], checks: list[RemoteCheck], *, own_failed: bool) -> RemoteCheck | None:
    """All pipelines as one check, for projects that demand it. Honk's own status does not make it red."""
    if not pipelines:
        return None
    states = {_state(one) for one in pipelines}
    others_failed = any(one.state is CheckState.FAILED for one in checks)
    if CheckState.FAILED in states and own_failed and not others_failed:
        running = any(one.state is CheckState.RUNNING for one in checks)
        states = (states - {CheckState.FAILED}) | {CheckState.RUNNING if running else CheckState.PASSED}
    worst = (CheckState.FAILED, CheckState.RUNNING, CheckState.PASSED, CheckState.SKIPPED)
    state = next(one for one in worst if one in states)
    return RemoteCheck(
        name=PIPELINE,
        state=state,
        id=f"pipeline/{pipelines[0]['id']}",
        url=str(pipelines[0].get("web_url") or ""),
        by="gitlab-ci",
    )


def _summary(verdict: Verdict) -> str:
    failed = [one.summary for one in verdict.findings if one.counts and one.answer is not Answer.PASS]
    return "; ".join([str(verdict.answer), *failed])
