"""pull request → build: the app's new version, made in a sandbox without keys, stored by its content.

The artifact is made beside the verdict, because people wait for both. Only a change that the gate does not
refuse gets a build: until then nothing of it is recorded or shown.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio

from honk.domain.app_package import AppPackage
from honk.domain.build import Build, id_of
from honk.domain.deployment import Release
from honk.domain.event import BuildFailed, StepProgressed
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import BuildConfig, DeployConfig
from honk.domain.stamp import Stamp
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.domain.workspace import Workspace
from honk.errors import NeedsHuman
from honk.ports import Box, Exam, Ports, Ran, Sandbox, Tell
from honk.ports.configuration import configuration
from honk.ports.stamping import stamp
from honk.steps.build.artifact import fetch, wants_artifact
from honk.steps.build.content import kind_of_build
from honk.steps.build.given import given
from honk.steps.build.labelled import hand_out
from honk.steps.build.naming import name_of
from honk.steps.build.package import packaged
from honk.steps.build.serving import server_of
from honk.steps.build.uploaded import close, commit_of, keep

__all__ = [
    "Ahead",
    "ahead",
    "build",
    "close",
    "commit_of",
    "fetch",
    "given",
    "keep",
    "kind_of_build",
    "of_base",
    "release",
    "wants_artifact",
]

#: A build larger than this is refused.
_ARTIFACT_LIMIT = 2 << 30
#: Sorted names and fixed owners and dates: the same files give the same digest.
_PACK = """
if [ -d "$0" ]; then root=$0; what=.; else root=$(dirname "$0"); what=./$(basename "$0"); fi
exec tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --format=gnu -C "$root" -cf - "$what"
"""
#: What nobody waits for yet leaves the cores to the verifiers.
_AHEAD = ("nice", "-n", "10")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Artifact:
    """What the build command made, or how it failed."""

    digest: str = ""
    size: int = 0
    failure: Ran | None = None
    #: what the app calls itself
    name: str = ""
    version: str = ""
    #: the file that a phone installs; or why there is none where there should be
    package: AppPackage | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be made."""

    commit: Sha
    config: BuildConfig
    #: what it is given to carry
    mark: Stamp | None = None


class Ahead:
    """The artifact of one commit at a time, made before it is asked for."""

    def __init__(self, task: Task, *, ports: Ports) -> None:
        self._task = task
        self._ports = ports
        self._making: asyncio.Task[_Artifact] | None = None
        self._commit: Sha | None = None

    async def begin(self, exam: Exam) -> None:
        """Begins to make the artifact of the change; one of another commit is given up."""
        await self.give_up()
        if not self._task.options.builds:
            return
        config = await configuration(self._ports.repositories, self._task.repository, exam.base.commit)
        how = config.built
        if how is not None and how.command and not how.labels and exam.change is not None:
            commit = exam.change.commit
            mark = await stamp(self._task, exam.base.commit, commit, ports=self._ports)
            made = _make(exam, _Wanted(commit, how, mark), _silent, first=_AHEAD, ports=self._ports)
            self._commit, self._making = commit, asyncio.create_task(made, name=f"artifact of {commit}")

    async def taken(self, commit: Sha) -> _Artifact | None:
        """The artifact of this commit, waited for; None when it was not begun, or an error broke it off."""
        if self._making is None or self._commit != commit:
            return None
        await asyncio.wait([self._making])
        return None if self._making.exception() else self._making.result()

    async def give_up(self) -> None:
        """Ends what is under way."""
        making, self._making = self._making, None
        if making is not None:
            making.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.gather(making, return_exceptions=True)


@asynccontextmanager
async def ahead(task: Task, *, ports: Ports) -> AsyncIterator[Ahead]:
    """Nothing is under way any more when the context is left."""
    begun = Ahead(task, ports=ports)
    try:
        yield begun
    finally:
        await begun.give_up()


async def build(
    task: Task, turn: Turn, exam: Exam, commit: Sha, *, ports: Ports, begun: Ahead | None = None
) -> Build | None:
    """None where the repository builds nothing, a worker elsewhere does, or the build failed (which is an event)."""
    config = await configuration(ports.repositories, task.repository, exam.base.commit)
    how = config.built
    if how is None or how.command is None:
        return None
    if how.labels:
        await hand_out(task, turn, how, exam.base, commit, ports=ports)
        return None
    tell = partial(ports.events.record, task.id, turn.number)
    await tell(StepProgressed(step="build", detail=how.command))
    mark = await stamp(task, exam.base.commit, commit, ports=ports)
    artifact = await begun.taken(commit) if begun is not None else None
    if artifact is None:
        artifact = await _make(exam, _Wanted(commit, how, mark), tell, ports=ports)
    if artifact.failure is not None or artifact.missing:
        await tell(_failed(artifact, how))
        return None
    made = Build(
        id=id_of(task.id, commit, how.kind),
        task=task.id,
        commit=commit,
        kind=how.kind,
        digest=artifact.digest,
        size=artifact.size,
        first_page=config.preview.path if config.preview else "",
        name=artifact.name,
        version=artifact.version,
        package=artifact.package,
        server=server_of(config, exam.base),
        stamp=mark,
    )
    await ports.records.save_build(made)
    return made


