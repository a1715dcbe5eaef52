"""What doors show of a task, made from the store: its card, its branch, and the merge that somebody may press.

Apart from what is shown, because the command line before a server needs none of the steps.
"""

import shlex
from dataclasses import replace
from urllib.parse import urlsplit

from honk.domain import event as events
from honk.domain.deploy_line import HELD
from honk.domain.event import Event, TaskSettled
from honk.domain.person import Person
from honk.domain.plan import waiting
from honk.domain.policy import Act, Confirmation
from honk.domain.pull_request import MergeMethod, PullRequest, Refused
from honk.domain.repository import Base
from honk.domain.repository_config import DeployConfig
from honk.domain.task import State, Task
from honk.domain.text import one_line
from honk.domain.verdict import Answer, Verdict
from honk.errors import HonkError, NotNow
from honk.ports import Ports
from honk.steps.deploy import (
    deploy_config,
    deployed_from,
    environments,
    live_deployment,
    live_in,
    promotion,
    undo_sentence,
    why_waits,
)
from honk.steps.merge import PRESSABLE, approvers, deleted_build, lacks_second, objection
from honk.steps.prepare import chosen_base
from honk.views.branch import Branch
from honk.views.card import Card, deleted
from honk.views.merging import ChangedFile, Check, Deploying, Later, Merging, Promoting
from honk.views.risk import files_by_risk

#: more than any log has
_EVENTS = 1_000_000
_LANDED = frozenset({State.MERGED, State.DEPLOYED})
_DEPLOYS = frozenset({State.DEPLOYING, State.DEPLOYED})


async def card(task: Task, *, ports: Ports, log: tuple[Event, ...] | None = None) -> Card:
    """The task as it is now; `log` are its events, for who has read them already."""
    log = await ports.events.read(task.id, limit=_EVENTS) if log is None else log
    base = next((e.data for e in reversed(log) if isinstance(e.data, events.BaseChosen)), None)
    settled = [e.data for e in log if isinstance(e.data, TaskSettled)]
    live = [e.data for e in log if isinstance(e.data, events.DeploymentFinished) and e.data.state == "live"]
    taken = [e.data for e in log if isinstance(e.data, events.ChangeTaken)]
    person = await ports.tasks.get_person(task.requested_by)
    build = await ports.records.build(task.id)
    if build is not None:
        # Where it is shown now: a server may have begun or ended since it was made.
        kept = ports.artifacts.path(build.digest).is_file()
        build = replace(build, preview_url=await ports.previews.show(build) if kept else None)
    pull_request = await ports.records.pull_request(task.id)
    if pull_request is not None and pull_request.url is None:
        pull_request = replace(pull_request, url=ports.previews.page(f"/tasks/{task.id}/pull-request"))
    approved = await approvers(task, pull_request.head, log=log, ports=ports) if pull_request is not None else ()
    return Card(
        task=task,
        requested_by=person.name,
        base=Base(branch=base.branch, commit=base.commit) if base else None,  # type: ignore[arg-type]
        verdict=await ports.records.verdict(task.id),
        pull_request=pull_request,
        build=build,
        spent=await ports.records.spent(task.id),
        settled=settled[-1] if settled else None,
        notes=(*(e.data.text for e in log if isinstance(e.data, events.TaskNoted)), *_awaited(log)),
        production=_production(live[-1], task, ports) if live else None,
        page=ports.previews.page(f"/tasks/{task.id}"),
        hint=ports.previews.hint(),
        files=taken[-1].files if taken else (),
        insertions=taken[-1].insertions if taken else 0,
        deletions=taken[-1].deletions if taken else 0,
        deleted=deleted(log),
        approved_by=tuple(one.name for one in approved),
        confirmation=await ports.policy.confirmation(task.repository),
        plan=waiting(task, log),
        checks=_checks(log, pull_request),
        promotes_to=await _promotes_to(task, ports=ports) if task.state is State.DEPLOYED else "",
        waits_to_deploy=task.state in _LANDED and await _waits(task, ports=ports),
    )


async def _promotes_to(task: Task, *, ports: Ports) -> str:
    return (await _next(task, ports=ports)).environment if not await _waits(task, ports=ports) else ""


async def promoting(task: Task, person: Person, *, ports: Ports) -> Promoting:
    """The promotion of what is live of the task, by that person. What cannot be is said in it, not raised."""
    may = await ports.policy.ask(person, Act.PROMOTE, task.repository, task)
    found = await _next(task, ports=ports)
    if task.state is not State.DEPLOYED:
        return Promoting(task=task.id, refusal=f"the task is {task.state}", allowed=may.allowed, policy=may.reason)
    return replace(found, allowed=may.allowed, policy=may.reason)


async def in_order(task: Task, *, ports: Ports) -> tuple[str, ...]:
    """The repository's environments as the task's base has them; () where that cannot be read."""
    try:
        base = await chosen_base(task, ports=ports)
        return tuple(one.environment for one in await environments(task, base.commit, ports=ports))
    except HonkError:
        return ()


