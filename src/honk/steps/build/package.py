"""what a build made → the one file that a phone installs, and what is known of it."""

from dataclasses import dataclass
from pathlib import Path

from honk.domain.app_package import ENDINGS, AppPackage, version_of
from honk.domain.repository import Sha
from honk.ports import Ports, Reading, Sandbox

#: bytes of such a file
LIMIT = 2 << 30
_SECONDS = 300.0
_LISTED = 64 << 10
#: No link is followed: what it leads to may be no part of the build.
_FIND = ("find", "-P")
_NOT_READ = "nobody could say what it is"


@dataclass(frozen=True, kw_only=True, slots=True)
class Packaged:
    """The package of a build; or why there is none."""

    package: AppPackage | None = None
    missing: str = ""
    name: str = ""
    version: str = ""


async def packaged(sandbox: Sandbox, root: str, kind: str, commit: Sha, file: Path, *, ports: Ports) -> Packaged:
    """The only package of that kind below `root` inside, stored by its content, by way of `file` on the host."""
    if kind not in ENDINGS:
        return Packaged()
    endings = ENDINGS[kind]
    names = [word for ending in endings for word in ("-o", "-name", f"*{ending}")][1:]
    listed = await sandbox.run(
        (*_FIND, root, "-type", "f", "(", *names, ")", "-print0"), seconds=_SECONDS, output_limit=_LISTED
    )
    found = [one for one in listed.stdout.split(b"\0") if one]
    if len(found) != 1 or listed.exit_code != 0 or listed.cut:
        wanted, count = " or ".join(endings), "more than one" if found else "no"
        return Packaged(missing=f"{root} has {count} {wanted}; output in [build] names the one to install")
    inside = found[0].decode("utf-8", "surrogateescape")
    copied = await sandbox.run(("cat", "--", inside), seconds=_SECONDS, stdout_to=file, output_limit=LIMIT)
    if copied.exit_code != 0 or copied.cut:
        return Packaged(missing=f"its package cannot be read, or is larger than {LIMIT >> 30} GiB")
    file.chmod(0o644)  # the sandbox's user reads it next
    return await kept(file, Path(inside).suffix.removeprefix("."), kind, commit, ports=ports)


async def kept(
    file: Path, ending: str, kind: str, commit: Sha, *, ports: Ports, reading: Reading | None = None
) -> Packaged:
    """Stores the file, which is moved, with what it says of itself. One that cannot be read is kept all the same."""
    read = await ports.packages.read(file) if reading is None else reading
    form = read.form if read.form in ("apk", "aab", "ipa") else None
    named = next((one for one in ("apk", "aab", "ipa") if one == ending), "apk")
    right = form is not None and f".{form}" in ENDINGS[kind]
    unread = read.unread or ("" if right and read.facts is not None else _NOT_READ)
    size = file.stat().st_size
    package = AppPackage(
        digest=await ports.artifacts.put(file, move=True),
        size=size,
        form=form if form is not None and right else named,  # type: ignore[arg-type]
        facts=read.facts if right else None,
        unread=unread,
        icon=await ports.artifacts.put(read.icon) if read.icon and right else "",
    )
    facts = package.facts
    return Packaged(
        package=package,
        name=facts.name if facts is not None else "",
        version=version_of(facts, commit) if facts is not None else commit[:7],
    )
