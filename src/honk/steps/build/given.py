"""a file that somebody uploaded → the task's build of a commit: an app for a phone, or a web app in an archive.

What kind it is, its content says. It is as hostile as what an agent makes, so it is read and unpacked in a sandbox.
"""

import tarfile
import tempfile
from pathlib import Path

import anyio

from honk.domain.app_package import KINDS
from honk.domain.build import Build, id_of
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.errors import Usage
from honk.ports import Ports, Reading
from honk.steps.build.naming import name_of
from honk.steps.build.package import LIMIT, Packaged, kept
from honk.steps.build.unpacking import PACK, SECONDS, unpacked

_INSIDE = "/honk/given"
#: The folder of index.html: the archive's root, or the only folder there.
_ROOT = """
cd unpacked && if [ ! -f index.html ] && [ "$(ls -A | wc -l)" = 1 ]; then cd -- "$(ls -A)"; fi
[ -f index.html ] && [ ! -L index.html ] && pwd -P
"""
_NEITHER = "it is neither an .apk, .aab or .ipa nor a zip or tar archive with an index.html"


async def given(task: Task, commit: Sha, file: Path, *, ports: Ports) -> Build:
    """Keeps the file, which is moved, as the build; the same file again is the same build, another one another.

    `share` makes it known. Raises Usage for a file that is no build.
    """
    root = ports.home / "checkouts"
    root.mkdir(parents=True, exist_ok=True)
    await anyio.to_thread.run_sync(file.chmod, 0o644)
    reading = await ports.packages.read(file)
    with tempfile.TemporaryDirectory(dir=root, prefix="given-", ignore_cleanup_errors=True) as name:
        packed = Path(name) / "build.tar"
        if reading.form in KINDS:
            kind = KINDS[reading.form]
            await anyio.to_thread.run_sync(_archived, file, f"app.{reading.form}", packed)
            app = await kept(file, reading.form, kind, commit, ports=ports, reading=reading)
        elif reading.form:
            kind, app = "web", await _web(reading, file, Path(name), packed, commit, ports=ports)
            file.unlink(missing_ok=True)
        else:
            raise Usage(_NEITHER, reading.unread or "upload what the CI built")
        size = packed.stat().st_size
        digest = await ports.artifacts.put(packed, move=True)
    made = Build(
        id=id_of(task.id, commit, kind, digest),
        task=task.id,
        commit=commit,
        kind=kind,
        digest=digest,
        size=size,
        name=app.name or file.name,
        version=app.version,
        package=app.package,
        stamp=await ports.offers.stamped(task.id, commit),
    )
    await ports.records.save_build(made)
    return made


def _archived(file: Path, name: str, into: Path) -> None:
    """As a build that a command made is kept: a deployment unpacks it."""
    entry = tarfile.TarInfo(name)
    entry.size = file.stat().st_size
    with tarfile.open(into, "w", format=tarfile.GNU_FORMAT) as archive, file.open("rb") as content:
        archive.addfile(entry, content)


async def _web(reading: Reading, file: Path, room: Path, into: Path, commit: Sha, *, ports: Ports) -> Packaged:
    """The files of a web app as a tar archive, and what the app calls itself."""
    zipped = reading.form == "zip"
    async with unpacked(file, _INSIDE, room, zipped=zipped, ports=ports) as (sandbox, ran):
        if ran.exit_code != 0:
            raise Usage("the archive cannot be unpacked", ran.ended or "pack it again")
        found = await sandbox.run(("sh", "-c", _ROOT), seconds=60.0, output_limit=8192)
        inside = found.stdout.decode("utf-8", "replace").rstrip("\n")
        if found.exit_code != 0 or not inside:
            raise Usage(_NEITHER, "put index.html at the root of the archive")
        packed = await sandbox.run((*PACK, "-C", inside, "."), seconds=SECONDS, stdout_to=into, output_limit=LIMIT)
        if packed.exit_code != 0 or packed.cut:
            raise Usage(
                f"what is in it cannot be kept, or is larger than {LIMIT >> 30} GiB", "leave out what is not shown"
            )
        called, version = await name_of(sandbox, inside, commit)
    return Packaged(name=called, version=version)
