"""The life of a task: start reading here.

A task lives in two short workflows. `turn` goes from a message to something that can be looked at;
`land` goes from a person's approval to production. Between them a task is a row in a state: nothing
waits in memory. Each `once(name, …)` is one finished step in the journal; after a crash the workflow
runs again from the top, and finished steps answer from the journal.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar, cast

from honk.domain.attempt import LIMITS, Attempt
from honk.domain.build import Build
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.person import Person, PersonId
from honk.domain.pull_request import Merged, MergeMethod, MergeResult, PullRequest
from honk.domain.repository import Sha
from honk.domain.task import BUSY, State, Task
from honk.domain.turn import Outcome, Turn, instruction_of
from honk.domain.verdict import Answer, Verdict
from honk.domain.workspace import Workspace
from honk.errors import HonkError, LimitReached, MachineInTrouble, NotAllowed, Stopped
from honk.ports import Exam, Once, Ports
from honk.steps.again import MADE_AGAIN, make_again
from honk.steps.budget import reserve
from honk.steps.build import Ahead, ahead, build
from honk.steps.code import Order, code
from honk.steps.deploy import Release, deploy, halted, undo
from honk.steps.merge import merge
from honk.steps.prepare import chosen_base, prepare
from honk.steps.propose import propose
from honk.steps.settle import BROKEN_OFF, UNVERIFIED, Ending, broken_off, concluded, nothing_new, settle, settle_landing
from honk.steps.share import share
from honk.steps.stop import stoppable, until_stopped
from honk.steps.verify import baseline, verify

T = TypeVar("T")

#: One attempt, and two more after a refused verdict.
ATTEMPTS = 3


async def turn(task: Task, turn: Turn, once: Once, *, ports: Ports) -> Ending:
    """message → prepare → (code → verify)* → propose → build → share."""
    once = stoppable(once, task, ports)
    try:
        task = await reserve(task, turn, ports=ports)
        ending = await _work(task, turn, once, ports=ports)
    except LimitReached as error:
        ending = Ending(outcome=Outcome.LIMIT, state=State.WAITING, reason=str(error))
    except Stopped as error:
        ending = Ending(outcome=Outcome.STOPPED, state=State.STOPPED, reason=str(error))
    except MachineInTrouble as error:
        ending = Ending(outcome=Outcome.QUESTION, state=State.WAITING, reason=str(error))
    except HonkError as error:
        ending = Ending(outcome=Outcome.ERROR, state=State.FAILED, reason=str(error))
    return await settle(task, turn, ending, ports=ports)


async def _work(task: Task, turn: Turn, once: Once, *, ports: Ports) -> Ending:
    if turn.point in MADE_AGAIN:
        await once("again", State, partial(make_again, task, turn, ports=ports))
    workspace = await once("prepare", Workspace, partial(prepare, task, turn, ports=ports))
    exam = await _exam(task, turn, workspace, ports=ports)
    if turn.number == 1:
        base = await once("baseline", Verdict, partial(baseline, task, turn, exam, ports=ports))
        if base.base_broken:
            return Ending(outcome=Outcome.QUESTION, state=State.WAITING, reason=base.base_broken)
    order = Order(task=task, turn=turn, workspace=workspace, exam=exam, number=1)
    async with ahead(task, ports=ports) as artifact:
        attempt, verdict = await _attempts(order, once, artifact, ports=ports)
        change = attempt.change
        if attempt.cut_short in BROKEN_OFF:
            return broken_off(attempt)
        if change is None or change.empty or change.commit == change.parent:
            return nothing_new(attempt)
        proposed = partial(propose, task, turn, workspace, attempt, verdict, ports=ports)
        await once("propose", PullRequest, proposed)
        if verdict is not None and verdict.answer is not Answer.FAIL:
            changed = replace(exam, change=change)
            building = partial(build, task, turn, changed, change.commit, begun=artifact, ports=ports)
            made = await once("build", _maybe(Build), building)
            if made is not None:
                await once("share", Build, partial(share, task, turn, made, ports=ports))
        return concluded(attempt, verdict)


async def _attempts(order: Order, once: Once, artifact: Ahead, *, ports: Ports) -> tuple[Attempt, Verdict | None]:
    """The last attempt and its verdict; the agent is sent back while the gate refuses."""
    task, sent_back = order.task, ""
    for number in range(1, ATTEMPTS + 1):
        order = replace(order, number=number, sent_back=sent_back)
        stopping = partial(until_stopped, task, ports)
        attempt = await once(f"code/{number}", Attempt, partial(code, order, stopping=stopping, ports=ports))
        verdict: Verdict | None = None
        if attempt.cut_short == "hand-back":
            sent_back = attempt.reason
        elif attempt.cut_short in UNVERIFIED or attempt.change is None or attempt.change.empty:
            break
        else:
            checked = partial(_verified, order, attempt, artifact, ports=ports)
            verdict = await once(f"verify/{number}", Verdict, checked)
            sent_back = ports.gate.words(verdict)
            if verdict.answer is not Answer.FAIL:
                break
        if attempt.cut_short in LIMITS or not ports.agents[task.options.agent].corrects:
            break
    return attempt, verdict


async def _verified(order: Order, attempt: Attempt, artifact: Ahead, *, ports: Ports) -> Verdict:
    """The verdict on the attempt; what people could look at afterwards is made meanwhile."""
    order = replace(order, exam=await _exam(order.task, order.turn, order.workspace, ports=ports))
    if attempt.change is not None:
        await artifact.begin(replace(order.exam, change=attempt.change), attempt.change.commit)
    return await verify(order.task, order.turn, attempt, order.exam, ports=ports)


async def _exam(task: Task, turn: Turn, workspace: Workspace, *, ports: Ports) -> Exam:
    """What the gate is asked. Everything that people have said so far counts as part of the instruction."""
    said = instruction_of(await ports.tasks.said(task.id, turn.number))
    return Exam(
        task=task.id,
        repository=task.repository,
        base=workspace.base,
        change=None,
        instruction=said,
        verify=task.options.verify,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Landing:
    """A person's approval: who, and exactly which commit."""

    by: PersonId
    head: Sha
    method: MergeMethod
    #: names this press of the button, so that a redelivery is recognised
    act: str
    accept_unsure: bool = False