async def _next(task: Task, *, ports: Ports) -> Promoting:
    try:
        base = await chosen_base(task, ports=ports)
        found = await promotion(task, base.commit, ports=ports)
        there = await live_deployment(task, found.target, ports=ports)
        waits = await why_waits(task, found.target, ports=ports)
    except HonkError as error:
        return Promoting(task=task.id, refusal=one_line(error.message))
    return Promoting(
        task=task.id,
        came_from=found.before.environment,
        commit=found.source.commit,
        environment=found.target.environment,
        live=there.commit if there is not None else "",
        undo=undo_sentence(found.target, previous=there is not None),
        waits=waits,
    )


async def _waits(task: Task, *, ports: Ports) -> bool:
    return any(one.task == task.id and one.stand in HELD for one in await ports.deploys.places())


def _checks(log: tuple[Event, ...], pull_request: PullRequest | None) -> events.ChecksSeen | None:
    """What was seen last, where it was of the present head."""
    seen = next((e.data for e in reversed(log) if isinstance(e.data, events.ChecksSeen)), None)
    return seen if seen is not None and pull_request is not None and seen.head == pull_request.head else None


def _awaited(log: tuple[Event, ...]) -> tuple[str, ...]:
    """What the build waits for, until a worker has it."""
    over = (events.BuildReady, events.BuildFailed, events.BuildUploaded)
    for event in reversed(log):
        match event.data:
            case events.BuildWaits(reason=reason):
                return (f"the build {reason}",)
            case events.StepProgressed(step="build"):
                return ()
            case data if isinstance(data, over):
                return ()
    return ()


def _production(live: events.DeploymentFinished, task: Task, ports: Ports) -> str | None:
    """Where it can be seen now: what Honk serves itself may have another address than when it went live."""
    served = ports.previews.production(task.repository, live.environment)
    if live.url is None or (served and urlsplit(served).path == urlsplit(live.url).path):
        return served
    return live.url


async def branch(task: Task, *, ports: Ports) -> Branch:
    """Raises NotNow while there is no pull request, or when the branch is nowhere any more."""
    there = await ports.records.pull_request(task.id)
    if there is None:
        raise NotNow(
            f"task {task.id} has no branch yet", f"honk diff {task.id} | git apply takes what it changed so far"
        )
    source = await ports.forge.source(task.repository, there.branch)
    if source is None:
        remedy = f"honk diff {task.id} | git apply takes the change itself"
        raise NotNow(f"the branch {there.branch} is gone from {task.repository.url}", remedy)
    kept = source != task.repository.url
    return Branch(
        task=task.id,
        branch=there.branch,
        head=there.head,
        base=there.base,
        source=source,
        commands=(
            shlex.join(("git", "fetch", source, f"+refs/heads/{there.branch}:refs/heads/{there.branch}")),
            shlex.join(("git", "switch", there.branch)),
        ),
        note=f"{task.repository.url} has not got it: it is kept on Honk's own machine" if kept else "",
    )


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
        checks=_findings(verdict),
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


def _findings(verdict: Verdict | None) -> tuple[Check, ...]:
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
    config = await _where(task, base, ports=ports)
    if config is None:
        return Deploying()
    live = await live_deployment(task, config, ports=ports)
    # Once this very task is live, undo goes back to what was live before it.
    own = live is not None and live.task == task.id
    previous = live is not None and (live.previous is not None if own else True)
    held = await _waits(task, ports=ports)
    url = config.url or ports.previews.production(task.repository, config.environment)
    return Deploying(
        environment=config.environment,
        url=url,
        live=live.commit if live is not None else "",
        undo=undo_sentence(config, previous=previous),
        waits="" if task.state in _DEPLOYS and not held else await why_waits(task, config, ports=ports),
        then=await _then(task, config, base, ports=ports),
    )


async def _where(task: Task, base: Base, *, ports: Ports) -> DeployConfig | None:
    """The environment of which it is to be told: for which it waits, the furthest that it came to, or the first."""
    waits = [one for one in await ports.deploys.places() if one.task == task.id and one.landing.environment]
    if waits:
        return await deploy_config(task, base.commit, waits[0].environment, ports=ports)
    there = await live_in(task, base.commit, ports=ports) if task.state in _DEPLOYS else ()
    return there[-1][0] if there else await deployed_from(task, base, ports=ports)


async def _then(task: Task, config: DeployConfig, base: Base, *, ports: Ports) -> tuple[Later, ...]:
    every = await environments(task, base.commit, ports=ports)
    found = []
    for one in every[every.index(config) + 1 :]:
        before = await live_deployment(task, one, ports=ports) is not None
        undo, itself = undo_sentence(one, previous=before), one.promote_when == "healthy"
        found.append(Later(environment=one.environment, undo=undo, itself=itself))
    return tuple(found)


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
