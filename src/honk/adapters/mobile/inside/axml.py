"""The compiled manifest of an .apk (the binary XML of AAPT)."""

from collections.abc import Iterator

from .chunks import NONE, POOL, Chunk, Pool, chunks, numbers
from .elements import ATTRIBUTES, Element, Reference, Value
from .unreadable import Unreadable

_XML, _NUMBERS, _START, _END = 0x0003, 0x0180, 0x0102, 0x0103
_REFERENCE, _STRING, _BOOLEAN = 0x01, 0x03, 0x12
_DYNAMIC = 0x07
_ELEMENTS = 50_000


def elements(data: bytes) -> Iterator[Element]:
    """The elements in the order of the file."""
    kind, head, size = numbers(data, "HHI", 0)
    if kind != _XML or size > len(data):
        raise Unreadable("its manifest is no compiled XML, or is not complete")
    pool: Pool | None = None
    known: tuple[int, ...] = ()
    depth = count = 0
    for chunk in chunks(data, head, size):
        if chunk.kind == POOL and pool is None:
            pool = Pool(data, chunk)
        elif chunk.kind == _NUMBERS:
            known = numbers(data, f"{(chunk.end - chunk.start - chunk.head) // 4}I", chunk.start + chunk.head)
        elif chunk.kind == _END:
            depth -= 1
        elif chunk.kind == _START:
            if pool is None or count > _ELEMENTS:
                raise Unreadable("its manifest has no strings, or too many elements")
            depth, count = depth + 1, count + 1
            yield _element(data, chunk, pool, known, depth)


def _element(data: bytes, chunk: Chunk, pool: Pool, known: tuple[int, ...], depth: int) -> Element:
    at = chunk.start + chunk.head
    _, name, start, size, count = numbers(data, "IIHHH", at)
    if size < 20 or at + start + size * count > chunk.end:
        raise Unreadable("an element of its manifest has an impossible size")
    found: dict[str, Value] = {}
    for index in range(count):
        _, named, raw, _, _, kind, value = numbers(data, "IIIHBBI", at + start + size * index)
        number = known[named] if named < len(known) else 0
        called = ATTRIBUTES.get(number, "") if number else pool[named]
        if called:
            found[called] = _value(pool, raw, kind, value)
    return Element(pool[name], depth, found)


def _value(pool: Pool, raw: int, kind: int, value: int) -> Value:
    if kind == _STRING:
        return pool[value]
    if kind in (_REFERENCE, _DYNAMIC):
        return Reference(value)
    if kind == _BOOLEAN:
        return "true" if value else "false"
    return pool[raw] if raw != NONE else value
