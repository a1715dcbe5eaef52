"""GitHub's checks as the port Ci: what is required, what ran, what it printed and kept; and Honk's own check."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from honk.adapters.github import ledger
from honk.adapters.github.api import Api
from honk.adapters.github.artifacts import Shelf
from honk.adapters.github.check_runs import (
    CheckRun,
    Protection,
    Rule,
    Suite,
    WorkflowRun,
    by_name,
    combined,
    of_status,
    several_suites,
    without_runs,
)
from honk.adapters.github.logs import Logs
from honk.adapters.github.merge_groups import MergeGroups
from honk.adapters.github.own import Own
from honk.adapters.github.places import Places
from honk.adapters.github.reading import every, read
from honk.adapters.github.report import CHECK, CONTEXT, Reporter
from honk.adapters.github.trouble import GithubRefused
from honk.domain.merge_queue import Grouped, QueueEntry
from honk.domain.remote_check import Annotation, CheckState, RemoteArtifact, RemoteCheck, RemoteChecks
from honk.domain.repository import Repository, Sha
from honk.domain.verdict import Verdict

_NOT_TOLD = frozenset({403, 404, 410})


class GithubCi:
    """See `Ci`. `web` is where GitHub's pages are, such as "https://github.com"."""

    def __init__(self, api: Api, own: Own, *, web: str) -> None:
        self._api = api
        self._places = Places(web)
        self._own = own
        self._logs = Logs(api)
        self._shelf = Shelf(api)
        self._reporter = Reporter(api, own)
        self._groups = MergeGroups(api, self._reporter)

    async def watches(self, repository: Repository) -> bool:
        return self._places.find(repository) is not None

    async def required(self, repository: Repository, branch: str) -> tuple[str, ...]:
        of = self._places.of(repository)
        names = [*await self._protected(of, branch), *await self._ruled(of, branch)]
        return tuple(dict.fromkeys(name for name in names if name not in {CHECK, CONTEXT}))

    async def checks(self, repository: Repository, head: Sha, *, base: Sha | None = None) -> RemoteChecks:
        of = self._places.of(repository)
        there = await self._at(of, head)
        if base is None or not any(one.state is CheckState.FAILED for one in there):
            return RemoteChecks(head=head, checks=tuple(there))
        # A run that was called off on the base, as the next push does it, excuses nothing.
        red = {one.name for one in await self._at(of, base, silent=False) if one.state is CheckState.FAILED}
        return RemoteChecks(head=head, checks=tuple(_compared(one, red) for one in there))

    async def log(self, repository: Repository, check: RemoteCheck) -> str:
        return await self._logs.read(self._places.of(repository), check)

    async def report(
        self, repository: Repository, head: Sha, verdict: Verdict, *, key: str, annotations: tuple[Annotation, ...] = ()
    ) -> None:
        await self._reporter.report(self._places.of(repository), head, verdict, key=key, annotations=annotations)

    async def queue(self, repository: Repository, base: str) -> tuple[QueueEntry, ...]:
        return await self._groups.entries(self._places.of(repository), base)

    async def report_group(self, repository: Repository, commit: Sha, held: tuple[Grouped, ...]) -> None:
        await self._groups.report(self._places.of(repository), commit, held)

    async def artifacts(self, repository: Repository, head: Sha) -> tuple[RemoteArtifact, ...]:
        return await self._shelf.list(self._places.of(repository), head)

    async def download(self, repository: Repository, artifact: RemoteArtifact, into: Path, *, limit: int) -> None:
        await self._shelf.take(self._places.of(repository), artifact, into, limit=limit)

    async def _protected(self, of: str, branch: str) -> list[str]:
        """By branch protection. 404 is a branch without it; 403 a plan, or a token, that does not show it."""
        path = f"/repos/{of}/branches/{quote(branch, safe='')}/protection/required_status_checks"
        try:
            answer = await self._api.get(path, of=of)
        except GithubRefused as refused:
            if refused.status not in _NOT_TOLD:
                raise
            return []
        return read(Protection, answer.json, f"the protection of {branch}").names()

    async def _ruled(self, of: str, branch: str) -> list[str]:
        """By rulesets, of the organisation too. An Enterprise Server before 3.9 has none: 404."""
        try:
            rules = await self._api.pages(f"/repos/{of}/rules/branches/{quote(branch, safe='')}", of=of)
        except GithubRefused as refused:
            if refused.status not in _NOT_TOLD:
                raise
            return []
        return [name for rule in every(Rule, rules, f"the rules for {branch}") for name in rule.names()]

    async def _at(self, of: str, commit: Sha, *, silent: bool = True) -> list[RemoteCheck]:
        """Suites are read before their runs: a suite that fills meanwhile is not taken for an empty one."""
        at = f"/repos/{of}/commits/{commit}"
        suites = every(
            Suite,
            await self._api.pages(f"{at}/check-suites", of=of, key="check_suites"),
            f"the check suites at {commit}",
        )
        listed = await self._api.pages(f"{at}/check-runs", of=of, params={"filter": "latest"}, key="check_runs")
        slug = await self._own.slug() or None
        runs = [one for one in every(CheckRun, listed, f"the checks at {commit}") if one.by != slug]
        runs = [one for one in runs if silent or not one.silent]
        suites = [one for one in suites if (one.app.slug if one.app else "") != slug]
        empty = {one.id for one in suites if not one.latest_check_runs_count} - {one.suite for one in runs}
        workflows = await self._workflows(of, commit) if empty or several_suites(runs) else []
        statuses = [one for one in await combined(self._api, of, commit) if not _of_honk(one.context)]
        return [
            *by_name(runs, workflows),
            *without_runs(suites, runs, workflows),
            *(of_status(one) for one in statuses),
        ]

    async def _workflows(self, of: str, commit: Sha) -> list[WorkflowRun]:
        """The workflow runs at the commit; none where Honk may not see them."""
        try:
            listed = await self._api.pages(
                f"/repos/{of}/actions/runs", of=of, params={"head_sha": commit}, key="workflow_runs"
            )
        except GithubRefused as refused:
            if refused.status not in _NOT_TOLD:
                raise
            return []
        return every(WorkflowRun, listed, f"the workflow runs at {commit}")


def _of_honk(context: str) -> bool:
    return context == CONTEXT or context.startswith(ledger.CONTEXT)


def _compared(check: RemoteCheck, red: set[str]) -> RemoteCheck:
    """The check, said to have failed before where it is red, and was red on the base."""
    before = check.state is CheckState.FAILED and check.name in red
    return replace(check, failing_before=True) if before else check