async def of_base(exam: Exam, *, ports: Ports) -> str:
    """The digest of the base's own build, of which nothing is recorded; "" when it cannot be built."""
    base = replace(exam, change=None)
    config = (await configuration(ports.repositories, exam.repository, exam.base.commit)).built
    if config is None or config.command is None or config.labels:
        return ""
    return (await _make(base, _Wanted(exam.base.commit, config), _silent, first=_AHEAD, ports=ports)).digest


async def release(
    task: Task, base: Base, merged: Sha, deploying: Callable[[], Awaitable[DeployConfig | None]], *, ports: Ports
) -> Release | None:
    """The build of exactly the merged tree: the one that people tried, or a new one if the base had moved.

    Where others deploy the commit itself, no build is needed. None where there is nothing to deploy. Raises
    NeedsHuman where a worker elsewhere has to build it first.
    """
    made, repository = await ports.records.build(task.id), task.repository
    config = await deploying()
    if config is None:
        return None
    whole = await configuration(ports.repositories, repository, base.commit)
    if whole.build is None or all(one.workflow is not None for one in whole.deploy):
        return Release(base=base, commit=merged, digest=made.digest if made is not None else "")
    same = made is not None and await ports.repositories.tree(repository, merged) == (
        await ports.repositories.tree(repository, made.commit)
    )
    if not same:
        last = await ports.tasks.turn(task.id, task.turn)
        exam = Exam(task=task.id, repository=repository, base=base, change=None, instruction=task.instruction)
        made = await build(task, last, exam, merged, ports=ports)
        built = (await configuration(ports.repositories, repository, base.commit)).build
        if made is None and built is not None and built.labels:
            said = "the base had moved, so that a worker builds the merged commit first"
            raise NeedsHuman(said, f"when that build is there: honk merge {task.id}")
    return Release(base=base, commit=merged, digest=made.digest) if made is not None else None


async def _silent(_: object) -> None:
    """What is made ahead is not spoken of: the verifiers tell of the same set-up."""


async def _make(
    exam: Exam,
    wanted: _Wanted,
    tell: Tell,
    *,
    ports: Ports,
    first: tuple[str, ...] = (),
) -> _Artifact:
    """The archive is made inside and only stored outside. `first` goes before every command."""
    root = ports.home / "checkouts"
    root.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(dir=root, prefix="build-"))
    try:
        ports.sandboxes.own(room)
        tree = room / "tree"
        await ports.repositories.checkout(exam.repository, exam.base, wanted.commit, tree)
        mounts, environment = await ports.gate.environment(exam, tell)
        place = Workspace(task=exam.task, repository=exam.repository, base=exam.base, path=str(tree))
        if wanted.mark is not None:
            environment = {**environment, **wanted.mark.environment}
        box = Box(workspace=tree, mounts=(*ports.workspaces.mounts(place), *mounts), environment=environment)
        async with ports.sandboxes.open(box) as sandbox:
            return await _made(sandbox, wanted.commit, wanted.config, room, first, ports=ports)
    finally:
        with anyio.CancelScope(shield=True):
            await ports.repositories.clear(room)


async def _made(
    sandbox: Sandbox, commit: Sha, config: BuildConfig, room: Path, first: tuple[str, ...], *, ports: Ports
) -> _Artifact:
    assert config.command is not None
    ran = await sandbox.run((*first, "sh", "-c", config.command), seconds=config.timeout)
    if ran.exit_code != 0:
        return _Artifact(failure=ran)
    # beside the folder of the sandbox's user, not in it
    archive, file = room.with_name(f"{room.name}.tar"), room.with_name(f"{room.name}.app")
    try:
        pack = (*first, "sh", "-c", _PACK, config.output)
        packed = await sandbox.run(pack, seconds=300, stdout_to=archive, output_limit=_ARTIFACT_LIMIT)
        if packed.exit_code != 0 or packed.cut:
            return _Artifact(failure=packed)
        size = archive.stat().st_size
        app = await packaged(sandbox, config.output, config.kind, commit, file, ports=ports)
        if app.missing:
            return _Artifact(missing=app.missing)
        name, version = app.name, app.version
        if not name:
            name, otherwise = await name_of(sandbox, config.output, commit)
            version = version or otherwise
        digest = await ports.artifacts.put(archive, move=True)
        return _Artifact(digest=digest, size=size, name=name, version=version, package=app.package)
    finally:
        archive.unlink(missing_ok=True)
        file.unlink(missing_ok=True)


def _failed(artifact: _Artifact, config: BuildConfig) -> BuildFailed:
    failure = artifact.failure
    if failure is None:
        return BuildFailed(reason=artifact.missing, output="")
    output = (failure.stdout + failure.stderr)[-4000:].decode("utf-8", "replace")
    return BuildFailed(reason=_reason(failure, config), output=output)


def _reason(ran: Ran, config: BuildConfig) -> str:
    if ran.cut:
        return f"the build in {config.output} is larger than {_ARTIFACT_LIMIT >> 30} GiB"
    if ran.exit_code is None:
        return f"`{config.command}` did not end within {config.timeout:.0f} s"
    return f"`{config.command}` ended with {ran.exit_code}, or made no {config.output}"
