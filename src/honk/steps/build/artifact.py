"""checks → build: what the forge's CI made of the head, where no sandbox here can make it (an app for a phone).

The archive is as hostile as everything that an agent could write, so it is unpacked inside a sandbox.
"""

import tempfile
from functools import partial
from pathlib import Path

from honk.domain.build import Build, id_of
from honk.domain.event import BuildFailed, StepProgressed
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import BuildConfig
from honk.domain.task import Task
from honk.errors import ForgeRefused
from honk.ports import Ports
from honk.ports.configuration import configuration
from honk.ports.slow import progress, slow
from honk.steps.build.package import LIMIT, Packaged, packaged
from honk.steps.build.unpacking import PACK, SECONDS, UNPACKED, unpacked

_INSIDE = "/honk/artifact.zip"


async def wants_artifact(task: Task, base: Base, head: Sha, *, ports: Ports) -> bool:
    """Whether the repository's builds come from the forge's CI, and that of this head is not here yet."""
    config = (await configuration(ports.repositories, task.repository, base.commit)).build
    if config is None or config.artifact is None or not task.options.builds:
        return False
    made = await ports.records.build(task.id)
    return made is None or made.commit != head


async def fetch(task: Task, base: Base, head: Sha, *, ports: Ports) -> Build | None:
    """The build of exactly that commit. None where the CI kept none of that name, or it cannot be used (an event)."""
    if not await wants_artifact(task, base, head, ports=ports):
        return None
    config = (await configuration(ports.repositories, task.repository, base.commit)).build
    assert config is not None and config.artifact is not None
    tell = partial(ports.events.record, task.id, task.turn)
    kept = await ports.ci.artifacts(task.repository, head)
    artifact = next((one for one in kept if one.name == config.artifact), None)
    if artifact is None:
        return None
    await tell(StepProgressed(step="build", detail=f"fetching {artifact.name} ({artifact.size:,} bytes)"))
    root = ports.home / "checkouts"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="artifact-", ignore_cleanup_errors=True) as name:
        archive = Path(name) / "artifact.zip"
        try:
            async with slow(tell, progress("build", f"fetching {artifact.name}")):
                await ports.ci.download(task.repository, artifact, archive, limit=LIMIT)
            packed, app = await _unpacked(archive, Path(name), config, head, ports=ports)
        except ForgeRefused as error:
            await tell(BuildFailed(reason=error.message, output=""), key=f"artifact/{artifact.id}")
            return None
        size = packed.stat().st_size
        digest = await ports.artifacts.put(packed, move=True)
    made = Build(
        id=id_of(task.id, head, config.kind),
        task=task.id,
        commit=head,
        kind=config.kind,
        digest=digest,
        size=size,
        name=app.name or artifact.name,
        version=app.version or head[:7],
        package=app.package,
        stamp=await ports.offers.stamped(task.id, head),
    )
    await ports.records.save_build(made)
    return made


async def _unpacked(
    archive: Path, room: Path, config: BuildConfig, head: Sha, *, ports: Ports
) -> tuple[Path, Packaged]:
    """The archive's files as a tar archive beside it, and the package among them.

    Raises ForgeRefused for one that cannot be unpacked, or has no package where it should.
    """
    into = room / "build.tar"
    async with unpacked(archive, _INSIDE, room, ports=ports) as (sandbox, ran):
        if ran.exit_code != 0:
            raise ForgeRefused("what the CI kept is no archive that can be unpacked")
        packed = await sandbox.run(
            (*PACK, "-C", UNPACKED, config.output), seconds=SECONDS, stdout_to=into, output_limit=LIMIT
        )
        if packed.exit_code != 0 or packed.cut:
            raise ForgeRefused(f"what the CI kept has no {config.output}, or is larger than {LIMIT >> 30} GiB")
        app = await packaged(sandbox, f"{UNPACKED}/{config.output}", config.kind, head, room / "app", ports=ports)
    if app.missing:
        raise ForgeRefused(f"what the CI kept cannot be installed: {app.missing.removeprefix(f'{UNPACKED}/')}")
    return into, app
