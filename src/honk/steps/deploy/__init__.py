"""commit → production, and back.

The deploy command of the repository runs in a sandbox with the build (`$HONK_ARTIFACT`, a folder) and
an empty release folder (`$HONK_PRODUCTION`). Only when it has ended well does the environment's
`current` link move to the new release, in one step; a deploy cut off half-way changes nothing.

Where the forge deploys, by a workflow of the repository, or whoever listens at a webhook, it is asked to, and asked
later how far it has come. A repository may have several environments: a merge is deployed to the first, and what is
live and healthy there is promoted to the next.
"""

import hashlib
from dataclasses import replace

from honk.domain.audit import Entry
from honk.domain.deployment import Deployment, DeploymentState, Release
from honk.domain.landing import Landing
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import CONFIG_PATH, DeployConfig
from honk.domain.task import State, Task
from honk.errors import NeedsHuman, NotAllowed
from honk.ports import Ports
from honk.steps.deploy.carrying_out import carry_out, tell_finished, went_live
from honk.steps.deploy.config import (
    deploy_config,
    deployed_from,
    deploys,
    environments,
    live_deployment,
    live_in,
    rests_as,
    undo_sentence,
)
from honk.steps.deploy.line import behind, come_first, enter, its_turn, rest, site_of, why_closed, why_waits
from honk.steps.deploy.promoting import Promotion, promoted, promotion, why_unproven
from honk.steps.deploy.remote import hand_over, ship, told_ending, under_way, undone
from honk.steps.deploy.watch import Looked, begin_watch, look

__all__ = [
    "Looked",
    "Promotion",
    "behind",
    "deploy",
    "deploy_config",
    "deployed_from",
    "deploys",
    "enter",
    "environments",
    "halted",
    "live_deployment",
    "live_in",
    "look",
    "promoted",
    "promotion",
    "rest",
    "rests_as",
    "ship",
    "site_of",
    "told_ending",
    "under_way",
    "undo",
    "undo_sentence",
    "why_closed",
    "why_unproven",
    "why_waits",
]


async def deploy(task: Task, person: Person, release: Release, *, landing: Landing, ports: Ports) -> Deployment | None:
    """None where the repository deploys nothing, or it has to wait. Raises NotAllowed when the person may not."""
    config = await deploy_config(task, release.base.commit, landing.environment, ports=ports)
    if config is None:
        return None
    await _allow(task, person, config, landing, ports=ports)
    live = await live_deployment(task, config, ports=ports)
    wanted = Deployment(
        id=await _name(task, config, release, landing, ports=ports),
        task=task.id,
        repository=task.repository.key,
        environment=config.environment,
        commit=release.commit,
        digest=release.digest,
        state=DeploymentState.STARTED,
        at=ports.clock(),
        previous=live.id if live else None,
    )
    there = live is not None and (live.id == wanted.id or _same(live, wanted, config, landing))
    if not there and not await its_turn(task, person, config, release.base, landing, ports=ports):
        return None
    if (await ports.tasks.get(task.id)).state is not State.DEPLOYED:
        await ports.tasks.move(task.id, State.DEPLOYING, actor=person.id)
    if live is not None and there:
        made = live
        await tell_finished(task, made, ports=ports)
    elif config.elsewhere:
        made = await hand_over(task, config, wanted, release, ports=ports)
    else:
        made = await carry_out(task, config, wanted, release, ports=ports)
    await _come_to_rest(task, made, config, landing, ports=ports)
    return made


