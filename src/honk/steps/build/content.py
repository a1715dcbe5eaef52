"""What kind of build a file is, by what is in it: its name is somebody's word.

The file is hostile until it is known to be anything. A zip archive's list of names is read with bounds, and nothing
of an archive is unpacked.
"""

import re
import struct
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from honk.domain.attachment import HEAD, kind_of
from honk.errors import Usage

APK, AAB, IPA, WEB = "apk", "aab", "ipa", "web"
PAGE = "index.html"
_APP = re.compile(r"Payload/[^/]+\.app/")
#: of a zip archive's list of names: bytes, and entries
_LIST, _MANY = 16 << 20, 100_000
#: entries of a tar archive that are looked at, and bytes that a packed one may have unpacked so far
_LOOKED, _UNPACKED = 100_000, 4 << 30
_END, _ENTRY = struct.Struct("<4s4H2LH"), struct.Struct("<4s6H3L5H2L")
_LOCATOR, _END64 = struct.Struct("<4sLQL"), struct.Struct("<4sQ2H2L4Q")
_WANTED = (
    "an app for a phone (.apk, .aab, .ipa), or a web app: a zip or tar archive with index.html at its top; "
    "of an app for a simulator or another system, make such an archive"
)


class _Unreadable(Exception):
    """The archive is broken, or larger than is looked at."""


def kind_of_build(file: Path, name: str) -> str:
    """One of the kinds above. Raises Usage, which says what was found instead. It reads, so not on the event loop."""
    with file.open("rb") as source:
        head = source.read(HEAD)
        try:
            if head.startswith(b"PK"):
                return _of_zip(list(_names(source)), name)
            if head.startswith(b"\x1f\x8b") or head[257:262] == b"ustar":
                return _of_tar(source, name)
        except _Unreadable as exc:
            raise Usage(f"{name} is an archive that cannot be read: {exc}", "was it cut off? Build it again") from None
    found = kind_of(head) if head else "nothing: it is empty"
    raise Usage(f"{name} is no build: it is {found}", f"give {_WANTED}")


def _of_zip(names: list[str], name: str) -> str:
    known = set(names)
    if any(_APP.match(one) for one in names):
        return IPA
    if "BundleConfig.pb" in known:
        return AAB
    if "AndroidManifest.xml" in known:
        return APK
    return _web(names, name, "zip")


def _of_tar(source: BinaryIO, name: str) -> str:
    source.seek(0)
    names: list[str] = []
    try:
        with tarfile.open(fileobj=source, mode="r|*", bufsize=1 << 20) as archive:
            for entry in archive:
                names.append(entry.name)
                if entry.isfile() and entry.name.removeprefix("./") == PAGE:
                    return WEB
                if len(names) > _LOOKED or entry.offset_data > _UNPACKED:
                    raise _Unreadable("it holds more than is looked at")
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError) as exc:
        raise _Unreadable(str(exc) or type(exc).__name__) from exc
    return _web(names, name, "tar")


def _web(names: list[str], name: str, archive: str) -> str:
    plain = [one.removeprefix("./") for one in names]
    if PAGE in plain:
        return WEB
    below = next((one for one in plain if one.count("/") == 1 and one.endswith(f"/{PAGE}")), "")
    if below:
        folder = below.removesuffix(f"/{PAGE}")
        said = f"{name} is a {archive} archive with {_shown(below)} in it, and not at its top"
        raise Usage(said, f"pack what is in {_shown(folder)}, not the folder itself")
    some = ", ".join(_shown(one) for one in plain[:3]) + (", …" if len(plain) > 3 else "")
    found = f"a {archive} archive of {len(plain):,} entries ({some})" if plain else f"an empty {archive} archive"
    missing = f"no AndroidManifest.xml, BundleConfig.pb, Payload/….app or {PAGE} at its top"
    raise Usage(f"{name} is no build: it is {found} with {missing}", f"give {_WANTED}")


def _shown(name: str) -> str:
    return "".join(char if char.isprintable() else "�" for char in name[:60])


def _names(source: BinaryIO) -> Iterator[str]:
    """Names in a zip archive's own list, which lies at its end."""
    size = source.seek(0, 2)
    tail_at = max(0, size - _END.size - 0xFFFF)
    source.seek(tail_at)
    tail = source.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise _Unreadable("its list of names is missing, which lies at the end")
    _, _, _, _, entries, length, _, _ = _END.unpack_from(tail, at)
    end = tail_at + at
    locator = tail[at - _LOCATOR.size : at] if at >= _LOCATOR.size else b""
    if locator.startswith(b"PK\6\7"):
        end -= _LOCATOR.size + _END64.size
        source.seek(max(end, 0))
        record = source.read(_END64.size)
        if end < 0 or len(record) < _END64.size or not record.startswith(b"PK\6\6"):
            raise _Unreadable("its list of names is broken")
        entries, length = _END64.unpack(record)[7:9]
    if entries > _MANY or length > _LIST:
        raise _Unreadable(f"it lists {entries:,} entries in {length:,} bytes, more than is looked at")
    if length > end:
        raise _Unreadable("its list of names is broken")
    source.seek(end - length)
    yield from _listed(source.read(length), entries)


def _listed(content: bytes, entries: int) -> Iterator[str]:
    at = 0
    for _ in range(entries):
        if len(content) - at < _ENTRY.size or content[at : at + 4] != b"PK\1\2":
            raise _Unreadable("its list of names is broken")
        fields = _ENTRY.unpack_from(content, at)
        name, extra, comment = fields[10:13]
        begin = at + _ENTRY.size
        yield content[begin : begin + name].decode("utf-8", "replace")
        at = begin + name + extra + comment
