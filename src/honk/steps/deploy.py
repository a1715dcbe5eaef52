"""commit → production, and back.

The deploy command of the repository runs in a sandbox with the build (`$HONK_ARTIFACT`, a folder) and
an empty release folder (`$HONK_PRODUCTION`). Only when it has ended well does the environment's
`current` link move to the new release, in one step; a deploy cut off half-way changes nothing.
"""

import hashlib
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from honk.domain.audit import Entry
from honk.domain.deployment import Deployment, DeploymentState, Release
from honk.domain.event import DeploymentFinished, DeploymentStarted
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import CONFIG_PATH, DeployConfig, parse
from honk.domain.task import State, Task
from honk.domain.text import one_line
from honk.domain.workspace import Workspace
from honk.errors import NeedsHuman, NotAllowed
from honk.ports import Box, Mount, Ports, Ran

_UNPACK = 'mkdir -p /tmp/artifact && tar -C /tmp/artifact -xf /honk/artifact.tar && exec sh -c "$0"'


async def deploy(
    task: Task, person: Person, release: Release, *, permitted: bool = True, ports: Ports
) -> Deployment | None:
    """None where the repository deploys nothing. Raises NotAllowed when the person may not.

    `permitted` is False for a person who came with an access token that is not for this.
    """
    config = await deploy_config(task, release.base.commit, ports=ports)
    if config is None:
        return None
    decision = await ports.policy.ask(person, Act.DEPLOY, task.repository, task)
    if decision.allowed and not permitted:
        decision = replace(decision, allowed=False, reason="the access token is not for 'deploy'")
    await ports.audit.record(Entry.of(person, Act.DEPLOY, task.repository, task, decision, ports.clock()))
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
    if (await ports.tasks.get(task.id)).state is not State.DEPLOYED:
        await ports.tasks.move(task.id, State.DEPLOYING, actor=person.id)
    if live is not None and live.id == wanted.id:
        made = live
        await _tell_finished(task, made, ports=ports)
    else:
        made = await _carry_out(task, config, wanted, release, ports=ports)
    if made.state is DeploymentState.LIVE:
        await ports.tasks.move(task.id, State.DEPLOYED)
    else:
        failed = "the new version is unhealthy" if made.unhealthy else "the deployment failed"
        await ports.tasks.move(task.id, State.MERGED, f"{failed}; the version before is still live")
    return made


async def halted(task: Task, *, base: Base, ports: Ports) -> bool:
    """Settles a deployment that was stopped half-way: whether its version is live, which nobody takes back here."""
    config = await deploy_config(task, base.commit, ports=ports)
    history = await ports.records.deployments(task.repository.key, config.environment) if config else ()
    under_way = next((one for one in history if one.task == task.id and one.state is DeploymentState.STARTED), None)
    if under_way is None or (await ports.tasks.get(task.id)).state is not State.DEPLOYING:
        return False
    live = _went_live(ports.home / "production" / task.repository.key / under_way.environment, under_way)
    made = replace(under_way, state=DeploymentState.LIVE if live else DeploymentState.FAILED)
    await ports.records.save_deployment(made)
    await _tell_finished(task, made, ports=ports)
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
        await _tell_finished(task, done, ports=ports)
        return await _undone(task, done, history, ports=ports)
    live = next((one for one in history if one.state is DeploymentState.LIVE), None)
    before = next((one for one in history if live and one.id == live.previous), None)
    if live is None or live.task != task.id or before is None or config.undo == "none":
        raise NeedsHuman(*_cannot_undo(live, before, task, config))
    await ports.tasks.move(task.id, State.DEPLOYING, "undo", actor=person.id)
    # It stays the version of the task that made it, which can be undone in its turn.
    wanted = replace(before, id=again, state=DeploymentState.STARTED, at=ports.clock())
    command = config if config.undo == "redeploy" else config.model_copy(update={"command": config.undo})
    release = Release(base=base, commit=live.commit, digest=before.digest)
    made = await _carry_out(task, command, wanted, release, ports=ports)
    if made.state is DeploymentState.LIVE:
        return await _undone(task, made, history, ports=ports)
    await ports.tasks.move(task.id, State.DEPLOYED, "undo failed; this version is still live")
    return made


async def _undone(task: Task, made: Deployment, history: tuple[Deployment, ...], *, ports: Ports) -> Deployment:
    """`made` is live in place of the task's own deployment."""
    own = (one for one in history if one.task == task.id and one.id != made.id)
    replaced = next((one for one in own if one.state is DeploymentState.LIVE), None)
    if replaced is not None:
        await ports.records.save_deployment(replace(replaced, state=DeploymentState.UNDONE))
    await ports.tasks.move(task.id, State.MERGED, f"undone: {made.environment} is at {made.commit[:12]} again")
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
    return f'{config.environment} cannot undo (undo = "none" in {CONFIG_PATH})', "merge a revert instead"