async def _allow(task: Task, person: Person, config: DeployConfig, landing: Landing, *, ports: Ports) -> None:
    """Asked now, whatever was allowed when it was pressed. Raises NotAllowed."""
    act = Act.PROMOTE if landing.environment else Act.DEPLOY
    decision = await ports.policy.ask(person, act, task.repository, task)
    if decision.allowed and not landing.deploys:
        decision = replace(decision, allowed=False, reason="the access token is not for 'deploy'")
    closed = await why_closed(task.repository, config, ports=ports) if landing.now else ""
    said = replace(decision, reason=f"{decision.reason}; in spite of this: {closed}") if closed else decision
    await ports.audit.record(Entry.of(person, act, task.repository, task, said, ports.clock()))
    if not decision.allowed:
        able = ", ".join(await ports.policy.able(act, task.repository)) or "nobody"
        remedy = f"it waits for somebody who may {act} ({able}): honk {'promote' if landing.environment else 'merge'}"
        not_done = f"not promoted to {config.environment}" if landing.environment else "merged, and not deployed"
        raise NotAllowed(f"{not_done}: {decision.reason}", f"{remedy} {task.id}")


async def _come_to_rest(task: Task, made: Deployment, config: DeployConfig, landing: Landing, *, ports: Ports) -> None:
    if made.state is DeploymentState.LIVE:
        await ports.tasks.move(task.id, State.DEPLOYED)
        await begin_watch(task, made, config, ports=ports)
    elif made.state is DeploymentState.STARTED:
        await ports.tasks.move(task.id, State.DEPLOYING, f"{_who(config)} deploys it to {made.environment}")
    else:
        failed = "the new version is unhealthy" if made.unhealthy else "the deployment failed"
        failed = f"not promoted to {made.environment}: {failed}" if landing.environment else failed
        rests = State.DEPLOYED if landing.environment else State.MERGED
        await ports.tasks.move(task.id, rests, f"{failed}; the version before is still live")


def _same(live: Deployment, wanted: Deployment, config: DeployConfig, landing: Landing) -> bool:
    """Whether that version is there already. A name made of the press tells one try from another, not versions."""
    version = (live.task, live.commit, live.digest) == (wanted.task, wanted.commit, wanted.digest)
    return version and (bool(landing.environment) or config.webhook is not None)


async def _name(task: Task, config: DeployConfig, release: Release, landing: Landing, *, ports: Ports) -> str:
    """The deployment's id. One that was begun and has not ended is gone on with."""
    if config.webhook is None and not landing.environment:
        return _id(task, release.commit, release.digest, "deploy")
    history = await ports.records.deployments(task.repository.key, config.environment)
    begun = (one for one in history if one.state is DeploymentState.STARTED and one.task == task.id)
    name = _id(task, release.commit, release.digest, f"deploy {config.environment} {landing.press}")
    return next((one.id for one in begun if one.commit == release.commit), name)


async def halted(task: Task, *, base: Base, ports: Ports) -> bool:
    """Settles a deployment that was stopped half-way: whether its version is live, which nobody takes back here."""
    begun, remote = None, False
    for config in await environments(task, base.commit, ports=ports):
        history = await ports.records.deployments(task.repository.key, config.environment)
        own = (one for one in history if one.task == task.id and one.state is DeploymentState.STARTED)
        if begun is None:
            begun, remote = next(own, None), config.webhook is not None or bool(config.labels)
    if begun is None or (await ports.tasks.get(task.id)).state is not State.DEPLOYING:
        return False
    if begun.remote or remote:
        return True  # whoever carries it out goes on with it, whoever stops asking
    live = went_live(ports.home / "production" / task.repository.key / begun.environment, begun)
    made = replace(begun, state=DeploymentState.LIVE if live else DeploymentState.FAILED)
    await ports.records.save_deployment(made)
    await tell_finished(task, made, ports=ports)
    if live:
        await ports.tasks.move(task.id, State.DEPLOYED, "live before the stop came")
    return live


