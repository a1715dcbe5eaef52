"""The table of resources of an .apk (resources.arsc): where a number leads."""

from collections.abc import Iterator
from dataclasses import dataclass

from .chunks import NONE, POOL, Chunk, Pool, chunks, numbers
from .elements import Reference
from .unreadable import Unreadable

_TABLE, _PACKAGE, _TYPE = 0x0002, 0x0200, 0x0201
_SPARSE, _SHORT = 0x01, 0x02
_COMPLEX, _COMPACT = 0x0001, 0x0008
_REFERENCE, _STRING, _DYNAMIC = 0x01, 0x03, 0x07
#: values of one resource, and resources on the way to it
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """One value of a resource, and for whom it is."""

    text: str
    #: such as "de"; "" for everybody
    language: str
    density: int


class Table:
    """Raises Unreadable for a table that is none."""

    def __init__(self, data: bytes) -> None:
        kind, head, size = numbers(data, "HHI", 0)
        if kind != _TABLE or size > len(data):
            raise Unreadable("its resources.arsc is no table, or is not complete")
        self._data = data
        self._types: dict[int, list[Chunk]] = {}
        pool = None
        for chunk in chunks(data, head, size):
            if chunk.kind == POOL and pool is None:
                pool = Pool(data, chunk)
            elif chunk.kind == _PACKAGE:
                self._package(chunk)
        if pool is None:
            raise Unreadable("its resources.arsc has no strings")
        self._pool = pool

    def _package(self, package: Chunk) -> None:
        (id,) = numbers(self._data, "I", package.start + 8)
        for chunk in chunks(self._data, package.start + package.head, package.end):
            if chunk.kind == _TYPE:
                (kind,) = numbers(self._data, "B", chunk.start + 8)
                self._types.setdefault(id << 8 | kind, []).append(chunk)

    def find(self, reference: Reference) -> list[Found]:
        """All its values that are text, through references to other resources; a circle leads nowhere."""
        found: list[Found] = []
        waiting, seen = [reference.id], {reference.id}
        while waiting and len(seen) <= _MOST:
            for kind, data, language, density in self._values(waiting.pop()):
                if kind == _STRING:
                    found.append(Found(self._pool[data], language, density))
                elif kind in (_REFERENCE, _DYNAMIC) and data not in seen:
                    seen.add(data)
                    waiting.append(data)
        return found

    def _values(self, id: int) -> Iterator[tuple[int, int, str, int]]:
        for chunk in self._types.get(id >> 16, [])[:_MOST]:
            value = self._entry(chunk, id & 0xFFFF)
            if value is not None:
                yield *value, *self._for(chunk)

    def _for(self, chunk: Chunk) -> tuple[str, int]:
        config = chunk.start + 20
        first, second, _, _ = numbers(self._data, "BBBB", config + 8)
        (density,) = numbers(self._data, "H", config + 14)
        packed = first >= 0x80  # three letters in two bytes
        return ("?" if packed else bytes((first, second)).strip(b"\0").decode("ascii", "replace")), density

    def _entry(self, chunk: Chunk, index: int) -> tuple[int, int] | None:
        """Type and data of a plain value; None for what is not there, and for styles and lists."""
        _, flags, _, count, start = numbers(self._data, "BBHII", chunk.start + 8)
        offset = self._offset(chunk, flags, count, index)
        if offset is None:
            return None
        at = chunk.start + start + offset
        if at + 8 > chunk.end:
            raise Unreadable("a resource of it lies outside")
        size, about, data = numbers(self._data, "HHI", at)
        if about & _COMPACT:
            return about >> 8, data
        if about & _COMPLEX:
            return None
        _, _, kind, data = numbers(self._data, "HBBI", at + size)
        return kind, data

    def _offset(self, chunk: Chunk, flags: int, count: int, index: int) -> int | None:
        at = chunk.start + chunk.head
        if flags & _SPARSE:
            places = numbers(self._data, f"{2 * min(count, 65_536)}H", at)
            pairs = dict(zip(places[::2], places[1::2], strict=True))
            return None if index not in pairs else 4 * pairs[index]
        if index >= count:
            return None
        if flags & _SHORT:
            (short,) = numbers(self._data, "H", at + 2 * index)
            return None if short == 0xFFFF else 4 * short
        (offset,) = numbers(self._data, "I", at + 4 * index)
        return None if offset == NONE else offset
