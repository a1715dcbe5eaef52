"""What a phone answers to a profile that asks for its identifier: a property list, signed (CMS, RFC 5652).

https://developer.apple.com/library/archive/documentation/NetworkingInternet/Conceptual/iPhoneOTAConfiguration/

Anybody can post such an answer, so that everything is bounded. The signature is verified by the certificate that comes
along: it says that nobody changed the answer on the way, not that Apple made the phone. Nothing is granted by it.
"""

import hashlib
import hmac
import plistlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.parsers.expat import ExpatError

#: bytes of an answer, and of the property list within
LARGEST, _LARGEST_LIST = 64 << 10, 16 << 10
_DEEPEST, _MOST = 24, 2000
_SIGNED_DATA, _DATA = bytes.fromhex("2a864886f70d010702"), bytes.fromhex("2a864886f70d010701")
_DIGEST_ATTRIBUTE = bytes.fromhex("2a864886f70d010904")
#: iPhones of before 2019 still sign with SHA-1
_HASHES = {
    bytes.fromhex("2b0e03021a"): "sha1",
    bytes.fromhex("608648016503040201"): "sha256",
    bytes.fromhex("608648016503040202"): "sha384",
    bytes.fromhex("608648016503040203"): "sha512",
}
_UDID = re.compile(r"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16}")
_PRODUCT = re.compile(r"[A-Za-z0-9, ._-]{1,40}")