async def undo(task: Task, person: Person, *, base: Base, act: str, environment: str = "", ports: Ports) -> Deployment:
    """Deploys again what was live before this task, in that environment or in the furthest to which it came.

    Raises NeedsHuman when there is nothing to go back to.
    """
    again = _id(task, Sha(act), "", "undo")
    config = await _to_undo(task, base, again, environment, ports=ports)
    if config is None:
        raise NeedsHuman("this repository deploys nothing, so there is nothing to undo")
    await _may_undo(task, person, ports=ports)
    history = await ports.records.deployments(task.repository.key, config.environment)
    done = next((one for one in history if one.id == again and one.state is DeploymentState.LIVE), None)
    if done is not None:
        await tell_finished(task, done, ports=ports)
        return await undone(task, done, history, base.commit, ports=ports)
    live = next((one for one in history if one.state is DeploymentState.LIVE), None)
    before = next((one for one in history if live and one.id == live.previous), None)
    if live is None or live.task != task.id or before is None or not config.undoes:
        raise NeedsHuman(*_cannot_undo(live, before, task, config))
    await come_first(task, person, config, act, ports=ports)
    await ports.tasks.move(task.id, State.DEPLOYING, "undo", actor=person.id)
    # It stays the version of the task that made it, which can be undone in its turn.
    wanted = replace(before, id=again, state=DeploymentState.STARTED, at=ports.clock(), remote="")
    command = config if config.undo == "redeploy" else config.model_copy(update={"command": config.undo})
    if config.elsewhere:
        back = Release(base=base, commit=before.commit, digest=before.digest)
        made = await hand_over(task, command, wanted, back, ports=ports)
    else:
        release = Release(base=base, commit=live.commit, digest=before.digest)
        made = await carry_out(task, command, wanted, release, ports=ports)
    if made.state is DeploymentState.LIVE:
        return await undone(task, made, history, base.commit, ports=ports)
    if made.state is DeploymentState.STARTED:
        reason = f"{_who(config)} deploys {made.commit[:12]} to {made.environment} again"
        await ports.tasks.move(task.id, State.DEPLOYING, reason)
        return made
    await ports.tasks.move(task.id, State.DEPLOYED, "undo failed; this version is still live")
    return made


async def _to_undo(task: Task, base: Base, again: str, environment: str, *, ports: Ports) -> DeployConfig | None:
    """Where it is undone. An undo that was begun goes on where it was, whatever is live by now."""
    every = await environments(task, base.commit, ports=ports)
    for config in every:
        if any(one.id == again for one in await ports.records.deployments(task.repository.key, config.environment)):
            return config
    if environment:
        return next((one for one in every if one.environment == environment), None)
    there = await live_in(task, base.commit, ports=ports)
    return there[-1][0] if there else next(iter(every), None)


def _cannot_undo(
    live: Deployment | None, before: Deployment | None, task: Task, config: DeployConfig
) -> tuple[str, str]:
    if live is None:
        return f"nothing is live in {config.environment}", ""
    if live.task != task.id:
        return f"{config.environment} is at another task's version now ({live.task})", f"honk undo {live.task}"
    if before is None:
        return f"there was no version before this one in {config.environment}", "merge a revert instead"
    why = 'undo = "none"' if config.undo == "none" else f'no input of {config.workflow} holds "{{commit}}"'
    return f"{config.environment} cannot undo ({why} in {CONFIG_PATH})", "merge a revert instead"


async def _may_undo(task: Task, person: Person, *, ports: Ports) -> None:
    """Asked when it was pressed, and again now; only a change of mind is worth a line in the audit log."""
    decision = await ports.policy.ask(person, Act.UNDO, task.repository, task)
    if not decision.allowed:
        await ports.audit.record(Entry.of(person, Act.UNDO, task.repository, task, decision, ports.clock()))
        raise NotAllowed(decision.reason)


def _who(config: DeployConfig) -> str:
    if config.labels:
        return f"a worker with {', '.join(config.labels)}"
    return "the forge" if config.webhook is None else "the webhook's target"


def _id(task: Task, commit: Sha, digest: str, act: str) -> str:
    return hashlib.sha256(f"{act} {task.id} {commit} {digest}".encode()).hexdigest()[:16]
