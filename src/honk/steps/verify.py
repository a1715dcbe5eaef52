"""attempt → verdict: by Honk itself, in a fresh sandbox, on the committed tree."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from honk.domain.attempt import Attempt
from honk.domain.event import BaseMerged, VerdictGiven
from honk.domain.remote_check import NOT_SAID
from honk.domain.remote_verdict import EVERY, awaiting
from honk.domain.task import State, Task
from honk.domain.turn import Turn, instruction_of
from honk.domain.verdict import Answer, Finding, Kind, Verdict
from honk.domain.workspace import Workspace
from honk.ports import Exam, Ports
from honk.ports.configuration import configuration

_MARKERS = re.compile(rb"^<{7}(?: |$).*?^>{7}", re.MULTILINE | re.DOTALL)


async def baseline(task: Task, turn: Turn, exam: Exam, *, ports: Ports) -> Verdict:
    """What the base alone says, before any money is spent."""
    tell = partial(ports.events.record, task.id, turn.number)
    return await ports.gate.baseline(replace(exam, change=None, on="base"), tell)


async def exam_of(task: Task, turn: Turn, workspace: Workspace, *, ports: Ports) -> Exam:
    """What the gate is asked. Everything that people have said so far counts as part of the instruction."""
    said = await ports.tasks.said(task.id, turn.number)
    return Exam(
        task=task.id,
        repository=task.repository,
        base=workspace.base,
        change=None,
        instruction=instruction_of(one for one in said if not one.id.startswith(NOT_SAID)),
        verify=task.options.verify,
    )


async def verify(
    task: Task,
    turn: Turn,
    workspace: Workspace,
    attempt: Attempt,
    *,
    meanwhile: Callable[[Exam], Awaitable[None]],
    ports: Ports,
) -> Verdict:
    """The verdict that counts. It is stored before it is shown. What belongs to it and runs elsewhere is pending.

    `meanwhile` is told of the change first: what people could look at afterwards is begun beside the verdict.
    """
    exam = replace(await exam_of(task, turn, workspace, ports=ports), change=attempt.change, on="change")
    await meanwhile(exam)
    await ports.tasks.move(task.id, State.VERIFYING)
    tell = partial(ports.events.record, task.id, turn.number)
    given = await _settled(task, turn, attempt, await ports.gate.verify(exam, tell), ports=ports)
    verdict = awaiting(given, await _awaited(task, exam, ports=ports))
    await ports.records.save_verdict(task.id, turn.number, attempt.number, verdict)
    await tell(
        VerdictGiven(
            attempt=attempt.number,
            answer=verdict.answer,
            commit=verdict.commit,
            tree=verdict.tree,
            findings=tuple(f"{f.verifier}: {f.summary}" for f in verdict.findings),
            not_proven=verdict.not_proven,
            proof=verdict.proof.tests if verdict.proof else (),
            seconds=verdict.seconds,
            refusing=tuple(
                f"{f.verifier}: {f.summary}" for f in verdict.findings if f.counts and f.answer is Answer.FAIL
            ),
        ),
        key=f"verdict/{turn.name}/{attempt.number}",
    )
    return verdict


async def _settled(task: Task, turn: Turn, attempt: Attempt, verdict: Verdict, *, ports: Ports) -> Verdict:
    """The verdict; a fail where a conflict with the base that this turn was to settle still stands in a file."""
    log = await ports.events.read(task.id)
    merged = [one.data for one in log if one.turn == turn.number and isinstance(one.data, BaseMerged)]
    left: list[str] = []
    for path in merged[-1].conflicts if merged else ():
        assert attempt.change is not None
        content = await ports.repositories.read(task.repository, attempt.change.commit, path)
        if content is not None and _MARKERS.search(content):
            left.append(path)
    if not left:
        return verdict
    summary = f"conflict markers are left in {', '.join(left[:10])}"
    finding = Finding(verifier="conflicts with the base", kind=Kind.RULE, answer=Answer.FAIL, summary=summary)
    return replace(verdict, answer=Answer.FAIL, findings=(*verdict.findings, finding))


async def _awaited(task: Task, exam: Exam, *, ports: Ports) -> tuple[str, ...]:
    """Names of the forge's checks that belong to the verdict, as the base commit says."""
    if not await ports.ci.watches(task.repository):
        return ()
    match (await configuration(ports.repositories, task.repository, exam.base.commit)).checks.wait:
        case "none":
            return ()
        case "all":
            return (EVERY,)
        case "required":
            return await ports.ci.required(task.repository, exam.base.branch)
        case names:
            return tuple(names)
