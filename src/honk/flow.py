"""The life of a task: start reading here.

A task lives in two short workflows. `turn` goes from a message to something that can be looked at;
`land` goes from a person's approval to production. Between them a task is a row in a state: nothing
waits in memory. Each `once(name, …)` is one finished step in the journal; after a crash the workflow
runs again from the top, and finished steps answer from the journal.

Here is only the order of the steps. Where the rest comes in:

- money: `reserve` before the first step, given back by `settle` (`steps/budget.py`)
- stop: `stoppable` around every step (`steps/stop.py`); in line and at rest, `app/stopping.py`
- steer, interrupt, ask, verify before the end, snapshots, what was lost: within `code` (`steps/code/`)
- spares and agents that wait: `prepare` and `code` take them from `ports.pool`
- pause when the machine is in trouble, tries again, places in line: `worker.py` wraps `once` before it comes here
- again from a point: the worker lets the steps before it stand (`steps/again.py`)
- what a forge does by itself (checks, queues, deployments): `app/watching.py` looks; `checked` and `shipped` follow
- a build that somebody's CI uploads: `app/uploading.py` takes it in; `uploaded` makes it a build
- what labelled workers do: `steps/*/labelled.py`, and `app/labouring.py` meets them; `uploaded`, `shipped` follow
- a build that a channel (TestFlight) takes: `share` begins it, `app/offering.py` asks again, by `offered`
- a deployment that waits for its window, a thaw or its turn; health: `app/deploying.py` begins `land` and `watched`
- a version that goes on to the next environment: `app/promoting.py` begins `land`, which then merges nothing
- a base that moved, a branch that a person moved: `prepare` begins from there (`steps/prepare/moved.py`)
- who asks, and who is told: the doors, by way of `service/`; a door has its map in `doors/slack/__init__.py` and so on
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import cast

from honk.domain.attempt import LIMITS, Attempt
from honk.domain.build import Build
from honk.domain.channel import Offer
from honk.domain.codec import maybe
from honk.domain.deployment import Deployment, DeploymentState, Release
from honk.domain.ending import BROKEN_OFF, UNVERIFIED, Ending, broken_off, concluded, ended_by, nothing_new
from honk.domain.landing import Landing
from honk.domain.person import Person, PersonId
from honk.domain.pull_request import Merged, MergeResult, PullRequest, Queued
from honk.domain.repository import Sha
from honk.domain.task import State, Task
from honk.domain.turn import Outcome, Point, Turn
from honk.domain.verdict import Answer, Verdict
from honk.domain.workspace import Workspace
from honk.errors import HonkError, NotAllowed, Stopped
from honk.ports import Exam, Once, Ports
from honk.steps.again import MADE_AGAIN, make_again
from honk.steps.budget import reserve
from honk.steps.build import Ahead, ahead, build, close, fetch, keep, of_base, release
from honk.steps.code import Order, code
from honk.steps.conclude import conclude, follow
from honk.steps.deploy import Looked, deploy, deploys, enter, halted, look, promoted, rests_as, ship, undo
from honk.steps.merge import merge
from honk.steps.offer import offer_build
from honk.steps.picture import picture
from honk.steps.plan import offer, plans
from honk.steps.prepare import chosen_base, prepare
from honk.steps.propose import present, propose, show
from honk.steps.settle import come_to_rest, settle, settle_landing
from honk.steps.share import share
from honk.steps.stop import stoppable, until_stopped
from honk.steps.verify import baseline, exam_of, verify

Deploying = Callable[[Release], Awaitable[Deployment | None]]
#: One attempt, and two more after a refused verdict.
ATTEMPTS = 3


async def turn(task: Task, turn: Turn, once: Once, *, ports: Ports) -> Ending:
    """message → prepare → (code → verify)* → propose → build → share → picture; or, with a plan, → plan."""
    try:
        task = await reserve(task, turn, ports=ports)
        ending = await _work(task, turn, stoppable(once, task, ports), ports=ports)
    except HonkError as error:
        ending = ended_by(error)
    return await settle(task, turn, ending, ports=ports)


async def _work(task: Task, turn: Turn, once: Once, *, ports: Ports) -> Ending:
    if turn.point in MADE_AGAIN:
        await once("again", State, partial(make_again, task, turn, ports=ports))
    workspace = await once("prepare", Workspace, partial(prepare, task, turn, ports=ports))
    exam = await exam_of(task, turn, workspace, ports=ports)
    if turn.number == 1:
        base = await once("baseline", Verdict, partial(baseline, task, turn, exam, ports=ports))
        if base.base_broken:
            return Ending(outcome=Outcome.QUESTION, state=State.WAITING, reason=base.base_broken)
    order = Order(task=task, turn=turn, workspace=workspace, exam=exam, number=1)
    if await plans(task, turn, ports=ports):
        stopping, order = partial(until_stopped, task, ports), replace(order, plans=True)
        planned = await once("code/1", Attempt, partial(code, order, stopping=stopping, ports=ports))
        return await offer(task, turn, planned, ports=ports)
    async with ahead(task, ports=ports) as artifact:
        attempt, verdict = await _attempts(order, once, artifact, ports=ports)
        change = attempt.change
        if attempt.cut_short in BROKEN_OFF:
            return broken_off(attempt)
        if change is None or change.empty or (change.commit == change.parent and workspace.head is None):
            return nothing_new(attempt)
        proposed = partial(propose, task, turn, workspace, attempt, verdict, ports=ports)
        await once("propose", PullRequest, proposed)
        wanted = task.options.builds or turn.point == Point.BUILD
        if wanted and verdict is not None and verdict.answer is not Answer.FAIL:
            changed = replace(exam, change=change)
            building = partial(build, task, turn, changed, change.commit, begun=artifact, ports=ports)
            made = await once("build", maybe(Build), building)
            if made is not None:
                shared = await once("share", Build, partial(share, task, turn, made, ports=ports))
                pictures = partial(
                    picture, task, turn, shared, changed, of_base=partial(of_base, ports=ports), ports=ports
                )
                await once("picture", Build, pictures)
                await once("present", maybe(PullRequest), partial(present, task, ports=ports))
        return concluded(attempt, verdict)


async def _attempts(order: Order, once: Once, artifact: Ahead, *, ports: Ports) -> tuple[Attempt, Verdict | None]:
    """The last attempt and its verdict; the agent is sent back while the gate refuses."""
    task, stopping, sent_back = order.task, partial(until_stopped, order.task, ports), ""
    for number in range(1, ATTEMPTS + 1):
        order = replace(order, number=number, sent_back=sent_back)
        attempt = await once(f"code/{number}", Attempt, partial(code, order, stopping=stopping, ports=ports))
        verdict: Verdict | None = None
        if attempt.cut_short == "hand-back":
            sent_back = attempt.reason
        elif attempt.cut_short in UNVERIFIED or attempt.change is None or attempt.change.empty:
            break
        else:
            # What people could look at afterwards is begun beside the verdict.
            asked = partial(verify, task, order.turn, order.workspace, attempt, meanwhile=artifact.begin, ports=ports)
            verdict = await once(f"verify/{number}", Verdict, asked)
            sent_back = ports.gate.words(verdict)
            if verdict.answer is not Answer.FAIL:
                break
        if attempt.cut_short in LIMITS or not ports.agents[task.options.agent].corrects:
            break
    return attempt, verdict


async def checked(task: Task, head: Sha, act: str, once: Once, *, ports: Ports) -> Ending:
    """the forge's checks have answered → verdict → the pull request leaves draft, or the agent is sent back."""
    outcome = Outcome.ERROR
    try:
        verdict = await once("conclude", maybe(Verdict), partial(conclude, task, head, ports=ports))
        if verdict is None:  # it is about another head by now
            return Ending(outcome=Outcome.NO_CHANGE, state=task.state, reason=task.reason)
        if verdict.answer is not Answer.FAIL:
            base = await chosen_base(task, ports=ports)
            made = await once("fetch", maybe(Build), partial(fetch, task, base, head, ports=ports))
            if made is not None:
                last = await ports.tasks.turn(task.id, task.turn)
                shared = await once("share", Build, partial(share, task, last, made, ports=ports))
                await _pictured(task, last, shared, once, ports=ports)
        await once("present", maybe(PullRequest), partial(present, task, ports=ports))
        await once("report", bool, partial(show, task, head, verdict, ports=ports))
        outcome = await once("follow", Outcome, partial(follow, task, verdict, ports=ports))
    except HonkError as error:
        await come_to_rest(task, State.MERGED, str(error), ports=ports)
    return await settle_landing(task, act, outcome, ports=ports)


