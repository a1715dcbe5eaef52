"""commit → production, and back.

The deploy command of the repository runs in a sandbox with the build (`$HONK_ARTIFACT`, a folder) and
an empty release folder (`$HONK_PRODUCTION`). Only when it has ended well does the environment's
`current` link move to the new release, in one step; a deploy cut off half-way changes nothing.

Where the forge deploys, by a workflow of the repository, it is asked to, and asked later how far it has come.
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
from honk.steps.deploy.config import deploy_config, deployed_from, deploys, live_deployment, undo_sentence
from honk.steps.deploy.line import behind, come_first, enter, its_turn, rest, site_of, why_closed, why_waits
from honk.steps.deploy.remote import hand_over, ship, under_way, undone
from honk.steps.deploy.watch import Looked, begin_watch, look

__all__ = [
    "Looked",
    "behind",
    "deploy",
    "deploy_config",
    "deployed_from",
    "deploys",
    "enter",
    "halted",
    "live_deployment",
    "look",
    "rest",
    "ship",
    "site_of",
    "under_way",
    "undo",
    "undo_sentence",
    "why_closed",
    "why_waits",
]


async def deploy(task: Task, person: Person, release: Release, *, landing: Landing, ports: Ports) -> Deployment | None:
    """None where the repository deploys nothing, or it has to wait. Raises NotAllowed when the person may not."""
    config = await deploy_config(task, release.base.commit, ports=ports)
    if config is None:
        return None
    decision = await ports.policy.ask(person, Act.DEPLOY, task.repository, task)
    if decision.allowed and not landing.deploys:
        decision = replace(decision, allowed=False, reason="the access token is not for 'deploy'")
    closed = await why_closed(task.repository, config, ports=ports) if landing.now else ""
    said = replace(decision, reason=f"{decision.reason}; in spite of this: {closed}") if closed else decision
    await ports.audit.record(Entry.of(person, Act.DEPLOY, task.repository, task, said, ports.clock()))
    if not decision.allowed:
        able = ", ".join(await ports.policy.able(Act.DEPLOY, task.repository)) or "nobody"
        remedy = f"it waits for somebody who may deploy ({able}): honk merge {task.id}"
        raise NotAllowed(f"merged, and not deployed: {decision.reason}", remedy)
    live = await live_deployment(task, config, ports=ports)
    wanted = Deployment(
        id=_id(task, release.commit, release.digest, "deploy"),
        task=task.id,
        repository=task.repository.key,
        environment=config.environment,
        commit=release.commit,
        digest=release.digest,
        state=DeploymentState.STARTED,
        at=ports.clock(),
        previous=live.id if live else None,
    )
    there = live is not None and live.id == wanted.id
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
    if made.state is DeploymentState.LIVE:
        await ports.tasks.move(task.id, State.DEPLOYED)
        await begin_watch(task, made, config, ports=ports)
    elif made.state is DeploymentState.STARTED:
        await ports.tasks.move(task.id, State.DEPLOYING, f"{_who(config)} deploys it to {made.environment}")
    else:
        failed = "the new version is unhealthy" if made.unhealthy else "the deployment failed"
        await ports.tasks.move(task.id, State.MERGED, f"{failed}; the version before is still live")
    return made


async def halted(task: Task, *, base: Base, ports: Ports) -> bool:
    """Settles a deployment that was stopped half-way: whether its version is live, which nobody takes back here."""
    config = await deploy_config(task, base.commit, ports=ports)
    history = await ports.records.deployments(task.repository.key, config.environment) if config else ()
    begun = next((one for one in history if one.task == task.id and one.state is DeploymentState.STARTED), None)
    if begun is None or (await ports.tasks.get(task.id)).state is not State.DEPLOYING:
        return False
    if begun.remote:
        return True  # the forge goes on with it, whoever stops asking
    live = went_live(ports.home / "production" / task.repository.key / begun.environment, begun)
    made = replace(begun, state=DeploymentState.LIVE if live else DeploymentState.FAILED)
    await ports.records.save_deployment(made)
    await tell_finished(task, made, ports=ports)
    if live:
        await ports.tasks.move(task.id, State.DEPLOYED, "live before the stop came")
    return live


async def undo(task: Task, person: Person, *, base: Base, act: str, ports: Ports) -> Deployment:
    """Deploys again what was live before this task. Raises NeedsHuman when there is nothing to go back to."""
    config = await deploy_config(task, base.commit, ports=ports)
    if config is None:
        raise NeedsHuman("this repository deploys nothing, so there is nothing to undo")
    await _may_undo(task, person, ports=ports)
    history = await ports.records.deployments(task.repository.key, config.environment)
    again = _id(task, Sha(act), "", "undo")
    done = next((one for one in history if one.id == again and one.state is DeploymentState.LIVE), None)
    if done is not None:
        await tell_finished(task, done, ports=ports)
        return await undone(task, done, history, ports=ports)
    live = next((one for one in history if one.state is DeploymentState.LIVE), None)
    before = next((one for one in history if live and one.id == live.previous), None)
    if live is None or live.task != task.id or before is None or not config.undoes:
        raise NeedsHuman(*_cannot_undo(live, before, task, config))
    await come_first(task, person, config, act, ports=ports)
    await ports.tasks.move(task.id, State.DEPLOYING, "undo", actor=person.id)
    # It stays the version of the task that made it, which can be undone in its turn.
    wanted = replace(before, id=again, state=DeploymentState.STARTED, at=ports.clock())
    command = config if config.undo == "redeploy" else config.model_copy(update={"command": config.undo})
    if config.elsewhere:
        back = Release(base=base, commit=before.commit, digest=before.digest)
        made = await hand_over(task, command, wanted, back, ports=ports)
    else:
        release = Release(base=base, commit=live.commit, digest=before.digest)
        made = await carry_out(task, command, wanted, release, ports=ports)
    if made.state is DeploymentState.LIVE:
        return await undone(task, made, history, ports=ports)
    if made.state is DeploymentState.STARTED:
        reason = f"{_who(config)} deploys {made.commit[:12]} to {made.environment} again"
        await ports.tasks.move(task.id, State.DEPLOYING, reason)
        return made
    await ports.tasks.move(task.id, State.DEPLOYED, "undo failed; this version is still live")
    return made


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
    return f"a worker with {', '.join(config.labels)}" if config.labels else "the forge"


def _id(task: Task, commit: Sha, digest: str, act: str) -> str:
    return hashlib.sha256(f"{act} {task.id} {commit} {digest}".encode()).hexdigest()[:16]
