"""Bytes by the SHA-256 of their content, as read-only files below one folder.

A file appears under its final name whole and synced, or not at all: it is written beside it first.
"""

import asyncio
import errno
import hashlib
import io
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from honk.errors import Defect

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20
#: seconds after which a file that has not arrived never will
_LONG_AGO = 86_400.0


class FileArtifacts:
    """Implements honk.ports.Artifacts in `<root>/<first two digits>/<digest>`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, content: bytes | Path, *, move: bool = False) -> str:
        """Raises OSError when the file cannot be read or the disk is full."""
        return await asyncio.to_thread(self._put, content, move)

    async def get(self, digest: str) -> bytes:
        """Raises KeyError when there is nothing under it, Defect when the disk changed the bytes."""
        return await asyncio.to_thread(self._get, digest)

    async def delete(self, digest: str) -> int:
        return await asyncio.to_thread(_remove, self.path(digest))

    async def sweep(self) -> int:
        """Removes what a put left that was killed, a day ago or longer; returns the bytes freed."""
        return await asyncio.to_thread(self._sweep, "arriving-*", time.time() - _LONG_AGO, frozenset())

    async def sweep_unnamed(self, named: frozenset[str], before: datetime) -> int:
        """Removes what was stored before that moment and is not among the named; returns the bytes freed."""
        return await asyncio.to_thread(self._sweep, "[0-9a-f][0-9a-f]/*", before.timestamp(), named)

    def _sweep(self, pattern: str, before: float, named: frozenset[str]) -> int:
        left = [path for path in self._root.glob(pattern) if path.name not in named]
        return sum(_remove(path) for path in left if path.lstat().st_mtime < before)

    def path(self, digest: str) -> Path:
        """Raises KeyError when this is no digest; whether there is a file is not looked at."""
        if not _DIGEST.fullmatch(digest):
            raise KeyError(digest)
        return self._root / digest[:2] / digest

    def _put(self, content: bytes | Path, move: bool) -> str:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        arriving = self._root / f"arriving-{uuid4().hex}"
        try:
            if isinstance(content, Path) and move and _moved(content, arriving):
                digest, size = _sealed(arriving)
            else:
                with _opened(content) as source, arriving.open("xb") as target:
                    digest, size = _copy(source, target)
                    target.flush()
                    os.fchmod(target.fileno(), 0o444)
                    os.fsync(target.fileno())
                if move and isinstance(content, Path):
                    content.unlink()
            self._keep(arriving, self.path(digest), size)
        finally:
            arriving.unlink(missing_ok=True)
        return digest

    @staticmethod
    def _keep(arriving: Path, final: Path, size: int) -> None:
        if final.exists() and final.stat().st_size == size:
            # as new as any other: who stores it now names it in a moment, and `sweep` must not come between
            os.utime(final)
            return
        final.parent.mkdir(exist_ok=True, mode=0o700)
        arriving.replace(final)
        for folder in (final.parent, final.parent.parent):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _get(self, digest: str) -> bytes:
        try:
            content = self.path(digest).read_bytes()
        except FileNotFoundError:
            raise KeyError(digest) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise Defect(f"artifact {digest} is not what was stored: the disk, or somebody, changed it")
        return content


def _remove(path: Path) -> int:
    try:
        size = path.lstat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size


@contextmanager
def _opened(content: bytes | Path) -> Iterator[BinaryIO]:
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
        yield source


def _moved(file: Path, to: Path) -> bool:
    """False where a file cannot be moved: it lies on another file system."""
    try:
        file.rename(to)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        return False
    return True


def _sealed(file: Path) -> tuple[str, int]:
    """Digest and size of a file that nobody changes any more, and that is on the disk."""
    with file.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        os.fchmod(source.fileno(), 0o444)
        os.fsync(source.fileno())
        return digest, os.fstat(source.fileno()).st_size


def _copy(source: BinaryIO, target: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while piece := source.read(_PIECE):
        digest.update(piece)
        target.write(piece)
        size += len(piece)
    return digest.hexdigest(), size
