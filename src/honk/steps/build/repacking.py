"""a packed web app → the tar archive that previews and deployments read.

Only plain files are taken over, under names below the archive's top; what they unpack to is bounded.
"""

import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from honk.errors import Usage

#: bytes of everything unpacked
LIMIT = 2 << 30
_MANY = 100_000
_PIECE = 1 << 20
#: what broken and hostile archives are known to raise in the standard library
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError, NotImplementedError)


def is_plain_tar(file: Path) -> bool:
    """Whether it can be kept as it is."""
    with file.open("rb") as source:
        return source.read(262)[257:] == b"ustar"


def repack(file: Path, into: Path) -> None:
    """Writes the archive's files as a tar archive. Raises Usage for one that is broken or unpacks to too much.

    The same files give the same bytes. It works long, so not on the event loop.
    """
    left = LIMIT
    try:
        with tarfile.open(into, "w", format=tarfile.GNU_FORMAT) as target:
            for name, size, content in _files(file):
                left -= size
                if left < 0:
                    raise Usage(f"{file.name} unpacks to more than {LIMIT >> 30} GiB", "leave out what is not needed")
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = size, 0o644
                target.addfile(entry, _Bounded(content, size))
    except _BROKEN as exc:
        raise Usage(f"{file.name} cannot be unpacked: {exc}", "build it again") from exc


def _files(file: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with file.open("rb") as source:
        packed = _zip_files if source.read(2) == b"PK" else _tar_files
        source.seek(0)
        for number, (name, size, content) in enumerate(packed(source)):
            path = PurePosixPath(name)
            if number > _MANY:
                raise ValueError(f"it has more than {_MANY:,} files")
            if path.parts and not path.is_absolute() and ".." not in path.parts and "\0" not in name:
                yield str(path), size, content


def _zip_files(source: BinaryIO) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            if not entry.is_dir() and not stat.S_ISLNK(entry.external_attr >> 16):
                if entry.flag_bits & 1:
                    raise ValueError("it is encrypted")
                with archive.open(entry) as content:
                    yield entry.filename, entry.file_size, content


def _tar_files(source: BinaryIO) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(fileobj=source, mode="r|*", bufsize=_PIECE) as archive:
        for entry in archive:
            if entry.isfile() and (content := archive.extractfile(entry)) is not None:
                yield entry.name, entry.size, content


class _Bounded(io.RawIOBase):
    """Exactly as many bytes as were announced. Raises ValueError where there are fewer; further ones are left."""

    def __init__(self, content: IO[bytes], size: int) -> None:
        super().__init__()
        self._content = content
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes; never fewer, but at the end."""
        piece = self._content.read(min(size, self._left) if size >= 0 else self._left)
        if self._left and not piece:
            raise ValueError("a file in it is shorter than it says")
        self._left -= len(piece)
        return piece
