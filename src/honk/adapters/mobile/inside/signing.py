"""Who signed an Android app: the certificate that the file carries. Whether the signature is right is not looked at."""

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path

from .unreadable import Unreadable
from .zips import Zip, end_of

_MAGIC = b"APK Sig Block 42"
#: which scheme a part of the signing block belongs to; the last is the one that counts first
_SCHEMES = {0x7109871A: 2, 0xF05368C0: 3, 0x1B93AD61: 3}
_BLOCK = 16 << 20
_SIGNATURE = 1 << 20
_SIGNERS = (".RSA", ".DSA", ".EC")


def signer(file: Path, archive: Zip) -> tuple[str, tuple[int, ...]]:
    """SHA-256 of the first signer's certificate, "" where there is none, and the schemes in use."""
    found = dict(_blocks(file))
    if old := _jar(archive):
        found[1] = old
    latest = found[max(found)] if found else b""
    return hashlib.sha256(latest).hexdigest() if latest else "", tuple(sorted(found))


def _blocks(file: Path) -> Iterator[tuple[int, bytes]]:
    """Scheme and certificate of each signature in the block before the directory."""
    with file.open("rb") as opened:
        directory, _ = end_of(opened)
        if directory < 32:
            return
        opened.seek(directory - 24)
        foot = opened.read(24)
        size = int.from_bytes(foot[:8], "little")
        if foot[8:] != _MAGIC:
            return
        if not 24 <= size <= min(_BLOCK, directory - 8):
            raise Unreadable("its signing block has an impossible size")
        opened.seek(directory - size)
        pairs = opened.read(size - 24)
    at = 0
    while at + 12 <= len(pairs):
        length, id = struct.unpack_from("<QI", pairs, at)
        if not 4 <= length <= len(pairs) - at - 8:
            raise Unreadable("its signing block is broken")
        if id in _SCHEMES:
            yield _SCHEMES[id], _certificate(pairs[at + 12 : at + 8 + length])
        at += 8 + length


def _piece(data: bytes) -> tuple[bytes, bytes]:
    """The first piece with its length before it, and the rest."""
    length = int.from_bytes(data[:4], "little")
    if len(data) < 4 or length > len(data) - 4:
        raise Unreadable("its signing block is broken")
    return data[4 : 4 + length], data[4 + length :]


def _certificate(block: bytes) -> bytes:
    """signers › the first › its signed data › (digests), certificates › the first."""
    signers, _ = _piece(block)
    first, _ = _piece(signers)
    signed, _ = _piece(first)
    _, rest = _piece(signed)
    certificates, _ = _piece(rest)
    return _piece(certificates)[0]


def _jar(archive: Zip) -> bytes:
    """The certificate of a signature as jars have it (v1)."""
    for name in archive.names:
        folder, _, last = name.upper().rpartition("/")
        if folder == "META-INF" and last.endswith(_SIGNERS):
            return _of_pkcs7(archive.read(name, _SIGNATURE))
    return b""


def _of_pkcs7(data: bytes) -> bytes:
    """The signer's certificate of a PKCS #7 message: the one that its signer's information names."""
    message = list(_parts(_inner(data, 0x30)))
    signed = [piece for _, piece in _parts(_inner(_inner(message[1][1], 0xA0) if len(message) > 1 else b"", 0x30))]
    certificates = [one for one in signed if one[:1] == b"\xa0"]
    infos = [one for one in signed if one[:1] == b"\x31"]
    if not certificates or not infos:
        raise Unreadable("its signature has no certificate")
    candidates = [one for _, one in _parts(_inner(certificates[0], 0xA0))]
    information = [one for _, one in _parts(_inner(next(_parts(_inner(infos[-1], 0x31)), (0, b""))[1], 0x30))]
    serial = [one for _, one in _parts(_inner(information[1], 0x30))][-1:] if len(information) > 1 else []
    named = [one for one in candidates if serial and _serial(one) == serial[0]]
    return (named or candidates)[0]


def _serial(certificate: bytes) -> bytes:
    fields = [one for _, one in _parts(_inner(_inner(certificate, 0x30), 0x30))]
    return next((one for one in fields if one[:1] == b"\x02"), b"")


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and whole encoding of each DER value."""
    at = 0
    while at < len(data):
        head, length = _length(data, at)
        if head + length > len(data):
            raise Unreadable("its signature is broken")
        yield data[at], data[at : head + length]
        at = head + length


def _inner(data: bytes, tag: int) -> bytes:
    """The content of a DER value of that tag."""
    head, length = _length(data, 0)
    if data[0] != tag or head + length > len(data):
        raise Unreadable("its signature is no PKCS #7 message")
    return data[head : head + length]


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Where the content begins, and its length."""
    if at + 2 > len(data):
        raise Unreadable("its signature is broken")
    first = data[at + 1]
    if first < 0x80:
        return at + 2, first
    count = first & 0x7F
    if not 1 <= count <= 4:
        raise Unreadable("its signature is broken")
    return at + 2 + count, int.from_bytes(data[at + 2 : at + 2 + count], "big")