class Unreadable(Exception):
    """It is no such answer; the words say why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Phone:
    """What a phone said of itself."""

    udid: str
    #: such as "iPhone14,2" and "22A3354"; "" where it did not say
    product: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class _Node:
    """One element. `raw` is all of it; `body` what is within, of one of no stated length too."""

    tag: int
    body: bytes
    raw: bytes
    children: tuple["_Node", ...] = ()


def read_answer(content: bytes, challenge: str) -> Phone:
    """The phone whose answer it is, to exactly that challenge. Raises Unreadable."""
    if len(content) > LARGEST:
        raise Unreadable("it is larger than any phone's answer")
    said = _listed(_content(content))
    if not hmac.compare_digest(str(said.get("CHALLENGE", "")), challenge):
        raise Unreadable("it answers another question")
    udid = str(said.get("UDID", ""))
    if not _UDID.fullmatch(udid):
        raise Unreadable("it has no identifier of a device")
    product, system = (str(said.get(name, "")) for name in ("PRODUCT", "VERSION"))
    known = [one if _PRODUCT.fullmatch(one) else "" for one in (product, system)]
    return Phone(udid=udid.upper() if "-" in udid else udid.lower(), product=known[0], system=known[1])


def _listed(content: bytes) -> dict[str, Any]:
    if len(content) > _LARGEST_LIST or b"<!ENTITY" in content:
        raise Unreadable("what is signed is no property list of a phone")
    try:
        found = plistlib.loads(content, fmt=plistlib.FMT_XML)
    except (ValueError, ExpatError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        raise Unreadable("what is signed is no property list") from None
    if not isinstance(found, dict):
        raise Unreadable("what is signed is no property list of a phone")
    return found


def _content(message: bytes) -> bytes:
    """What is signed, once the signature holds."""
    try:
        outer = _parsed(message)
        kind, within = outer.children
        if outer.tag != 0x30 or kind.body != _SIGNED_DATA or within.tag != 0xA0:
            raise Unreadable("it is no signed answer")
        parts = within.children[0].children
        inner = parts[2].children
        if inner[0].body != _DATA:
            raise Unreadable("what is signed is no plain data")
        content = _octets(inner[1].children[0])
        certificates = [one for part in parts[3:-1] if part.tag == 0xA0 for one in part.children]
        signers = parts[-1].children
        if len(signers) != 1 or not certificates:
            raise Unreadable("it has not one signature")
        _verify(signers[0].children, content, certificates)
    except (IndexError, ValueError):
        raise Unreadable("it is no signed answer") from None
    return content


def _verify(signer: tuple[_Node, ...], content: bytes, certificates: list[_Node]) -> None:
    """Raises Unreadable unless one of the certificates has signed exactly that."""
    digest = _HASHES.get(signer[2].children[0].body)
    if digest is None:
        raise Unreadable("it is signed in a way that is not known")
    rest = signer[3:]
    signed = content
    if rest[0].tag == 0xA0:
        attributes, rest = rest[0], rest[1:]
        values = [one.children[1].children for one in attributes.children if one.children[0].body == _DIGEST_ATTRIBUTE]
        wanted = hashlib.new(digest, content).digest()
        if len(values) != 1 or len(values[0]) != 1 or not hmac.compare_digest(values[0][0].body, wanted):
            raise Unreadable("it was changed on the way")
        signed = b"\x31" + attributes.raw[1:]
    signature = rest[1].body
    if not any(_signs(one, signature, signed, digest) for one in certificates):
        raise Unreadable("its signature does not hold")


def _signs(certificate: _Node, signature: bytes, signed: bytes, digest: str) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # only who asks a phone pays for it
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    known: dict[str, Callable[[], hashes.HashAlgorithm]] = {
        "sha1": hashes.SHA1,
        "sha256": hashes.SHA256,
        "sha384": hashes.SHA384,
        "sha512": hashes.SHA512,
    }
    try:
        fields = certificate.children[0].children
        # its key alone matters; a certificate of version 1 does not say its version
        key = load_der_public_key(fields[6 if fields[0].tag == 0xA0 else 5].raw)
        if isinstance(key, rsa.RSAPublicKey) and 1024 <= key.key_size <= 8192:
            key.verify(signature, signed, padding.PKCS1v15(), known[digest]())
            return True
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(known[digest]()))
            return True
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, IndexError):
        pass
    return False


def _octets(node: _Node) -> bytes:
    """A string of bytes, also one in pieces."""
    if node.tag == 0x04:
        return node.body
    if node.tag != 0x24 or any(one.tag != 0x04 for one in node.children):
        raise Unreadable("what is signed is no plain data")
    return b"".join(one.body for one in node.children)


def _parsed(content: bytes) -> _Node:
    found, end = _Reader(content).node(0, len(content), 0)
    if end != len(content):
        raise Unreadable("something stands behind it")
    return found


class _Reader:
    """BER, as far as such answers need it: elements of one tag byte, of a stated length or up to their end."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._read = 0

    def node(self, at: int, end: int, depth: int) -> tuple[_Node, int]:
        self._read += 1
        if self._read > _MOST or depth > _DEEPEST or at + 2 > end:
            raise Unreadable("it is no signed answer")
        tag, length, start = self._content[at], self._content[at + 1], at + 2
        if tag & 0x1F == 0x1F:
            raise Unreadable("it is no signed answer")
        if length == 0x80:
            if not tag & 0x20:
                raise Unreadable("it is no signed answer")
            children = tuple(self._until_end(start, end, depth))
            stop = start + sum(len(one.raw) for one in children)
            whole = self._content[at : stop + 2]
            return _Node(tag, self._content[start:stop], whole, children), stop + 2
        if length & 0x80:
            size = length & 0x7F
            if size > 4 or start + size > end:
                raise Unreadable("it is no signed answer")
            length, start = int.from_bytes(self._content[start : start + size], "big"), start + size
        stop = start + length
        if stop > end:
            raise Unreadable("it is cut off")
        body = self._content[start:stop]
        children = tuple(self._all(start, stop, depth)) if tag & 0x20 else ()
        return _Node(tag, body, self._content[at:stop], children), stop

    def _all(self, at: int, end: int, depth: int) -> Iterator[_Node]:
        while at < end:
            found, at = self.node(at, end, depth + 1)
            yield found

    def _until_end(self, at: int, end: int, depth: int) -> Iterator[_Node]:
        while self._content[at : at + 2] != b"\0\0":
            found, at = self.node(at, end, depth + 1)
            yield found
