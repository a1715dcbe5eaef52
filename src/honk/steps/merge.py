"""approval → commit: exactly the commit that was verified, or nothing."""

from dataclasses import replace
from functools import partial

from honk.domain.audit import Entry
from honk.domain.event import Event, MergeDone, MergeQueued, MergeRefused, PullRequestApproved, TaskMoved
from honk.domain.landing import Landing
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act, Confirmation
from honk.domain.pull_request import Merged, MergeResult, PullRequest, PullRequestState, Queued, Refused
from honk.domain.repository import Sha
from honk.domain.task import State, Task
from honk.domain.text import one_line
from honk.domain.verdict import Answer, Verdict
from honk.ports import Ports
from honk.ports.slow import progress, slow

#: Merged already, whatever has become of the deployment.
_LANDED = frozenset({State.MERGED, State.DEPLOYING, State.DEPLOYED})
#: At rest with a pull request; MERGING is what a crash leaves.
_LANDABLE = _LANDED | {State.PROPOSED, State.DRAFT, State.WAITING, State.STOPPED, State.MERGING}


#: At rest, with something that a person can press.
PRESSABLE = (_LANDABLE | {State.DEPLOYED}) - {State.MERGING, State.DEPLOYING}


async def merge(task: Task, person: Person, landing: Landing, *, ports: Ports) -> MergeResult:
    """Merges if the person may, the verdict allows it, and the branch is where it was verified.

    What has landed is not merged again; the answer is the same, so that a failed deployment can be tried again.
    """
    now = await ports.tasks.get(task.id)
    landed = now.state in _LANDED
    tell = partial(ports.events.record, task.id, now.turn)
    if now.state not in _LANDABLE:
        busy = Refused(reason=f"the task is {now.state}", remedy=f"merge when it rests: honk follow {task.id}")
        await tell(MergeRefused(reason=busy.reason, remedy=busy.remedy), actor=person.id)
        return busy
    if not landed:
        await ports.tasks.move(task.id, State.MERGING, actor=person.id)
    refused = None if landed else await _refused(task, person, landing.head, ports=ports)
    result = refused or await _decide(task, person, landing, ports=ports)
    match result:
        case Merged(commit=commit):
            pull_request = await ports.records.pull_request(task.id)
            base = pull_request.base if pull_request else ""
            done = MergeDone(commit=commit, head=landing.head, base=base)
            await tell(done, actor=person.id, key=f"merged/{landing.head}")
            if not landed:
                await ports.tasks.move(task.id, State.MERGED)
        case Refused(reason=reason, remedy=remedy):
            await tell(MergeRefused(reason=reason, remedy=remedy), actor=person.id)
            back = now.state if landed else await _before(task, ports=ports)
            await ports.tasks.move(task.id, back, f"{reason}\n{remedy}" if remedy else reason)
        case Queued(position=position):
            queued = MergeQueued(
                head=landing.head,
                position=position,
                act=landing.act,
                method=landing.method,
                accept_unsure=landing.accept_unsure,
                deploys=landing.deploys,
            )
            await tell(queued, actor=person.id, key=f"queued/{landing.act}")
            await ports.tasks.move(task.id, State.MERGING, "waits in the forge's merge queue, or for its checks")
    return result


async def _before(task: Task, *, ports: Ports) -> State:
    """Where the task was when it began to merge; a crash may lie between."""
    moves = [one.data for one in await ports.events.read(task.id) if isinstance(one.data, TaskMoved)]
    return [State(one.before) for one in moves if one.state == State.MERGING != one.before][-1]


async def approvers(task: Task, head: Sha, *, log: tuple[Event, ...] | None = None, ports: Ports) -> tuple[Person, ...]:
    """Who approved exactly that commit, each once, in the order in which they did; `log` is for who has it read."""
    found: dict[PersonId, Person] = {}
    for event in await ports.events.read(task.id) if log is None else log:
        if isinstance(event.data, PullRequestApproved) and event.data.head == head and event.actor is not None:
            person = await ports.tasks.get_person(event.actor)
            found.setdefault(person.id, person)
    return tuple(found.values())


