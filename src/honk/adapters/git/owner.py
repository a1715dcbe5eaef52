"""Writing into another user's repository, when Honk runs as root: as that user."""

import os
import shlex
import shutil
from pathlib import Path


def receive_pack(path: Path) -> str:
    """The program that a push to the local repository should start there; "" means git's usual one.

    As its owner, so that no file in it ends up root's and its hooks run with no more rights than
    its owner has.
    """
    setpriv = shutil.which("setpriv", path=os.defpath)
    if os.geteuid() != 0 or setpriv is None or not path.exists():
        return ""
    held = path.stat()
    if held.st_uid == 0 or not _may_enter(path, held.st_uid, held.st_gid):
        return ""
    drop = (setpriv, f"--reuid={held.st_uid}", f"--regid={held.st_gid}", "--clear-groups", "--")
    return shlex.join((*drop, "env", "-u", "HOME", "GIT_CONFIG_GLOBAL=/dev/null", "git", "receive-pack"))


def _may_enter(path: Path, uid: int, gid: int) -> bool:
    for folder in (path, *path.parents):
        held = folder.stat()
        needed = 0o100 if held.st_uid == uid else 0o010 if held.st_gid == gid else 0o001
        if not held.st_mode & needed:
            return False
    return True