async def _carry_out(
    task: Task, config: DeployConfig, wanted: Deployment, release: Release, *, ports: Ports
) -> Deployment:
    await ports.records.save_deployment(wanted)
    started = DeploymentStarted(
        deployment=wanted.id,
        environment=wanted.environment,
        commit=wanted.commit,
        undo=undo_sentence(config, previous=wanted.previous is not None),
    )
    await ports.events.record(task.id, task.turn, started, key=f"deployment/{wanted.id}")
    root = ports.home / "production" / task.repository.key / wanted.environment
    output, unhealthy = b"", False
    live = _went_live(root, wanted)
    if not live:
        # A folder for each try: what a cut-off one left is no release.
        target = root / "releases" / f"{wanted.id}-{wanted.at:%Y%m%d%H%M%S%f}"
        ran, unhealthy = await _run(task, config, release, target, ports=ports)
        output, live = ran.stdout + ran.stderr, ran.exit_code == 0
        if live:
            _switch(root, target)
    url = config.url or ports.previews.production(task.repository, wanted.environment)
    state = DeploymentState.LIVE if live else DeploymentState.FAILED
    made = replace(wanted, state=state, url=url, unhealthy=unhealthy)
    await ports.records.save_deployment(made)
    await _tell_finished(task, made, output, ports=ports)
    return made


async def _tell_finished(task: Task, made: Deployment, output: bytes = b"", *, ports: Ports) -> None:
    finished = DeploymentFinished(
        deployment=made.id,
        environment=made.environment,
        state=made.state,
        url=made.url,
        output=output[-4000:].decode("utf-8", "replace"),
        unhealthy=made.unhealthy,
    )
    key = f"deployed/{made.id}/{made.at.isoformat()}"
    await ports.events.record(task.id, task.turn, finished, key=key)


async def _run(task: Task, config: DeployConfig, release: Release, target: Path, *, ports: Ports) -> tuple[Ran, bool]:
    """What the deployment did, and whether it ended well and its version is unhealthy."""
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    ports.sandboxes.own(target)
    root = ports.home / "checkouts"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="deploy-", ignore_cleanup_errors=True) as name:
        ports.sandboxes.own(Path(name))
        tree = Path(name) / "tree"
        await ports.repositories.checkout(task.repository, release.base, release.commit, tree)
        place = Workspace(task=task.id, repository=task.repository, base=release.base, path=str(tree))
        box = Box(
            workspace=tree,
            mounts=(
                *ports.workspaces.mounts(place),
                Mount(source=ports.artifacts.path(release.digest), target="/honk/artifact.tar"),
                Mount(source=target, target="/honk/production", writable=True),
            ),
            environment={
                "HONK_ARTIFACT": "/tmp/artifact",
                "HONK_PRODUCTION": "/honk/production",
                "HONK_COMMIT": release.commit,
                "HONK_ENVIRONMENT": config.environment,
            },
        )
        async with ports.sandboxes.open(box) as sandbox:
            ran = await sandbox.run(("sh", "-c", _UNPACK, config.command), seconds=config.timeout)
            if ran.exit_code != 0 or not config.health:
                return ran, False
            looked = await sandbox.run(("sh", "-c", config.health), seconds=config.timeout)
            return looked, looked.exit_code != 0


def _went_live(root: Path, wanted: Deployment) -> bool:
    """Whether an earlier try of this very deployment ended well, and was cut off before that was recorded."""
    current = root / "current"
    return current.is_symlink() and current.readlink().name.startswith(f"{wanted.id}-")


def _switch(root: Path, target: Path) -> None:
    """`current` names the new release; a rename, so that readers see the old or the new one."""
    link = root / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("releases") / target.name)
    os.replace(link, root / "current")  # noqa: PTH105


def undo_sentence(config: DeployConfig, *, previous: bool) -> str:
    """What undoing will do, where there is a `previous` version or not; said before the merge."""
    if config.undo == "none":
        return "this environment cannot undo"
    if not previous:
        return "nothing older to go back to"
    if config.undo == "redeploy":
        return "undo deploys the version before again"
    return f"undo runs the repository's own command: {one_line(config.undo)[:200]}"


async def deploy_config(task: Task, commit: Sha, *, ports: Ports) -> DeployConfig | None:
    """How that commit of the repository is deployed; None where it is not. Raises SettingsWrong."""
    content = await ports.repositories.read(task.repository, commit, CONFIG_PATH)
    return parse(content).deploy if content is not None else None


async def live_deployment(task: Task, config: DeployConfig, *, ports: Ports) -> Deployment | None:
    """What is live in that environment of the repository."""
    history = await ports.records.deployments(task.repository.key, config.environment)
    return next((one for one in history if one.state is DeploymentState.LIVE), None)


async def _may_undo(task: Task, person: Person, *, ports: Ports) -> None:
    """Asked when it was pressed, and again now; only a change of mind is worth a line in the audit log."""
    decision = await ports.policy.ask(person, Act.UNDO, task.repository, task)
    if not decision.allowed:
        await ports.audit.record(Entry.of(person, Act.UNDO, task.repository, task, decision, ports.clock()))
        raise NotAllowed(decision.reason)


def _id(task: Task, commit: Sha, digest: str, act: str) -> str:
    return hashlib.sha256(f"{act} {task.id} {commit} {digest}".encode()).hexdigest()[:16]