async def land(task: Task, landing: Landing, once: Once, *, ports: Ports) -> Ending:
    """approval → merge → deploy."""
    person, once = await ports.tasks.get_person(landing.by), stoppable(once, task, ports)
    merging = partial(
        merge,
        task,
        person,
        head=landing.head,
        method=landing.method,
        accept_unsure=landing.accept_unsure,
        ports=ports,
    )
    outcome = Outcome.ERROR
    try:
        result = await once("merge", cast("type[MergeResult]", MergeResult), merging)
        if isinstance(result, Merged):
            outcome = await _released(task, person, result.commit, once, ports=ports)
    except Stopped as error:
        outcome = Outcome.STOPPED
        await halt(task, str(error), ports=ports)
    except NotAllowed as error:
        outcome = Outcome.QUESTION
        await come_to_rest(task, State.MERGED, str(error), ports=ports)
    except HonkError as error:
        await come_to_rest(task, State.MERGED, str(error), ports=ports)
    return await settle_landing(task, landing.act, outcome, ports=ports)


async def _released(task: Task, person: Person, merged: Sha, once: Once, *, ports: Ports) -> Outcome:
    release = await once("release", _maybe(Release), partial(_release, task, merged, ports=ports))
    if release is None:
        return Outcome.PASS
    made = await once("deploy", _maybe(Deployment), partial(deploy, task, person, release, ports=ports))
    return Outcome.PASS if made is None or made.state is DeploymentState.LIVE else Outcome.ERROR


async def revert(task: Task, by: PersonId, act: str, once: Once, *, ports: Ports) -> Ending:
    """undo → the version before is live again."""
    person = await ports.tasks.get_person(by)
    outcome = Outcome.ERROR
    try:
        base = await chosen_base(task, ports=ports)
        made = await once("undo", Deployment, partial(undo, task, person, base=base, act=act, ports=ports))
        outcome = Outcome.PASS if made.state is DeploymentState.LIVE else Outcome.ERROR
    except HonkError as error:
        await come_to_rest(task, State.DEPLOYED, str(error), ports=ports)
    return await settle_landing(task, act, outcome, ports=ports)


async def _release(task: Task, merged: Sha, *, ports: Ports) -> Release | None:
    """The build of exactly the merged tree: the one that people tried, or a new one if the base had moved."""
    base = await chosen_base(task, ports=ports)
    last = await ports.tasks.turn(task.id, task.turn)
    made = await ports.records.build(task.id)
    repository = task.repository
    same = made is not None and await ports.repositories.tree(repository, merged) == (
        await ports.repositories.tree(repository, made.commit)
    )
    if not same:
        exam = Exam(task=task.id, repository=repository, base=base, change=None, instruction=task.instruction)
        made = await build(task, last, exam, merged, ports=ports)
    return Release(base=base, commit=merged, digest=made.digest) if made is not None else None


async def halt(task: Task, reason: str, *, ports: Ports) -> None:
    """A landing that a person stopped rests as merged, or as deployed where the version was live already."""
    live = await halted(task, base=await chosen_base(task, ports=ports), ports=ports)
    if not live:
        await come_to_rest(task, State.MERGED, f"{reason}, before it was deployed", ports=ports)


async def come_to_rest(task: Task, deploying: State, reason: str, *, ports: Ports) -> None:
    """A merge, deployment or undo that failed leaves the task where it was last certain to be.

    `deploying` is where it was before it deployed. A task on which a turn is at work is left alone.
    """
    now = await ports.tasks.get(task.id)
    back = {State.MERGING: State.WAITING, State.DEPLOYING: deploying}.get(now.state, now.state)
    if back not in BUSY:
        await ports.tasks.move(task.id, back, reason)


def _maybe(kind: type[T]) -> type[T | None]:
    return cast("type[T | None]", kind | None)
