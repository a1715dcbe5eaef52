"""file → build: what somebody else built is kept as it is, under what it is by its content.

Of a web app in another archive than a plain tar the files are kept: previews and deployments read that.
"""

import hashlib
import tempfile
from functools import partial
from pathlib import Path

from anyio.to_thread import run_sync

from honk.domain.build import Build
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.ports import Ports
from honk.steps.build.content import WEB, kind_of_build
from honk.steps.build.repacking import is_plain_tar, repack


async def given(task: Task, commit: Sha, file: Path, *, ports: Ports) -> Build:
    """The build of that commit. The same file again is the same build. Raises Usage for what is none.

    The file may be gone afterwards: it is moved where that can be done.
    """
    kind = await run_sync(partial(kind_of_build, file, file.name))
    if kind == WEB and not await run_sync(is_plain_tar, file):
        size, digest = await _repacked(file, ports)
    else:
        size, digest = (await run_sync(file.stat)).st_size, await ports.artifacts.put(file, move=True)
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


async def _repacked(file: Path, ports: Ports) -> tuple[int, str]:
    root = ports.home / "checkouts"
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix="repacked-", ignore_cleanup_errors=True) as room:
        packed = Path(room) / "build.tar"
        await run_sync(repack, file, packed)
        size = packed.stat().st_size
        return size, await ports.artifacts.put(packed, move=True)
