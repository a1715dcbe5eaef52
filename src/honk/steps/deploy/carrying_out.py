"""A deployment by a command of the repository, in a sandbox of this machine; see the package's own words."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from honk.domain.deployment import Deployment, DeploymentState, Release
from honk.domain.event import DeploymentFinished, DeploymentStarted
from honk.domain.repository_config import DeployConfig
from honk.domain.task import Task
from honk.domain.workspace import Workspace
from honk.ports import Box, Mount, Ports, Ran, Sandbox
from honk.steps.deploy.config import undo_sentence

_UNPACK = 'mkdir -p /tmp/artifact && tar -C /tmp/artifact -xf /honk/artifact.tar && exec sh -c "$0"'


async def carry_out(
    task: Task, config: DeployConfig, wanted: Deployment, release: Release, *, ports: Ports
) -> Deployment:
    await begin(task, config, wanted, ports=ports)
    root = ports.home / "production" / task.repository.key / wanted.environment
    output, unhealthy = b"", False
    live = went_live(root, wanted)
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
    await tell_finished(task, made, output, ports=ports)
    return made


async def begin(task: Task, config: DeployConfig, wanted: Deployment, *, ports: Ports) -> None:
    """It is on its way from now on, and people are told what undoing will do."""
    await ports.records.save_deployment(wanted)
    started = DeploymentStarted(
        deployment=wanted.id,
        environment=wanted.environment,
        commit=wanted.commit,
        undo=undo_sentence(config, previous=wanted.previous is not None),
    )
    await ports.events.record(task.id, task.turn, started, key=f"deployment/{wanted.id}")


async def tell_finished(task: Task, made: Deployment, output: bytes = b"", *, ports: Ports) -> None:
    """How it ended, told once."""
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
    into = Mount(source=target, target="/honk/production", writable=True)
    async with _opened(task, config, release, into, ports=ports) as sandbox:
        ran = await sandbox.run(("sh", "-c", _UNPACK, config.command or ""), seconds=config.timeout)
        if ran.exit_code != 0 or not config.health:
            return ran, False
        looked = await sandbox.run(("sh", "-c", config.health), seconds=config.timeout)
        return looked, looked.exit_code != 0


async def look_again(task: Task, config: DeployConfig, release: Release, *, ports: Ports) -> str:
    """Why the health command says that what is live is not healthy; "" where it is."""
    current = ports.home / "production" / task.repository.key / config.environment / "current"
    live = Mount(source=current.resolve(), target="/honk/production")
    async with _opened(task, config, release, live, ports=ports) as sandbox:
        ran = await sandbox.run(("sh", "-c", _UNPACK, config.health or ""), seconds=config.timeout)
    said = (ran.stdout + ran.stderr)[-400:].decode("utf-8", "replace").strip()
    return (
        "" if ran.exit_code == 0 else f"the health command ended with {ran.exit_code}" + (f": {said}" if said else "")
    )


@asynccontextmanager
async def _opened(
    task: Task, config: DeployConfig, release: Release, production: Mount, *, ports: Ports
) -> AsyncIterator[Sandbox]:
    """A sandbox with the commit that is deployed, its build, and the release."""
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
                production,
            ),
            environment={
                "HONK_ARTIFACT": "/tmp/artifact",
                "HONK_PRODUCTION": "/honk/production",
                "HONK_COMMIT": release.commit,
                "HONK_ENVIRONMENT": config.environment,
            },
        )
        async with ports.sandboxes.open(box) as sandbox:
            yield sandbox


def went_live(root: Path, wanted: Deployment) -> bool:
    """Whether an earlier try of this very deployment ended well, and was cut off before that was recorded."""
    current = root / "current"
    return current.is_symlink() and current.readlink().name.startswith(f"{wanted.id}-")


def _switch(root: Path, target: Path) -> None:
    """`current` names the new release; a rename, so that readers see the old or the new one."""
    link = root / "current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("releases") / target.name)
    os.replace(link, root / "current")  # noqa: PTH105
