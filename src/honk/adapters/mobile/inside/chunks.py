"""What Android's binary files have in common: chunks, and pools of strings."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .unreadable import Unreadable

POOL = 0x0001
_UTF8 = 0x100
#: no such index
NONE = 0xFFFFFFFF
#: characters of one string that anybody is shown
_LONGEST = 4096
_CHUNKS = 200_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file: where it lies, and where what follows its head begins."""

    kind: int
    start: int
    head: int
    end: int


def numbers(data: bytes, form: str, at: int) -> tuple[int, ...]:
    """Little-endian numbers at that place. Raises Unreadable outside the data."""
    try:
        found: tuple[int, ...] = struct.unpack_from(f"<{form}", data, at)
    except struct.error as exc:
        raise Unreadable("it ends too early") from exc
    return found


def chunks(data: bytes, start: int, end: int) -> Iterator[Chunk]:
    """The chunks from `start` up to before `end`, none of which is outside."""
    count = 0
    while start + 8 <= end:
        kind, head, size = numbers(data, "HHI", start)
        if head < 8 or size < head or start + size > end or count > _CHUNKS:
            raise Unreadable("a part of it has an impossible size")
        yield Chunk(kind, start, head, start + size)
        start, count = start + size, count + 1


class Pool:
    """The strings of a chunk, each decoded when it is asked for."""

    def __init__(self, data: bytes, chunk: Chunk) -> None:
        self._data, self._chunk = data, chunk
        self._count, _, flags, self._strings, _ = numbers(data, "IIIII", chunk.start + 8)
        self._wide = not flags & _UTF8

    def __getitem__(self, index: int) -> str:
        """The string; "" where there is none."""
        if index == NONE or index >= self._count:
            return ""
        (offset,) = numbers(self._data, "I", self._chunk.start + self._chunk.head + 4 * index)
        at = self._chunk.start + self._strings + offset
        if at >= self._chunk.end:
            raise Unreadable("a string of it lies outside")
        return self._wide_at(at) if self._wide else self._narrow_at(at)

    def _wide_at(self, at: int) -> str:
        (length,) = numbers(self._data, "H", at)
        at += 2
        if length & 0x8000:
            (low,) = numbers(self._data, "H", at)
            length, at = (length & 0x7FFF) << 16 | low, at + 2
        end = min(at + 2 * min(length, _LONGEST), self._chunk.end)
        return self._data[at:end].decode("utf-16-le", "replace")

    def _narrow_at(self, at: int) -> str:
        _, at = self._length(at)
        length, at = self._length(at)
        end = min(at + min(length, _LONGEST), self._chunk.end)
        return self._data[at:end].decode("utf-8", "replace")

    def _length(self, at: int) -> tuple[int, int]:
        (length,) = numbers(self._data, "B", at)
        if length & 0x80:
            (low,) = numbers(self._data, "B", at + 1)
            return (length & 0x7F) << 8 | low, at + 2
        return length, at + 1
