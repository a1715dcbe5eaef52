"""file → build: what somebody else built is kept as it is, under what it is by its content."""

import hashlib
from functools import partial
from pathlib import Path

from anyio.to_thread import run_sync

from honk.domain.build import Build
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.ports import Ports
from honk.steps.build.content import kind_of_build


async def given(task: Task, commit: Sha, file: Path, *, ports: Ports) -> Build:
    """The build of that commit. The same file again is the same build. Raises Usage for what is none."""
    kind = await run_sync(partial(kind_of_build, file, file.name))
    size = (await run_sync(file.stat)).st_size
    digest = await ports.artifacts.put(file)
    made = Build(
        id=hashlib.sha256(f"{task.id} {commit} {kind} {digest}".encode()).hexdigest()[:16],
        task=task.id,
        commit=commit,
        kind=kind,
        digest=digest,
        size=size,
        name=file.name,
        version=commit[:7],
    )
    await ports.records.save_build(made)
    return made
