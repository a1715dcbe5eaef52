"""A zip archive that somebody hostile may have made: every look at it is bounded."""

import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from .unreadable import Unreadable

#: Real apps have some thousands.
_ENTRIES = 100_000
#: bytes of a directory of so many entries
_DIRECTORY = 32 << 20
_END = b"PK\x05\x06"
_TAIL = 65_535 + 22


class Zip:
    """Raises Unreadable for whatever is wrong with the archive."""

    def __init__(self, file: Path) -> None:
        _directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as exc:
            raise Unreadable(f"it is no zip archive: {exc}") from exc
        entries = self._zip.infolist()
        if len(entries) > _ENTRIES:
            raise Unreadable(f"it has {len(entries):,} entries, which is more than {_ENTRIES:,}")
        self._entries: dict[str, zipfile.ZipInfo] = {}
        self._twice: set[str] = set()
        for entry in entries:
            if entry.filename in self._entries:
                self._twice.add(entry.filename)
            self._entries[entry.filename] = entry

    @property
    def names(self) -> Sequence[str]:
        """In the order of the directory."""
        return list(self._entries)

    def size(self, name: str) -> int:
        """What the directory says; the content may be otherwise."""
        return self._entries[name].file_size

    def has(self, name: str) -> bool:
        """Whether there is an entry of exactly that name."""
        return name in self._entries

    def read(self, name: str, limit: int) -> bytes:
        """The content of an entry, which must be there once and be a regular file of at most `limit` bytes."""
        entry = self._entries.get(name)
        if entry is None:
            raise Unreadable(f"it has no {name}")
        if name in self._twice:
            raise Unreadable(f"it has {name} twice: systems disagree which one counts")
        if entry.is_dir() or stat.S_ISLNK(entry.external_attr >> 16):
            raise Unreadable(f"its {name} is no regular file")
        try:
            with self._zip.open(entry) as opened:
                content = opened.read(limit + 1)
        except Exception as exc:
            raise Unreadable(f"its {name} cannot be unpacked: {exc}") from exc
        if len(content) > limit:
            raise Unreadable(f"its {name} is larger than {limit:,} bytes")
        return content


def end_of(file: BinaryIO) -> tuple[int, int]:
    """Offset and length of the archive's directory, as its end says."""
    size = file.seek(0, 2)
    file.seek(max(size - _TAIL, 0))
    tail = file.read(_TAIL)
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        raise Unreadable("it is no zip archive, or is not complete")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    return int.from_bytes(tail[at + 16 : at + 20], "little"), length


def _directory(file: Path) -> None:
    """Refuses a directory that would fill the memory, before anybody reads it."""
    try:
        with file.open("rb") as opened:
            _, length = end_of(opened)
    except OSError as exc:
        raise Unreadable(f"it cannot be opened: {exc.strerror}") from exc
    if length > _DIRECTORY and length != 0xFFFFFFFF:
        raise Unreadable(f"its directory of {length:,} bytes is too large")
