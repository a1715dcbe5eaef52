"""The file itself: a gzipped tar whose last member holds the SHA-256 of every other one.

Folders that an agent writes are read without following a link, also one that is put there meanwhile.
"""

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from honk.errors import NeedsHuman

#: the last member; a file without it was cut off
CHECKSUMS = "checksums.json"
MANIFEST = "manifest.json"
_PIECE = 1 << 20
#: told of the bytes of content so far
Progress = Callable[[int], None]


class Writer:
    """Writes members one after another; `close` adds the checksums."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._tar = tarfile.open(  # noqa: SIM115 - closed by `close`
            fileobj=file, mode="w:gz", compresslevel=3, format=tarfile.PAX_FORMAT
        )
        self._progress = progress
        self._sums: dict[str, str] = {}
        self._done = 0

    def text(self, name: str, content: str) -> None:
        """A member with this content."""
        self.stream(name, io.BytesIO(content.encode()), len(content.encode()))

    def stream(self, name: str, source: IO[bytes], size: int, info: tarfile.TarInfo | None = None) -> None:
        """A member of exactly `size` bytes: what is missing is filled with NUL, what is more is left out."""
        member = info or tarfile.TarInfo(name)
        member.name, member.size = name, size
        if info is None:
            member.mode = 0o600
        reading = _Exactly(source, size)
        self._tar.addfile(member, reading)
        self._sums[name] = reading.digest.hexdigest()
        self._done += size
        self._progress(self._done)

    def folder(self, path: Path, name: str) -> None:
        """A folder alone, with its mode and owner."""
        seen = path.stat(follow_symlinks=False)
        member = tarfile.TarInfo(name)
        member.type, member.mode = tarfile.DIRTYPE, stat.S_IMODE(seen.st_mode)
        member.uid, member.gid = seen.st_uid, seen.st_gid
        self._tar.addfile(member)

    def tree(
        self, folder: Path, name: str, *, skip: Callable[[str], bool], order: Callable[[str], tuple[int, str]]
    ) -> None:
        """A folder with everything below it, as `name`. What vanishes meanwhile is left out."""
        if not folder.is_dir() or folder.is_symlink():
            return
        self.folder(folder, name)
        for top, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
            below = os.path.relpath(top, folder)
            prefix = name if below == "." else f"{name}/{below}"
            folders[:] = sorted((one for one in folders if not skip(f"{prefix}/{one}")), key=order)
            for entry in (*folders, *sorted(files)):
                if not skip(f"{prefix}/{entry}"):
                    self._entry(f"{prefix}/{entry}", entry, descriptor)

    def close(self) -> None:
        content = json.dumps(self._sums, ensure_ascii=True).encode()
        member = tarfile.TarInfo(CHECKSUMS)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))
        self._tar.close()

    def _entry(self, name: str, entry: str, folder: int) -> None:
        try:
            seen = os.stat(entry, dir_fd=folder, follow_symlinks=False)
            member = tarfile.TarInfo(name)
            member.mode, member.uid, member.gid = stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid
            member.mtime = int(seen.st_mtime)
            if stat.S_ISDIR(seen.st_mode):
                member.type = tarfile.DIRTYPE
                self._tar.addfile(member)
            elif stat.S_ISLNK(seen.st_mode):
                member.type, member.linkname = tarfile.SYMTYPE, os.readlink(entry, dir_fd=folder)
                self._tar.addfile(member)
            elif stat.S_ISREG(seen.st_mode):
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with os.fdopen(os.open(entry, flags, dir_fd=folder), "rb") as source:
                    self.stream(name, source, os.fstat(source.fileno()).st_size, member)
        except FileNotFoundError:
            return
        except OSError as exc:
            # ELOOP: a link was put in its place just now
            if exc.errno != 40:
                raise


class _Exactly(io.RawIOBase):
    """Exactly `size` bytes of a file that may grow or shrink while it is read."""

    def __init__(self, source: IO[bytes], size: int) -> None:
        self._source = source
        self._left = size
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, wanted: int = -1) -> bytes:
        wanted = self._left if wanted < 0 else min(wanted, self._left)
        piece = self._source.read(wanted) if wanted else b""
        piece += b"\0" * (wanted - len(piece))
        self._left -= len(piece)
        self.digest.update(piece)
        return piece


def check(path: Path, progress: Progress) -> dict[str, object]:
    """Reads the whole file against its checksums; returns the manifest. Raises NeedsHuman when it is damaged."""
    sums: dict[str, str] = {}
    written: dict[str, str] | None = None
    manifest: dict[str, object] = {}
    done = 0
    try:
        for member, content in _members(path):
            if member.name == CHECKSUMS:
                written = json.loads(content.read()) if content else None
                continue
            if content is None:
                continue
            digest = hashlib.sha256()
            kept = b""
            while piece := content.read(_PIECE):
                digest.update(piece)
                done += len(piece)
                kept += piece if member.name == MANIFEST else b""
            if member.name == MANIFEST:
                manifest = json.loads(kept)
            sums[member.name] = digest.hexdigest()
            progress(done)
    except (tarfile.TarError, EOFError, OSError, ValueError) as exc:
        raise NeedsHuman(f"{path} is no whole backup: {exc}", "take another one") from exc
    if written is None or not manifest:
        raise NeedsHuman(f"{path} is no whole backup: it was cut off", "take another one")
    if written != sums:
        wrong = sorted(name for name in written.keys() | sums.keys() if written.get(name) != sums.get(name))
        raise NeedsHuman(f"{path} is damaged: {', '.join(wrong[:3])}", "take another one")
    return manifest


def _members(path: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    with tarfile.open(path, mode="r|gz") as tar:
        for member in tar:
            yield member, tar.extractfile(member) if member.isreg() else None


def members(path: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Every member in order, with the open archive to extract it from."""
    with tarfile.open(path, mode="r|gz") as tar:
        for member in tar:
            yield tar, member
