"""verdict → pull request: one for the whole task, kept current by later turns.

Never force-pushes over a commit that Honk does not know: a person may have committed to the branch.
"""

from dataclasses import replace
from functools import partial

from honk.domain.attempt import Attempt
from honk.domain.event import PullRequestOpened, PullRequestUpdated, TaskNoted
from honk.domain.plan import latest
from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.task import Task
from honk.domain.text import one_line, plain
from honk.domain.turn import Turn
from honk.domain.verdict import Answer, Finding, Verdict
from honk.domain.workspace import Workspace
from honk.errors import Defect
from honk.ports import Ports
from honk.ports.slow import progress, slow

_MARKS = {Answer.PASS: "pass", Answer.FAIL: "**fail**", Answer.UNSURE: "*unsure*"}


async def propose(
    task: Task, turn: Turn, workspace: Workspace, attempt: Attempt, verdict: Verdict | None, *, ports: Ports
) -> PullRequest:
    """A draft unless the verdict is pass and the agent was not cut short."""
    if attempt.change is None:
        raise Defect(f"task {task.id}: nothing to propose")
    tell = partial(ports.events.record, task.id, turn.number)
    head = attempt.change.commit
    before = await ports.forge.find(task.repository, task.id)
    async with slow(tell, progress("propose", f"pushing {task.branch}")):
        refused = await ports.forge.publish(task.repository, task.branch, head, over=before.head if before else None)
    if refused:
        note = f"the branch {task.branch} is kept by Honk, because the target refused it: {refused}"
        await tell(TaskNoted(text=note), key=f"refused/{head}")
    ready = verdict is not None and verdict.answer is Answer.PASS and not attempt.cut_short
    state = PullRequestState.OPEN if ready else PullRequestState.DRAFT
    body = await describe(task, turn, attempt, verdict, ports=ports)
    if before is None:
        wanted = PullRequest(
            task=task.id,
            number=0,
            branch=task.branch,
            base=workspace.base.branch,
            head=head,
            title=_title(task),
            body=body,
            state=state,
        )
        pull_request = await ports.forge.open(task.repository, wanted)
    else:
        pull_request = await ports.forge.update(task.repository, replace(before, head=head, body=body, state=state))
    opened = await ports.events.record(
        task.id,
        turn.number,
        PullRequestOpened(
            number=pull_request.number,
            branch=pull_request.branch,
            base=pull_request.base,
            head=pull_request.head,
            title=pull_request.title,
            draft=pull_request.state is PullRequestState.DRAFT,
            url=pull_request.url,
        ),
        key="pull_request",
    )
    if opened.turn != turn.number or turn.again:
        await tell(
            PullRequestUpdated(number=pull_request.number, head=head, state=pull_request.state),
            key=f"pull_request/{turn.name}",
        )
    return pull_request


def _title(task: Task) -> str:
    first = one_line(task.instruction.strip().splitlines()[0]) if task.instruction.strip() else "Change"
    return first if len(first) <= 100 else first[:97].rstrip() + "..."


async def describe(task: Task, turn: Turn, attempt: Attempt, verdict: Verdict | None, *, ports: Ports) -> str:
    """The pull request's text: asked, done, proven, not proven, cost (Markdown)."""
    person = await ports.tasks.get_person(task.requested_by)
    spent = await ports.records.spent(task.id)
    plan = latest(await ports.events.read(task.id)) if turn.message.approves else None
    by = f"Claude Code {attempt.model}".strip() if attempt.agent == "claude" else f"the {attempt.agent} agent"
    parts = [
        "## Asked",
        _quote(task.instruction),
        *([_quote(turn.message.text)] if turn.number > 1 and plan is None else []),
        *(["## Planned", _quote(plan.text)] if plan else []),
        "## Done",
        plain(attempt.summary) or "(the agent left no summary)",
        *([f"Ended early ({attempt.cut_short}): {plain(attempt.reason)}"] if attempt.cut_short else []),
        "## Verdict",
        *_verdict(verdict),
        "---",
        f"Made by {by} for {plain(person.name)}, Honk task `{task.id}`, turn {turn.number}. "
        f"Estimated cost so far: ${spent.usd:.2f} in {spent.calls} model calls.",
    ]
    return "\n\n".join(parts) + "\n"


def _verdict(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return ["Not verified."]
    rows = ["| verifier | answer | |", "|---|---|---|", *(_row(finding) for finding in verdict.findings)]
    parts = [f"**{verdict.answer}** on tree `{verdict.tree[:12]}`", "\n".join(rows)]
    if verdict.proof:
        tests = ", ".join(f"`{plain(test)}`" for test in verdict.proof.tests)
        parts.append(f"Red without the change, green with it: {tests}")
    parts.append("## Not proven")
    parts.append("\n".join(f"- {plain(line)}" for line in verdict.not_proven) or "Nothing known.")
    return parts


def _row(finding: Finding) -> str:
    answer = _MARKS[finding.answer] if finding.counts else "not run"
    return f"| {_cell(finding.verifier)} | {answer} | {_cell(finding.summary)} |"


def _cell(text: str) -> str:
    return plain(one_line(text)).replace("|", "\\|")


def _quote(text: str) -> str:
    cut = text if len(text) <= 4000 else text[:4000] + "\n[…]"
    return "\n".join(f"> {plain(line)}" for line in cut.splitlines())