async def uploaded(task: Task, id: str, once: Once, *, ports: Ports) -> Build | None:
    """somebody's CI has uploaded a file → build → share; None where it is not the task's latest build."""
    made = await once("keep", maybe(Build), partial(keep, task, id, ports=ports))
    if made is not None:
        last = await ports.tasks.turn(task.id, task.turn)
        made = await once("share", Build, partial(share, task, last, made, ports=ports))
        await once("close", bool, partial(close, id, made, ports=ports))
        await _pictured(task, last, made, once, ports=ports)
        await once("present", maybe(PullRequest), partial(present, task, ports=ports))
    return made


async def _pictured(task: Task, last: Turn, made: Build, once: Once, *, ports: Ports) -> None:
    """Screenshots of a build that somebody else made, as of one of Honk's own."""
    if made.kind == "web":
        base = await chosen_base(task, ports=ports)
        exam = Exam(task=task.id, repository=task.repository, base=base, change=None, instruction=task.instruction)
        pictures = partial(picture, task, last, made, exam, of_base=partial(of_base, ports=ports), ports=ports)
        await once("picture", Build, pictures)


async def land(task: Task, landing: Landing, once: Once, *, ports: Ports) -> Ending:
    """approval → merge → deploy; of a promotion: what is live in one environment → deploy to the next."""
    rests = State.DEPLOYED if landing.environment else State.MERGED
    person, once = await ports.tasks.get_person(landing.by), stoppable(once, task, ports)
    merging = partial(merge, task, person, landing, ports=ports)
    outcome = Outcome.ERROR
    try:
        if landing.environment:
            outcome = await _promoted(task, person, landing, once, ports=ports)
            return await settle_landing(task, landing.act, outcome, ports=ports)
        result = await once("merge", cast("type[MergeResult]", MergeResult), merging)
        if isinstance(result, Merged):
            await once("line", bool, partial(_in_line, task, landing, ports=ports))
            deploying = partial(deploy, task, person, landing=landing, ports=ports)
            outcome = await _released(task, deploying, result.commit, once, ports=ports)
        elif isinstance(result, Queued):
            outcome = Outcome.PASS
    except Stopped as error:
        outcome = Outcome.STOPPED
        await halt(task, str(error), ports=ports)
    except HonkError as error:
        outcome = Outcome.QUESTION if isinstance(error, NotAllowed) else Outcome.ERROR
        await come_to_rest(task, rests, str(error), ports=ports)
    return await settle_landing(task, landing.act, outcome, ports=ports)


