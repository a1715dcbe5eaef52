"""How bwrap is started: into its cgroups, past folders that only root may enter, as an ordinary user.

One chain of exec, so that the process that Honk started is bwrap itself: signals, exit codes and
--die-with-parent work as if it had been started directly.
"""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from honk.errors import SandboxUnusable
from honk.ports import Mount

#: The whole environment of bwrap, which can be read inside as that of process 1.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

#: Arguments: a folder to cover or "", cgroup.procs files, "--", pairs of source and name, "--", command.
_SCRIPT = """set -eu
stage=$1; shift
while [ "$1" != -- ]; do echo 0 >"$1"; shift; done
shift
if [ -n "$stage" ]; then mount -t tmpfs -o mode=0711,nosuid,nodev,size=1m honk "$stage"; fi
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir "$2"; else : >"$2"; fi
  mount --rbind "$1" "$2"
  shift 2
done
shift
exec "$@"
"""

#: Places that may be covered in a private mount namespace; the first that hides no source is taken.
_STAGES = ("/mnt", "/media", "/srv", "/opt", "/boot")
_ELSEWHERE = "Set HONK_HOME to a folder that everybody may enter, such as /var/lib/honk."


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    prefix: tuple[str, ...]
    #: the mounts, with sources as the started process reaches them
    binds: tuple[Mount, ...]
    remedy: str = ""


def launch(binds: tuple[Mount, ...], groups: Iterable[Path], uid: int | None) -> Launch:
    """The command prefix that leads to bwrap. `uid` is None when Honk is an ordinary user itself.

    Raises SandboxUnusable when the mounts cannot be made reachable.
    """
    drop: tuple[str, ...] = ()
    stage = ""
    pairs: list[str] = []
    if uid is not None:
        user = str(uid)
        drop = ("setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--inh-caps=-all")
        drop += ("--bounding-set=-all", "--pdeathsig", "KILL", "--")
        if not all(reachable(mount.source, uid) for mount in binds):
            stage = _stage(binds)
            staged = [Path(stage, str(number)) for number in range(len(binds))]
            pairs = [
                text for mount, place in zip(binds, staged, strict=True) for text in (str(mount.source), str(place))
            ]
            binds = tuple(replace(mount, source=place) for mount, place in zip(binds, staged, strict=True))
    procs = [str(group / "cgroup.procs") for group in groups]
    private = ("unshare", "--mount", "--propagation", "private", "--") if stage else ()
    if not procs and not stage:
        return Launch(prefix=drop, binds=binds)
    shell = ("/bin/sh", "-c", _SCRIPT, "honk", stage, *procs, "--", *pairs, "--")
    return Launch(prefix=(*private, *shell, *drop), binds=binds, remedy=_ELSEWHERE if stage else "")


def reachable(path: Path, uid: int) -> bool:
    """Whether an ordinary user without groups may walk to the path."""
    return all(_may(folder, uid, stat.S_IXUSR) for folder in Path(os.path.realpath(path)).parents)


def executable(path: Path, uid: int) -> bool:
    """Whether that user may also read and run the file."""
    return reachable(path, uid) and _may(path, uid, stat.S_IRUSR) and _may(path, uid, stat.S_IXUSR)


def _may(path: Path, uid: int, right: int) -> bool:
    status = path.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & right)
    if status.st_gid == uid:
        return bool(status.st_mode & right >> 3)
    return bool(status.st_mode & right >> 6)


def _stage(binds: tuple[Mount, ...]) -> str:
    sources = [Path(os.path.realpath(mount.source)) for mount in binds]
    for stage in _STAGES:
        if Path(stage).is_dir() and not any(source.is_relative_to(stage) for source in sources):
            return stage
    raise SandboxUnusable(
        "Honk's folder lies where only root may enter, and there is no folder to cover instead.",
        _ELSEWHERE,
    )
