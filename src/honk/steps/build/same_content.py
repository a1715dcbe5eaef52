"""Runs inside a sandbox: whether a signed app is the unsigned one but for its signature. Needs nothing but Python.

Prints what differs, one difference a line; exit code 0 says that nothing does, 1 that something does.
"""

import hashlib
import re
import stat
import struct
import sys
import zipfile

#: What a signer of Android apps adds, at the top of META-INF and nowhere else.
_ANDROID = re.compile(r"META-INF/(MANIFEST\.MF|[^/]+\.(SF|RSA|DSA|EC))", re.IGNORECASE)
#: What codesign adds to a bundle, and the profile that is copied into it.
_IPHONE = re.compile(r"Payload/.+?/(_CodeSignature/.+|embedded\.mobileprovision)", re.DOTALL)
_MANY = 100_000
_MACH, _MACH64, _FAT = 0xFEEDFACE, 0xFEEDFACF, 0xCAFEBABE
_SEGMENT, _SEGMENT64, _SIGNATURE = 0x1, 0x19, 0x1D


def differences(unsigned: str, signed: str, form: str) -> list[str]:
    """What of the content differs; nothing where it is the same but for the signature."""
    found, contents = [], []
    for name in (unsigned, signed):
        with zipfile.ZipFile(name) as archive:
            names = [one.filename for one in archive.infolist()]
            if len(names) > _MANY:
                return [f"more than {_MANY} entries"]
            found += [f"twice there: {one!r}" for one in sorted({one for one in names if names.count(one) > 1})[:5]]
            contents.append({one.filename: _fingerprint(archive, one, form) for one in _content(archive, form)})
    before, after = contents
    found += [f"missing: {one!r}" for one in sorted(before.keys() - after.keys())]
    found += [f"added: {one!r}" for one in sorted(after.keys() - before.keys())]
    return found + [f"changed: {one!r}" for one in sorted(before.keys() & after.keys()) if before[one] != after[one]]


def _content(archive: zipfile.ZipFile, form: str) -> list[zipfile.ZipInfo]:
    own = _IPHONE if form == "ipa" else _ANDROID
    return [one for one in archive.infolist() if not one.is_dir() and own.fullmatch(one.filename) is None]


def _fingerprint(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, form: str) -> tuple[str, int]:
    kind = stat.S_IFMT(entry.external_attr >> 16) or stat.S_IFREG
    digest = hashlib.sha256()
    with archive.open(entry) as content:
        start = content.read(4)
        if form == "ipa" and len(start) == 4 and _is_mach(start):
            digest.update(bare(start + content.read()))
        else:
            digest.update(start)
            while piece := content.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest(), kind


def _is_mach(start: bytes) -> bool:
    return int.from_bytes(start, "little") in {_MACH, _MACH64} or int.from_bytes(start, "big") == _FAT


def bare(program: bytes) -> bytes:
    """A Mach-O file without its code signature, and what signing it changes; as it is where it is none."""
    try:
        if int.from_bytes(program[:4], "big") == _FAT:
            return b"".join(bare(program[at : at + size]) for at, size in _slices(program))
        return _bare(program)
    except (struct.error, ValueError):
        return program


def _slices(program: bytes) -> list[tuple[int, int]]:
    (count,) = struct.unpack_from(">I", program, 4)
    if count > 16:
        raise ValueError
    return [struct.unpack_from(">II", program, 8 + 20 * number + 8) for number in range(count)]


def _bare(program: bytes) -> bytes:
    magic, *_, count, size, flags = struct.unpack_from("<IIIIIII", program)
    if magic not in {_MACH, _MACH64}:
        raise ValueError
    at = first = 32 if magic == _MACH64 else 28
    commands, end = b"", len(program)
    for _ in range(count):
        kind, length = struct.unpack_from("<II", program, at)
        command = bytearray(program[at : at + length])
        if length < 8 or len(command) != length:
            raise ValueError
        at += length
        if kind == _SIGNATURE:
            start, there = (int(one) for one in struct.unpack_from("<II", command, 8))
            if start + there != len(program) or start < at:
                raise ValueError  # something follows the signature
            end = start
            continue
        if kind in {_SEGMENT, _SEGMENT64} and command[8:24].rstrip(b"\0") == b"__LINKEDIT":
            # the last segment, whose size holds the signature
            command[32 if kind == _SEGMENT64 else 28 : 40 if kind == _SEGMENT64 else 32] = b""
            command[40 if kind == _SEGMENT64 else 32 : 48 if kind == _SEGMENT64 else 36] = b""
        commands += command
    if at - first != size:
        raise ValueError
    head = program[4:16] + struct.pack("<I", flags)
    # the room between commands and code, and after the last byte, is filled up with zeros
    return head + commands + program[at:end].strip(b"\0")


def main() -> int:
    """The sandbox's command."""
    try:
        found = differences(*sys.argv[1:4])
    except Exception as error:  # noqa: BLE001 - whatever a hostile archive leads to, it is not the same content
        found = [f"cannot be read: {type(error).__name__}"]
    for one in found[:20]:
        sys.stdout.write(one.encode("ascii", "backslashreplace").decode()[:200] + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
