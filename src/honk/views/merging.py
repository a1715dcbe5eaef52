"""What a person must know before pressing the merge button, undo included. Looking at it changes nothing."""

from dataclasses import dataclass

from honk.domain.person import Person
from honk.domain.policy import Act, Confirmation
from honk.domain.pull_request import MergeMethod, PullRequest, Refused
from honk.domain.repository import Base
from honk.domain.task import State, Task, TaskId
from honk.domain.text import one_line
from honk.domain.verdict import Answer, Verdict
from honk.errors import HonkError
from honk.ports import Ports
from honk.steps.deploy import deployed_from, live_deployment, undo_sentence
from honk.steps.merge import PRESSABLE, approvers, deleted_build, lacks_second, objection
from honk.steps.prepare import chosen_base
from honk.views.risk import ChangedFile, files_by_risk

_LANDED = frozenset({State.MERGED, State.DEPLOYED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What one verifier said of the commit."""

    verifier: str
    answer: Answer
    #: one sentence
    summary: str
    #: False for what is only mentioned
    counts: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Deploying:
    """What happens to users after the merge."""

    #: "" where nothing is deployed
    environment: str = ""
    #: where people find it, when that is known
    url: str | None = None
    #: the commit that is live there now; "" when none is
    live: str = ""
    #: what undoing will do, in words
    undo: str = "nothing is deployed: merge a revert to undo"


@dataclass(frozen=True, kw_only=True, slots=True)
class Merging:
    """A merge that nobody has pressed yet."""

    task: TaskId
    state: State
    #: merged already: a press is about the deployment alone
    landed: bool
    title: str
    #: of the pull request; 0 while there is none
    number: int
    branch: str
    base: str
    #: exactly what would be merged; "" while there is no pull request
    head: str
    asked_by: str
    #: null when that commit was not verified
    answer: Answer | None
    checks: tuple[Check, ...]
    #: tests that are red without the change and green with it
    proof: tuple[str, ...]
    not_proven: tuple[str, ...]
    #: in the order in which they should be looked at
    files: tuple[ChangedFile, ...]
    #: names of those who approved exactly this head
    approved_by: tuple[str, ...]
    confirmation: Confirmation
    #: what must be typed to confirm; "" where nothing must
    word: str
    #: whether the person may press, and what the policy says to that
    allowed: bool
    policy: str
    #: not everything was proven, so the person must say that this is good enough
    needs_accept: bool
    deploying: Deploying
    #: why it cannot be merged now, whoever presses; "" when it can
    refusal: str
    remedy: str = ""


async def merging(task: Task, person: Person, *, method: MergeMethod = MergeMethod.MERGE, ports: Ports) -> Merging:
    """The merge of the task's present head by that person. What cannot be read is said in it, not raised."""
    there = await ports.records.pull_request(task.id)
    verdict = await ports.records.verdict(task.id, there.head) if there is not None else None
    landed = task.state in _LANDED
    may = await ports.policy.ask(person, Act.DEPLOY if landed else Act.MERGE, task.repository, task)
    confirmation = Confirmation.PRESS if landed else await ports.policy.confirmation(task.repository)
    refused = await _refused(task, person, there, verdict, method, ports=ports)
    return Merging(
        task=task.id,
        state=task.state,
        landed=landed,
        title=there.title if there else "",
        number=there.number if there else 0,
        branch=there.branch if there else "",
        base=there.base if there else "",
        head=there.head if there else "",
        asked_by=(await ports.tasks.get_person(task.requested_by)).name,
        answer=verdict.answer if verdict else None,
        checks=_checks(verdict),
        proof=verdict.proof.tests if verdict and verdict.proof else (),
        not_proven=verdict.not_proven if verdict else (),
        files=await _files(task, there, ports=ports),
        approved_by=tuple(one.name for one in await approvers(task, there.head, ports=ports)) if there else (),
        confirmation=confirmation,
        word=there.word if there and confirmation is Confirmation.TYPED else "",
        allowed=may.allowed,
        policy=may.reason,
        needs_accept=not landed and verdict is not None and verdict.answer is Answer.UNSURE,
        deploying=await _deploying(task, ports=ports),
        refusal=refused.reason if refused else "",
        remedy=refused.remedy if refused else "",
    )


def _checks(verdict: Verdict | None) -> tuple[Check, ...]:
    return tuple(
        Check(verifier=one.verifier, answer=one.answer, summary=one_line(one.summary), counts=one.counts)
        for one in (verdict.findings if verdict else ())
    )


async def _files(task: Task, there: PullRequest | None, *, ports: Ports) -> tuple[ChangedFile, ...]:
    """None where the repository cannot be read: the diff says why."""
    if there is None:
        return ()
    try:
        base = await chosen_base(task, ports=ports)
        return files_by_risk(await ports.repositories.changes(task.repository, base.commit, there.head))
    except HonkError:
        return ()


async def _deploying(task: Task, *, ports: Ports) -> Deploying:
    try:
        base = await chosen_base(task, ports=ports)
        return await _as_declared(task, base, ports=ports)
    except HonkError as error:
        return Deploying(undo=f"not known: {one_line(error.message)}")


async def _as_declared(task: Task, base: Base, *, ports: Ports) -> Deploying:
    """As the base commit's own words have it, which is what deployment goes by."""
    config = await deployed_from(task, base, ports=ports)
    if config is None:
        return Deploying()
    live = await live_deployment(task, config, ports=ports)
    # Once this very task is live, undo goes back to what was live before it.
    own = live is not None and live.task == task.id
    previous = live is not None and (live.previous is not None if own else True)
    url = config.url or ports.previews.production(task.repository, config.environment)
    return Deploying(
        environment=config.environment,
        url=url,
        live=live.commit if live is not None else "",
        undo=undo_sentence(config, previous=previous),
    )


async def _refused(
    task: Task,
    person: Person,
    there: PullRequest | None,
    verdict: Verdict | None,
    method: MergeMethod,
    *,
    ports: Ports,
) -> Refused | None:
    if there is None:
        return Refused(reason="there is no pull request to merge", remedy=f"honk show {task.id}")
    if task.state not in PRESSABLE:
        return Refused(reason=f"the task is {task.state}", remedy=f"merge when it rests: honk follow {task.id}")
    if (gone := await deleted_build(task, ports=ports)) is not None or task.state in _LANDED:
        return gone
    if (said := objection(there, verdict, accept_unsure=True)) is not None:
        return said
    if (second := await lacks_second(task, person, there.head, ports=ports)) is not None:
        return second
    try:
        return await ports.forge.obstacle(task.repository, there, method=method)
    except HonkError as error:
        return Refused(reason=one_line(error.message), remedy=error.remedy)
