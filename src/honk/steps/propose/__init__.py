"""verdict → pull request: one for the whole task, kept current by later turns, builds and checks.

Never force-pushes over a commit that Honk does not know: a person may have committed to the branch.
"""

from dataclasses import replace
from functools import partial

from honk.domain.attempt import Attempt, Change
from honk.domain.codeowners import PLACES, owners
from honk.domain.event import ChangeTaken, PullRequestOpened, PullRequestUpdated, TaskNoted
from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.pull_request_text import TEMPLATES, composed, renewed, titled
from honk.domain.repository import Base, Sha
from honk.domain.task import Task
from honk.domain.text import closing_nothing, one_line, visible
from honk.domain.turn import Turn
from honk.domain.verdict import Answer, Verdict
from honk.domain.workspace import Workspace
from honk.errors import Defect, ForgeRefused, NeedsHuman
from honk.ports import Ports
from honk.ports.configuration import configuration
from honk.ports.slow import progress, slow
from honk.steps.propose.annotations import annotations
from honk.steps.propose.text import Work, parts, worked

#: people who are asked to review one pull request
_REVIEWERS = 15


async def propose(
    task: Task, turn: Turn, workspace: Workspace, attempt: Attempt, verdict: Verdict | None, *, ports: Ports
) -> PullRequest:
    """A draft unless the verdict is pass and the agent was not cut short."""
    if attempt.change is None:
        raise Defect(f"task {task.id}: nothing to propose")
    before = await ports.forge.find(task.repository, task.id)
    # Not over where the branch is by now: somebody may have pushed to it while the agent worked.
    over = workspace.over or (before.head if before else None)
    head, verdict = await _published(task, turn, attempt, verdict, over, ports=ports)
    if before is not None:  # a push takes its time, in which people write
        before = await ports.forge.find(task.repository, task.id)
    work, build = Work.of(attempt), await ports.records.build(task.id)
    shown = build if build is not None and build.commit == attempt.change.commit else None
    texts = await parts(task, turn, work, verdict, shown, ports=ports)
    state = _state(verdict, work)
    if before is None:
        wanted = await _wanted(task, workspace.base, attempt.change, texts, ports=ports)
        by = await ports.tasks.get_person(task.requested_by)
        wanted = replace(wanted, head=head, state=state)
        pull_request = await ports.forge.open(task.repository, wanted, by=by)
    else:
        if before.state is PullRequestState.CLOSED and not workspace.closed:
            state = before.state  # somebody closed it while the agent worked
        changed = replace(before, head=head, body=renewed(before.body, texts), state=state)
        pull_request = await ports.forge.update(task.repository, changed)
    await _tell(task, turn, pull_request, ports=ports)
    if verdict is not None:
        await report(task, head, verdict, frozenset(one.path for one in attempt.change.files), ports=ports)
    return pull_request


async def present(task: Task, *, ports: Ports) -> PullRequest | None:
    """The pull request as it is to be now: its text with the latest build and verdict, a draft or not.

    One that somebody has merged or closed stays as it is. None where the task has none.
    """
    before = await ports.forge.find(task.repository, task.id)
    if before is None or before.state not in {PullRequestState.OPEN, PullRequestState.DRAFT}:
        return before
    log = await ports.events.read(task.id)
    turn = await ports.tasks.turn(task.id, worked(log, before.head) or task.turn)
    verdict = await ports.records.verdict(task.id, before.head)
    work = Work.told(tuple(one for one in log if one.turn <= turn.number))
    texts = await parts(task, turn, work, verdict, await ports.records.build(task.id), ports=ports)
    state = _state(verdict, work)
    wanted = replace(before, body=renewed(before.body, texts), state=state)
    if wanted == before:
        return before
    made = await ports.forge.update(task.repository, wanted)
    if made.state is not before.state:
        updated = PullRequestUpdated(number=made.number, head=made.head, state=made.state)
        await ports.events.record(task.id, turn.number, updated)
    return made


async def show(task: Task, head: Sha, verdict: Verdict, *, ports: Ports) -> bool:
    """The verdict on that head, as the forge's checks have answered by now."""
    log = await ports.events.read(task.id)
    taken = next((one.data for one in reversed(log) if isinstance(one.data, ChangeTaken)), None)
    await report(task, head, verdict, frozenset(taken.files if taken is not None else ()), ports=ports)
    return True


