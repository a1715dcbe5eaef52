"""pull request → build, on a worker elsewhere: handed out as a job, and taken in when what it made has come.

Compiling and signing are two jobs. The second one is given nothing but what the first one made, and what it gives back
must be the same but for the signature.
"""

import hashlib
import tempfile
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

import anyio

from honk.domain.build import Build
from honk.domain.event import BuildWaits
from honk.domain.remote_job import OPEN, JobKind, JobState, RemoteJob, why_waits
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import BuildConfig
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.domain.upload import Upload
from honk.errors import ForgeRefused
from honk.ports import Box, Mount, Ports
from honk.ports.configuration import configuration
from honk.ports.stamping import stamp
from honk.steps.build.serving import server_of

_SECONDS = 600.0
_FORMS = {"android": frozenset({"apk", "aab"}), "ios": frozenset({"ipa"}), "web": frozenset({"web"})}


async def hand_out(task: Task, turn: Turn, config: BuildConfig, base: Base, commit: Sha, *, ports: Ports) -> RemoteJob:
    """The job that compiles that commit, told with what it waits for. Jobs of other commits are given up."""
    mark = await stamp(task, base.commit, commit, ports=ports)
    job = RemoteJob(
        id=_id("build", task.id, commit, str(turn.number), str(turn.again)),
        kind=JobKind.BUILD,
        task=task.id,
        turn=turn.number,
        repository=task.repository,
        base=base,
        commit=commit,
        labels=config.labels,
        at=ports.clock(),
        command=config.command or "",
        output=config.output,
        form=config.kind,
        timeout=config.timeout,
        sign=config.sign,
        variables=tuple(mark.environment.items()),
    )
    for one in await ports.jobs.list(task=task.id):
        if one.kind is not JobKind.DEPLOY and one.state in OPEN and one.id != job.id:
            await ports.jobs.change(one.id, lambda job: job.given_up("a newer commit is built in its place"))
    return await _added(job, ports=ports)


async def looked_at(made: Build, upload: Upload, task: Task, *, ports: Ports) -> Build:
    """The same, as the repository has people look at what its workers build."""
    if not upload.job or made.kind != "web":
        return made
    base = (await ports.jobs.get(upload.job)).base
    config = await configuration(ports.repositories, task.repository, base.commit)
    path = config.preview.path if config.preview else ""
    shown = replace(made, first_page=path, server=server_of(config, base))
    await ports.records.save_build(shown)
    return shown


async def passed_on(upload: Upload, *, ports: Ports) -> bool:
    """Whether what came is signed next, by another job; otherwise it is the build.

    Raises ForgeRefused for an app of another kind, or one whose content is not what was to be signed.
    """
    job = await ports.jobs.get(upload.job)
    if upload.kind not in _FORMS.get(job.form, frozenset()):
        raise ForgeRefused(f"the worker made {upload.kind}, where [build] is of the kind {job.form}")
    if job.kind is JobKind.SIGN:
        await _same(job, upload, ports=ports)
        return False
    if not job.sign:
        return False
    digest = await ports.artifacts.put(ports.uploads.path(upload.id))
    signing = replace(
        job,
        id=_id("sign", job.id, digest),
        kind=JobKind.SIGN,
        labels=job.sign,
        at=ports.clock(),
        command="",
        output="",
        digest=digest,
        sign=(),
        state=JobState.WAITING,
        lease="",
        worker="",
        until=None,
        tries=0,
        begun=False,
        reason="",
        said="",
        printed_in_all=0,
        told=0,
    )
    await _added(signing, ports=ports)
    return True


async def _added(job: RemoteJob, *, ports: Ports) -> RemoteJob:
    made = await ports.jobs.add(job)
    reason = why_waits(made, await ports.jobs.workers())
    waits = BuildWaits(job=made.id, kind=made.kind, labels=made.labels, reason=reason)
    await ports.events.record(made.task, made.turn, waits, key=f"waits/{made.id}")
    return made


async def _same(job: RemoteJob, upload: Upload, *, ports: Ports) -> None:
    """Compares inside a sandbox, as everything of hostile archives is done."""
    root = ports.home / "checkouts"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="signed-", ignore_cleanup_errors=True) as name:
        room = Path(name)
        ports.sandboxes.own(room)
        signed = await anyio.to_thread.run_sync(ports.uploads.path, upload.id)
        await anyio.to_thread.run_sync(signed.chmod, 0o644)
        python = str(await anyio.to_thread.run_sync(ports.sandboxes.runtime, "python"))
        mounts = (
            Mount(source=ports.artifacts.path(job.digest), target="/honk/unsigned"),
            Mount(source=signed, target="/honk/signed"),
        )
        async with ports.sandboxes.open(Box(workspace=room, mounts=mounts)) as sandbox:
            program = (python, "-I", "-c", _program(), "/honk/unsigned", "/honk/signed", upload.kind)
            ran = await sandbox.run(program, seconds=_SECONDS, output_limit=64 << 10)
    if ran.exit_code != 0:
        said = ran.stdout.decode("ascii", "replace").splitlines()
        more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
        why = "; ".join(said[:3]) + more if said else ran.ended or "they cannot be compared"
        raise ForgeRefused(f"what the worker signed is not what was to be signed: {why}")


@cache
def _program() -> str:
    return resources.files(__package__).joinpath("same_content.py").read_text(encoding="utf-8")


def _id(*parts: str) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]
