"""A checkout of Honk's own as one file, for a machine that has no git and no rights at the forge."""

import tarfile
from pathlib import Path


def packed(tree: Path, into: Path) -> None:
    """The files below `tree` as a tar archive, without git's own and without their owners; a link stays a link."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        known = entry.isreg() or entry.isdir() or entry.issym()
        if entry.name == "./.git" or entry.name.startswith("./.git/") or not known:
            return None
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        return entry

    with tarfile.open(into, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(tree, arcname=".", filter=plain)