async def report(task: Task, head: Sha, verdict: Verdict, paths: frozenset[str], *, ports: Ports) -> None:
    """Shows the verdict at the forge, beside its own checks, where it has any. A refusal is told, once."""
    if not await ports.ci.watches(task.repository):
        return
    try:
        places = annotations(verdict, paths)
        await ports.ci.report(task.repository, head, verdict, key=f"{task.id}/{head}", annotations=places)
    except ForgeRefused as error:
        note = f"the verdict is not shown among the checks of the pull request: {error.message}"
        await ports.events.record(task.id, task.turn, TaskNoted(text=note), key="unreported")


async def _published(
    task: Task, turn: Turn, attempt: Attempt, verdict: Verdict | None, over: Sha | None, *, ports: Ports
) -> tuple[Sha, Verdict | None]:
    """Where the branch is, and the verdict on that: a forge may sign the commit, which makes it another one."""
    assert attempt.change is not None
    commit = attempt.change.commit
    tell = partial(ports.events.record, task.id, turn.number)
    async with slow(tell, progress("propose", f"pushing {task.branch}")):
        published = await ports.forge.publish(task.repository, task.branch, commit, over=over)
    if published.refused:
        note = f"the branch {task.branch} is kept by Honk, because the target refused it: {published.refused}"
        await tell(TaskNoted(text=note), key=f"refused/{commit}")
    if published.commit != commit and verdict is not None:
        same = await ports.repositories.tree(task.repository, published.commit)
        if same != verdict.tree:
            raise NeedsHuman(f"{task.branch} is at {published.commit[:12]}, which is not what was verified")
        verdict = replace(verdict, commit=published.commit)
        await ports.records.save_verdict(task.id, turn.number, attempt.number, verdict)
    return published.commit, verdict


async def _wanted(task: Task, base: Base, change: Change, texts: dict[str, str], *, ports: Ports) -> PullRequest:
    """A new pull request in the repository's own manner, which the base commit says."""
    config = (await configuration(ports.repositories, task.repository, base.commit)).pull_request
    title = _title(task)
    if config.title == "auto":
        title = titled(title, await ports.repositories.subjects(task.repository, base.commit))
    return PullRequest(
        task=task.id,
        number=0,
        branch=task.branch,
        base=base.branch,
        head=change.commit,
        title=title,
        body=composed(texts, await _template(task, base, ports=ports)),
        state=PullRequestState.DRAFT,
        labels=config.labels,
        reviewers=await _reviewers(task, base, change, ports=ports) if config.reviewers else (),
    )


async def _template(task: Task, base: Base, *, ports: Ports) -> str:
    there = {path.lower(): path for path in await ports.repositories.files(task.repository, base.commit)}
    path = next((there[place] for place in TEMPLATES if place in there), None)
    content = await ports.repositories.read(task.repository, base.commit, path, 60_000) if path else None
    return visible(content.decode("utf-8", "replace")) if content else ""


async def _reviewers(task: Task, base: Base, change: Change, *, ports: Ports) -> tuple[str, ...]:
    for place in PLACES:
        content = await ports.repositories.read(task.repository, base.commit, place)
        if content is not None:
            paths = [one.path for one in change.files]
            return owners(content.decode("utf-8", "replace"), paths)[:_REVIEWERS]
    return ()


async def _tell(task: Task, turn: Turn, pull_request: PullRequest, *, ports: Ports) -> None:
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
        updated = PullRequestUpdated(number=pull_request.number, head=pull_request.head, state=pull_request.state)
        await ports.events.record(task.id, turn.number, updated, key=f"pull_request/{turn.name}")


def _state(verdict: Verdict | None, work: Work) -> PullRequestState:
    ready = verdict is not None and verdict.answer is Answer.PASS and not work.cut_short
    return PullRequestState.OPEN if ready else PullRequestState.DRAFT


def _title(task: Task) -> str:
    asked = task.options.title or task.instruction
    first = closing_nothing(one_line(asked.strip().splitlines()[0])) if asked.strip() else "Change"
    return first if len(first) <= 100 else first[:97].rstrip() + "..."