async def deleted_build(task: Task, *, ports: Ports) -> Refused | None:
    """A refusal where there was a build, and its bytes are gone."""
    build = await ports.records.build(task.id) if task.state is not State.DEPLOYED else None
    if build is None or ports.artifacts.path(build.digest).is_file():
        return None
    merged = task.state is State.MERGED
    remedy = "ask for the change again" if merged else f"honk retry {task.id} --from build makes it again"
    return Refused(reason=f"the build of task {task.id} was deleted", remedy=remedy)


async def lacks_second(task: Task, person: Person, head: Sha, *, ports: Ports) -> Refused | None:
    """A refusal where the policy asks for a second person, and nobody else who may merge approved that commit."""
    if await ports.policy.confirmation(task.repository) is not Confirmation.SECOND:
        return None
    # Whoever was known under another name meanwhile is still no second person.
    merging = await ports.tasks.get_person(person.id)
    for other in await approvers(task, head, ports=ports):
        may = await ports.policy.ask(other, Act.APPROVE, task.repository, task)
        if other.id != merging.id and may.allowed:
            return None
    reason = (
        f"this repository merges with a second person: somebody other than {one_line(person.name)} who may merge "
        f"must approve {head[:12]} first"
    )
    return Refused(reason=reason, remedy=f"honk approve {task.id}")


async def _refused(task: Task, person: Person, head: Sha, *, ports: Ports) -> Refused | None:
    """What the policy says at the moment of the merge; the press may be long ago."""
    decision = await ports.policy.ask(person, Act.MERGE, task.repository, task)
    if decision.allowed:
        return await lacks_second(task, person, head, ports=ports)
    await ports.audit.record(Entry.of(person, Act.MERGE, task.repository, task, decision, ports.clock()))
    return Refused(reason=decision.reason)


async def _decide(task: Task, person: Person, landing: Landing, *, ports: Ports) -> MergeResult:
    head = landing.head
    pull_request = await ports.forge.find(task.repository, task.id)
    verdict = await ports.records.verdict(task.id, head)
    if pull_request is None:
        return Refused(reason="there is no pull request to merge", remedy=f"honk show {task.id}")
    if pull_request.state is not PullRequestState.MERGED:
        refused = objection(replace(pull_request, head=head), verdict, accept_unsure=landing.accept_unsure)
        if refused is not None:
            return refused
    message = f"{pull_request.title}\n\nHonk-Task: {task.id}\nMerged-by: {one_line(person.name)}\n"
    tell = partial(ports.events.record, task.id, task.turn)
    async with slow(tell, progress("merge", f"merging into {pull_request.base}")):
        return await ports.forge.merge(task.repository, pull_request, head=head, method=landing.method, message=message)


def objection(pull_request: PullRequest, verdict: Verdict | None, *, accept_unsure: bool) -> Refused | None:
    """What the gate's verdict on the head, or its absence, has against a merge."""
    if verdict is None:
        reason = f"the commit {pull_request.head[:12]} was not verified"
        return Refused(reason=reason, remedy=f"honk retry {pull_request.task}")
    answer = verdict.answer
    if answer is Answer.PASS and pull_request.state is PullRequestState.OPEN:
        return None
    if answer is Answer.UNSURE and accept_unsure:
        return None
    if answer is Answer.UNSURE:
        return Refused(
            reason="the verdict is unsure: not everything was proven",
            remedy="read what was not proven, and merge with --accept-unsure if that is good enough for you",
        )
    if answer is Answer.PASS:
        return Refused(reason="the pull request is a draft: the work on it ended early", remedy="honk retry")
    return Refused(reason="the gate has not passed this change", remedy="reply with what to do, or retry")
