"""An .aab: the manifest of its base module, which is a protocol buffer (aapt2's Resources.proto)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import signing
from .android import MANIFEST_LIMIT, TABLE_LIMIT, facts_of
from .elements import ATTRIBUTES, Element, Reference, Value
from .pictures import LARGEST, icon
from .unreadable import Unreadable
from .zips import Zip

MANIFEST = "base/manifest/AndroidManifest.xml"
_TABLE = "base/resources.pb"
_DEPTH, _ELEMENTS = 50, 50_000
Fields = list[tuple[int, int | bytes]]


def aab(file: Path, archive: Zip) -> tuple[dict[str, Any], bytes]:
    """What is known of it, and its icon."""
    elements = list(_elements(archive.read(MANIFEST, MANIFEST_LIMIT), 1, [0]))
    table = archive.read(_TABLE, TABLE_LIMIT) if archive.has(_TABLE) else b""

    def words(element: Element, name: str) -> str:
        value = element.attributes.get(name, "")
        return next(_found(table, value.id, 1), ("", 0))[0] if isinstance(value, Reference) else str(value)

    signer, schemes = signing.signer(file, archive)
    facts = {**facts_of(elements, words), "form": "aab", "signer": signer, "schemes": schemes}
    pointed = next((one.attributes.get("icon") for one in elements if one.name == "application"), None)
    found = list(_found(table, pointed.id, 5)) if isinstance(pointed, Reference) else []
    for path, _ in sorted(found, key=lambda one: -one[1])[:8]:
        name = f"base/{path}"
        if path.endswith((".png", ".webp")) and archive.has(name) and archive.size(name) <= LARGEST:
            return facts, icon(archive.read(name, LARGEST))
    return facts, b""


def fields(data: bytes) -> Fields:
    """The fields of one message. Raises Unreadable for what is none."""
    found: Fields = []
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _number(data, at)
            found.append((tag >> 3, value))
            continue
        length, at = _number(data, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if length < 0 or at + length > len(data):
            raise Unreadable("a message of it is broken")
        found.append((tag >> 3, data[at : at + length]))
        at += length
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << 7 * place
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise Unreadable("a message of it is broken")


def _all(data: bytes, number: int) -> Iterator[bytes]:
    for at, value in fields(data):
        if at == number and isinstance(value, bytes):
            yield value


def _first(data: bytes, *path: int) -> bytes:
    for number in path:
        data = next(_all(data, number), b"")
    return data


def _count(data: bytes, number: int) -> int:
    return next((value for at, value in fields(data) if at == number and isinstance(value, int)), 0)


def _elements(node: bytes, depth: int, count: list[int]) -> Iterator[Element]:
    """XmlNode.element, then those of its children."""
    count[0] += 1
    if depth > _DEPTH or count[0] > _ELEMENTS:
        raise Unreadable("its manifest has too many elements")
    element = _first(node, 1)
    if not element:
        return
    attributes = dict(_attribute(one) for one in _all(element, 4))
    yield Element(_text(_first(element, 3)), depth, {name: value for name, value in attributes.items() if name})
    for child in _all(element, 5):
        yield from _elements(child, depth + 1, count)


def _attribute(data: bytes) -> tuple[str, Value]:
    """XmlAttribute: known by its number, or by its name where it has none."""
    id = _count(data, 5)
    name = ATTRIBUTES.get(id, "") if id else _text(_first(data, 2))
    item = _first(data, 6)
    if reference := _count(_first(item, 1), 2):
        return name, Reference(reference)
    if words := _text(_first(data, 3)):
        return name, words
    if text := _text(_first(item, 2, 1)):
        return name, text
    return name, str(_count(_first(item, 7), 6)) if _first(item, 7) else ""


def _text(data: bytes) -> str:
    return data[:4096].decode("utf-8", "replace")


def _found(table: bytes, id: int, item: int) -> Iterator[tuple[str, int]]:
    """Values and densities of a resource: strings (`item` 1), or paths of files (5)."""
    for package in _all(table, 2):
        if _count(_first(package, 1), 1) != id >> 24:
            continue
        for kind in _all(package, 3):
            if _count(_first(kind, 1), 1) != id >> 16 & 0xFF:
                continue
            entry = next((one for one in _all(kind, 3) if _count(_first(one, 1), 1) == id & 0xFFFF), b"")
            values = list(_all(entry, 6))
            # for everybody before any language
            for value in sorted(values, key=lambda one: bool(_first(one, 1, 3))):
                said = _first(value, 2, 4, 2 if item == 1 else 5, 1)
                if said:
                    yield _text(said), _count(_first(value, 1), 18)
