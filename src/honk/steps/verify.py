"""attempt → verdict: by Honk itself, in a fresh sandbox, on the committed tree."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from honk.domain.attempt import Attempt
from honk.domain.event import VerdictGiven
from honk.domain.task import State, Task
from honk.domain.turn import Turn, instruction_of
from honk.domain.verdict import Answer, Verdict
from honk.domain.workspace import Workspace
from honk.errors import Defect
from honk.ports import Exam, Ports


async def baseline(task: Task, turn: Turn, exam: Exam, *, ports: Ports) -> Verdict:
    """What the base alone says, before any money is spent."""
    tell = partial(ports.events.record, task.id, turn.number)
    return await ports.gate.baseline(replace(exam, change=None, on="base"), tell)


async def exam_of(task: Task, turn: Turn, workspace: Workspace, *, ports: Ports) -> Exam:
    """What the gate is asked. Everything that people have said so far counts as part of the instruction."""
    return Exam(
        task=task.id,
        repository=task.repository,
        base=workspace.base,
        change=None,
        instruction=instruction_of(await ports.tasks.said(task.id, turn.number)),
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
    """The verdict that counts. It is stored before it is shown.

    `meanwhile` is told of the change first: what people could look at afterwards is begun beside the verdict.
    """
    exam = replace(await exam_of(task, turn, workspace, ports=ports), change=attempt.change, on="change")
    await meanwhile(exam)
    await ports.tasks.move(task.id, State.VERIFYING)
    tell = partial(ports.events.record, task.id, turn.number)
    verdict = await ports.gate.verify(exam, tell)
    if verdict is None:
        raise Defect("a remote verifier is pending, and no door to its answer is built yet")
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
