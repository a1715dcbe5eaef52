"""pull request → build: the app's new version, made in a sandbox without keys, stored by its content."""

import hashlib
import tempfile
from functools import partial
from pathlib import Path

from honk.domain.build import Build
from honk.domain.event import BuildFailed, StepProgressed
from honk.domain.repository import Sha
from honk.domain.repository_config import CONFIG_PATH, BuildConfig, RepositoryConfig, parse
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.domain.workspace import Workspace
from honk.ports import Box, Exam, Ports, Ran

#: A build larger than this is refused.
_ARTIFACT_LIMIT = 2 << 30
#: Sorted names and fixed owners and dates: the same files give the same digest.
_PACK = """
if [ -d "$0" ]; then root=$0; what=.; else root=$(dirname "$0"); what=./$(basename "$0"); fi
exec tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --format=gnu -C "$root" -cf - "$what"
"""


async def configuration(task: Task, commit: Sha, *, ports: Ports) -> RepositoryConfig:
    """`.honk.toml` at that commit. Raises SettingsWrong."""
    content = await ports.repositories.read(task.repository, commit, CONFIG_PATH)
    return parse(content) if content is not None else RepositoryConfig()


async def build(task: Task, turn: Turn, exam: Exam, commit: Sha, *, ports: Ports) -> Build | None:
    """None where the repository builds nothing, or the build failed (which is an event)."""
    config = await configuration(task, exam.base.commit, ports=ports)
    if config.build is None:
        return None
    tell = partial(ports.events.record, task.id, turn.number)
    await tell(StepProgressed(step="build", detail=config.build.command))
    digest, size, failure = await _make(task, exam, commit, config.build, ports=ports)
    if failure is not None:
        await tell(
            BuildFailed(
                reason=_reason(failure, config.build),
                output=(failure.stdout + failure.stderr)[-4000:].decode("utf-8", "replace"),
            )
        )
        return None
    made = Build(
        id=hashlib.sha256(f"{task.id} {commit} {config.build.kind}".encode()).hexdigest()[:16],
        task=task.id,
        commit=commit,
        kind=config.build.kind,
        digest=digest,
        size=size,
        first_page=config.preview.path if config.preview else "",
    )
    await ports.records.save_build(made)
    return made


async def _make(
    task: Task, exam: Exam, commit: Sha, config: BuildConfig, *, ports: Ports
) -> tuple[str, int, Ran | None]:
    """(digest, size, None), or ("", 0, what failed). The archive is made inside and only stored outside."""
    root = ports.home / "checkouts"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="build-", ignore_cleanup_errors=True) as name:
        ports.sandboxes.own(Path(name))
        tree = Path(name) / "tree"
        await ports.repositories.checkout(task.repository, exam.base, commit, tree)
        tell = partial(ports.events.record, task.id, 0)
        mounts, environment = await ports.gate.environment(exam, tell)
        place = Workspace(task=task.id, repository=task.repository, base=exam.base, path=str(tree))
        box = Box(workspace=tree, mounts=(*ports.workspaces.mounts(place), *mounts), environment=environment)
        async with ports.sandboxes.open(box) as sandbox:
            ran = await sandbox.run(("sh", "-c", config.command), seconds=config.timeout)
            if ran.exit_code != 0:
                return "", 0, ran
            archive = root / f"{Path(name).name}.tar"
            pack = ("sh", "-c", _PACK, config.output)
            try:
                packed = await sandbox.run(pack, seconds=300, stdout_to=archive, output_limit=_ARTIFACT_LIMIT)
                if packed.exit_code != 0 or packed.cut:
                    return "", 0, packed
                return await ports.artifacts.put(archive), archive.stat().st_size, None
            finally:
                archive.unlink(missing_ok=True)


def _reason(ran: Ran, config: BuildConfig) -> str:
    if ran.cut:
        return f"the build in {config.output} is larger than {_ARTIFACT_LIMIT >> 30} GiB"
    if ran.exit_code is None:
        return f"`{config.command}` did not end within {config.timeout:.0f} s"
    return f"`{config.command}` ended with {ran.exit_code}, or made no {config.output}"
