"""attempt → verdict: by Honk itself, in a fresh sandbox, on the committed tree."""

from dataclasses import replace
from functools import partial

from honk.domain.attempt import Attempt
from honk.domain.event import VerdictGiven
from honk.domain.task import State, Task
from honk.domain.turn import Turn
from honk.domain.verdict import Answer, Verdict
from honk.errors import Defect
from honk.ports import Exam, Ports


async def baseline(task: Task, turn: Turn, exam: Exam, *, ports: Ports) -> Verdict:
    """What the base alone says, before any money is spent."""
    tell = partial(ports.events.record, task.id, turn.number)
    return await ports.gate.baseline(replace(exam, change=None, on="base"), tell)


async def verify(task: Task, turn: Turn, attempt: Attempt, exam: Exam, *, ports: Ports) -> Verdict:
    """The verdict that counts. It is stored before it is shown."""
    await ports.tasks.move(task.id, State.VERIFYING)
    tell = partial(ports.events.record, task.id, turn.number)
    verdict = await ports.gate.verify(replace(exam, change=attempt.change, on="change"), tell)
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
