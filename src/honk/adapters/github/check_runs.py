"""Check runs, statuses and workflow runs at a commit → one state for each name.

https://docs.github.com/en/rest/checks/runs, …/rest/commits/statuses, …/rest/actions/workflow-runs
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import Field

from honk.adapters.github.api import Api
from honk.adapters.github.reading import Login, OrNone, Shape, Text, read
from honk.domain.remote_check import CheckState, RemoteCheck
from honk.domain.text import shortened

ACTIONS = "github-actions"
_PASSED = frozenset({"success"})
_SKIPPED = frozenset({"neutral", "skipped"})
#: Ended by somebody or by the next run before it had answered: it shows nothing, unless a later one does.
_CUT_OFF = frozenset({"cancelled", "stale"})
#: So is one that waits for somebody's leave to begin.
_SILENT = _CUT_OFF | {"action_required"}
#: GitHub keeps a thousand of one context, and nobody has so many contexts.
_STATUS_PAGES = 20
_WORST_FIRST = (CheckState.FAILED, CheckState.RUNNING, CheckState.PASSED, CheckState.SKIPPED)


class App(Shape):
    slug: Text = ""
    name: Text = ""


class Suite(Shape):
    """A check suite: what one app does at one commit. GitHub makes one for every app, also for those that stay idle."""

    id: int = 0
    status: Text = ""
    conclusion: Text = ""
    app: App | None = None
    latest_check_runs_count: int = 1


class Output(Shape):
    title: Text = ""
    summary: Text = ""
    text: Text = ""
    annotations_count: int = 0


class CheckRun(Shape):
    id: int
    name: str
    status: str
    conclusion: Text = ""
    external_id: Text = ""
    html_url: Text = ""
    details_url: Text = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    output: Output = Output()
    app: App | None = None
    check_suite: Suite | None = None

    @property
    def by(self) -> str:
        return self.app.slug if self.app else ""

    @property
    def suite(self) -> int:
        return self.check_suite.id if self.check_suite else 0

    @property
    def cut_off(self) -> bool:
        return self.status == "completed" and self.conclusion in _CUT_OFF

    @property
    def silent(self) -> bool:
        """Whether it ended, and shows neither that something works nor that it does not."""
        return self.status == "completed" and self.conclusion in _SILENT


class Status(Shape):
    context: str
    state: str
    description: Text = ""
    target_url: Text = ""
    created_at: datetime | None = None
    #: not told where the latest of all names are listed together
    creator: Login | None = None


class _Combined(Shape):
    total_count: int = 0
    statuses: Annotated[list[Status], OrNone] = Field(default_factory=list)


class WorkflowRun(Shape):
    id: int
    name: Text = ""
    display_title: Text = ""
    workflow_id: int = 0
    check_suite_id: int = 0
    event: Text = ""
    head_branch: Text = ""
    head_sha: Text = ""
    status: Text = ""
    conclusion: Text = ""
    html_url: Text = ""
    actor: Login | None = None
    created_at: datetime


class Context(Shape):
    context: str


class Protection(Shape):
    """Of a branch: which checks it requires. `contexts` is the older form."""

    contexts: Annotated[list[str], OrNone] = Field(default_factory=list)
    checks: Annotated[list[Context], OrNone] = Field(default_factory=list)

    def names(self) -> list[str]:
        return [*self.contexts, *(one.context for one in self.checks)]


class RuleParameters(Shape):
    required_status_checks: Annotated[list[Context], OrNone] = Field(default_factory=list)


class Rule(Shape):
    type: str
    parameters: RuleParameters | None = None

    def names(self) -> list[str]:
        if self.type != "required_status_checks" or self.parameters is None:
            return []
        return [one.context for one in self.parameters.required_status_checks]


def ended(status: str, conclusion: str) -> CheckState:
    """What a status and a conclusion come to. What ended in a way that is not known here has not passed."""
    if status != "completed":
        return CheckState.RUNNING
    if conclusion in _PASSED:
        return CheckState.PASSED
    return CheckState.SKIPPED if conclusion in _SKIPPED else CheckState.FAILED


def by_name(runs: Iterable[CheckRun], workflows: Iterable[WorkflowRun] = ()) -> list[RemoteCheck]:
    """One check for each name and app: of its latest runs the worst.

    A workflow that ran again at the same commit replaces what it said before; the runs of different workflows, or of
    one for different events, stand beside each other.
    """
    suites = {one.check_suite_id: one for one in workflows}
    latest: dict[tuple[str, str, tuple[object, ...]], CheckRun] = {}
    for run in sorted(runs, key=lambda one: one.id):
        workflow = suites.get(run.suite)
        source: tuple[object, ...] = (workflow.workflow_id, workflow.event) if workflow else (run.suite,)
        latest[run.by, run.name, source] = run
    groups: dict[tuple[str, str], list[CheckRun]] = {}
    for (by, name, _), run in latest.items():
        groups.setdefault((by, name), []).append(run)
    return [_check(_deciding(group)) for group in groups.values()]


def several_suites(runs: Iterable[CheckRun]) -> bool:
    """Whether a name of GitHub Actions came more than once, so that the workflows must be known to judge."""
    seen: dict[str, set[int]] = {}
    for run in runs:
        if run.by == ACTIONS:
            seen.setdefault(run.name, set()).add(run.suite)
    return any(len(suites) > 1 for suites in seen.values())


def without_runs(
    suites: Iterable[Suite], runs: Iterable[CheckRun], workflows: Iterable[WorkflowRun]
) -> list[RemoteCheck]:
    """Suites that show no check run: those of workflows that wait for a machine or could not start.

    An app that was merely installed has a suite that stays queued for ever: nobody waits for it, unless the app
    reports at this commit.
    """
    there = list(runs)
    filled, active = {run.suite for run in there}, {run.by for run in there} | {ACTIONS}
    names = {one.check_suite_id: one for one in workflows}
    found = []
    for suite in suites:
        slug = suite.app.slug if suite.app else ""
        state = ended(suite.status, suite.conclusion)
        open_ = state in {CheckState.RUNNING, CheckState.FAILED} and suite.conclusion not in _CUT_OFF
        if suite.id in filled or suite.latest_check_runs_count or slug not in active or not open_:
            continue
        workflow = names.get(suite.id)
        name = (workflow.name if workflow else "") or (suite.app.name if suite.app else "") or slug
        summary = f"it ended before it began: {suite.conclusion}" if state is CheckState.FAILED else "has not begun"
        url = workflow.html_url if workflow else ""
        found.append(RemoteCheck(name=name, state=state, url=url, summary=summary, by=slug))
    return found


def of_status(status: Status) -> RemoteCheck:
    states = {"success": CheckState.PASSED, "pending": CheckState.RUNNING}
    return RemoteCheck(
        name=status.context,
        state=states.get(status.state, CheckState.FAILED),
        url=status.target_url,
        summary=shortened(status.description, 300),
    )


def _deciding(group: list[CheckRun]) -> CheckRun:
    """The run that speaks for all of them: the worst, and of equals the latest. What a later one replaced is out."""
    newest = max(run.id for run in group)
    counted = [run for run in group if not run.cut_off or run.id == newest]
    return min(counted, key=lambda run: (_WORST_FIRST.index(ended(run.status, run.conclusion)), -run.id))


def _check(run: CheckRun) -> RemoteCheck:
    # What somebody cancelled says nothing of the change: no agent can mend that.
    state = CheckState.SKIPPED if run.cut_off else ended(run.status, run.conclusion)
    ill = state is CheckState.FAILED or run.cut_off
    said = run.output.title or (f"ended as {run.conclusion}" if ill else "")
    return RemoteCheck(
        name=run.name,
        state=state,
        id=str(run.id),
        url=run.html_url or run.details_url,
        summary=shortened(said, 300),
        by=run.by,
    )


async def combined(api: Api, of: str, commit: str) -> list[Status]:
    """The latest status of each context. Read until all that are counted are there: one too few is a red one missed."""
    found: list[Status] = []
    for page in range(1, _STATUS_PAGES + 1):
        answer = await api.get(f"/repos/{of}/commits/{commit}/status", of=of, params={"per_page": 100, "page": page})
        there = read(_Combined, answer.json, f"the statuses at {commit}")
        found += there.statuses
        if not there.statuses or len(found) >= there.total_count:
            break
    return found