async def _promoted(task: Task, person: Person, landing: Landing, once: Once, *, ports: Ports) -> Outcome:
    await once("line", bool, partial(_in_line, task, landing, ports=ports))
    base = await chosen_base(task, ports=ports)
    wanted = await once("release", Release, partial(promoted, task, base, landing, ports=ports))
    deploying = partial(deploy, task, person, wanted, landing=landing, ports=ports)
    made = await once("deploy", maybe(Deployment), deploying)
    return Outcome.ERROR if made is not None and made.state is DeploymentState.FAILED else Outcome.PASS


async def _in_line(task: Task, landing: Landing, *, ports: Ports) -> bool:
    return await enter(task, landing, await chosen_base(task, ports=ports), ports=ports) is not None


async def _released(task: Task, deploying: Deploying, merged: Sha, once: Once, *, ports: Ports) -> Outcome:
    base = await chosen_base(task, ports=ports)
    its_way = partial(deploys, task, base, ports=ports)
    wanted = await once("release", maybe(Release), partial(release, task, base, merged, its_way, ports=ports))
    if wanted is None:
        return Outcome.PASS
    made = await once("deploy", maybe(Deployment), partial(deploying, wanted))
    return Outcome.ERROR if made is not None and made.state is DeploymentState.FAILED else Outcome.PASS


async def shipped(task: Task, act: str, once: Once, *, ports: Ports) -> Ending:
    """the forge has ended a deployment → the version is live, or the one before still is."""
    outcome = Outcome.ERROR
    try:
        base = await chosen_base(task, ports=ports)
        made = await once("ship", maybe(Deployment), partial(ship, task, base=base, ports=ports))
        outcome = Outcome.PASS if made is None or made.state is DeploymentState.LIVE else Outcome.ERROR
    except HonkError as error:
        await come_to_rest(task, await landed_as(task, ports=ports), str(error), ports=ports)
    return await settle_landing(task, act, outcome, ports=ports)


async def watched(task: Task, deployment: str, once: Once, *, ports: Ports) -> Looked:
    """live → one look at its health."""
    base = await chosen_base(task, ports=ports)
    return await once("look", Looked, partial(look, task, deployment, base=base, ports=ports))


async def offered(task: Task, build: str, channel: str, once: Once, *, ports: Ports) -> Offer | None:
    """a build that a channel takes → one word with the channel; None where there is nothing to ask any more."""
    return await once("offer", maybe(Offer), partial(offer_build, task, build, channel, ports=ports))


async def halt(task: Task, reason: str, *, ports: Ports) -> None:
    """A landing that a person stopped rests as merged, or as deployed where the version was live already."""
    if not await halted(task, base=await chosen_base(task, ports=ports), ports=ports):
        rests = await landed_as(task, ports=ports)
        await come_to_rest(task, rests, f"{reason}, before it was deployed", ports=ports)


async def landed_as(task: Task, *, ports: Ports) -> State:
    """In which state a landing that broke off leaves the task: deployed where a version of it is live somewhere."""
    try:
        return (await rests_as(task, (await chosen_base(task, ports=ports)).commit, ports=ports))[0]
    except HonkError:
        return State.MERGED


async def revert(task: Task, by: PersonId, act: str, once: Once, *, environment: str = "", ports: Ports) -> Ending:
    """undo → the version before is live again."""
    person, outcome = await ports.tasks.get_person(by), Outcome.ERROR
    try:
        base = await chosen_base(task, ports=ports)
        undoing = partial(undo, task, person, base=base, act=act, environment=environment, ports=ports)
        made = await once("undo", Deployment, undoing)
        outcome = Outcome.PASS if made.state is DeploymentState.LIVE else Outcome.ERROR
    except HonkError as error:
        await come_to_rest(task, State.DEPLOYED, str(error), ports=ports)
    return await settle_landing(task, act, outcome, ports=ports)
