"""One attempt, from order to hand-back."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import anyio

from honk.domain.attempt import LIMITS, Attempt
from honk.domain.event import AgentFinished, ChangeRefused, ChangeTaken, LimitHit, QuestionAsked
from honk.domain.task import State
from honk.errors import HandBackRefused, single
from honk.ports import Job, Ports, Report
from honk.steps.code.going_on import work_through
from honk.steps.code.tree import put_as_before, take
from honk.steps.code.words import guidance_of
from honk.steps.code.work import Order, Work, asked, finished, session_of, was_begun

#: Names the agent's session of a task; any fixed UUID serves.
_SESSIONS = uuid.UUID("5e0a2f0e-6e55-4c2b-9b0c-0d6f1c1f9d11")


async def code(order: Order, *, stopping: Callable[[], Awaitable[None]], ports: Ports) -> Attempt:
    """One attempt. `stopping` returns when a person asks for a stop. Raises ModelRefused or Usage without a key."""
    task, turn, number = order.task, order.turn, order.number
    await ports.tasks.move(task.id, State.CODING)
    agent = ports.agents[task.options.agent]
    await agent.requirements()
    pull_request = await ports.records.pull_request(task.id)
    work = Work(
        task=task,
        turn=turn,
        workspace=order.workspace,
        exam=order.exam,
        number=number,
        parent=order.workspace.head or (pull_request.head if pull_request else order.workspace.base.commit),
        plans=order.plans,
        agent=agent,
        ports=ports,
        stopping=stopping,
    )
    begun = await was_begun(work)
    job = Job(
        session=await session_of(work, str(uuid.uuid5(_SESSIONS, task.id))),
        resume=begun or turn.number > 1 or number > 1,
        model=task.options.model,
        guidance=await guidance_of(work),
        attempt=number,
        plans=order.plans,
    )
    before = await finished(work) if begun and Path(work.workspace.path).exists() else None
    report = before or await _finish(work, job, order.sent_back, begun=begun)
    attempt = await _attempt(work, job, report)
    if order.plans:
        await put_as_before(work)
        return attempt
    return await _hand_back(work, attempt)


async def _finish(work: Work, job: Job, sent_back: str, *, begun: bool) -> Report:
    """The agent's work to its end, which is told."""
    number = work.number
    # not the wall clock: it may be set while the agent works, and its time is limited
    started = anyio.current_time()
    report = await _report(work, job, sent_back, begun=begun)
    await work.tell(
        AgentFinished(
            attempt=number,
            summary=report.summary,
            cut_short=report.cut_short,
            reason=report.reason,
            seconds=anyio.current_time() - started,
            seconds_verifying=work.verifying.seconds,
        )
    )
    if report.cut_short in LIMITS:
        await work.tell(LimitHit(kind=report.cut_short, detail=report.reason))
    return report


async def _report(work: Work, job: Job, sent_back: str, *, begun: bool) -> Report:
    """The agent's work, or the question that it asked before a crash."""
    before = await asked(work)
    report = Report(summary="") if before else await _unless_stopped(work, job, sent_back, begun=begun)
    question = before or await asked(work)
    if question is None or report.cut_short not in {"", "agent"}:
        return report
    return replace(report, cut_short="question", reason=in_words(question))


async def _unless_stopped(work: Work, job: Job, sent_back: str, *, begun: bool) -> Report:
    """A stop before the agent is at work ends the waiting for it: for a set-up, a sandbox, the agent's start."""
    report = Report(summary="", cut_short="stopped", reason="stopped by a person")
    with single():
        async with anyio.create_task_group() as group:

            async def give_up() -> None:
                await work.stopping()
                if not work.at_work:
                    group.cancel_scope.cancel()

            group.start_soon(give_up)
            report = await work_through(work, job, sent_back, begun=begun)
            group.cancel_scope.cancel()
    return report


def in_words(question: QuestionAsked) -> str:
    """The question with its choices, numbered so that the answer can be a number."""
    choices = [f"{number}. {choice}" for number, choice in enumerate(question.choices, 1)]
    return "\n".join([question.question, *choices])


async def _attempt(work: Work, job: Job, report: Report) -> Attempt:
    return Attempt(
        task=work.task.id,
        turn=work.turn.number,
        number=work.number,
        change=None,
        summary=report.summary,
        agent=work.agent.name,
        model=report.model,
        session=await session_of(work, job.session),
        spending=await work.ports.records.spent(work.task.id),
        cut_short=report.cut_short,
        reason=report.reason,
    )


async def _hand_back(work: Work, attempt: Attempt) -> Attempt:
    try:
        change = await take(work)
    except HandBackRefused as refusal:
        await work.tell(ChangeRefused(attempt=work.number, reason=str(refusal)))
        why = attempt.reason
        reason = f"{why}\nwhat there is could not be taken over: {refusal}" if why else str(refusal)
        return replace(attempt, cut_short=attempt.cut_short or "hand-back", reason=reason)
    await work.tell(
        ChangeTaken(
            attempt=work.number,
            commit=change.commit,
            tree=change.tree,
            files=tuple(one.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for one in change.files),
            insertions=sum(one.insertions for one in change.files),
            deletions=sum(one.deletions for one in change.files),
        )
    )
    await work.ports.workspaces.drop_snapshot(work.workspace)
    return replace(attempt, change=change)
