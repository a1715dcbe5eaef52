"""RFC 8291: a message that only one browser can read, in the coding aes128gcm of RFC 8188.

The push service between sees its length. One record is all that a push message may be.
"""

import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: bytes of a record; every push service takes as many
_RECORD = 4096
#: key id length, authentication tag and the last byte of the padding
_AROUND = 16 + 4 + 1 + 65 + 16 + 1
#: bytes that a message may have
LONGEST = _RECORD - _AROUND
#: Messages are filled up to a multiple of this, so that their lengths say little.
_STEP = 256
_CURVE = ec.SECP256R1()


def seal(
    message: bytes,
    *,
    p256dh: bytes,
    auth: bytes,
    private: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes = b"",
    fill: bool = True,
) -> bytes:
    """The body for the push service. Raises ValueError for keys that are none, or a message that is too long.

    Key and salt are made anew for each message; they are arguments for the example of the RFC alone.
    """
    if len(message) > LONGEST:
        raise ValueError(f"a push message has {LONGEST} bytes at most, not {len(message)}")
    if len(auth) != 16:
        raise ValueError("the browser's secret has 16 bytes")
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, p256dh)
    private, salt = private or ec.generate_private_key(_CURVE), salt or os.urandom(16)
    ours = point(private)
    shared = private.exchange(ec.ECDH(), theirs)
    secret = _derived(shared, salt=auth, info=b"WebPush: info\0" + p256dh + ours, length=32)
    key = _derived(secret, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=16)
    nonce = _derived(secret, salt=salt, info=b"Content-Encoding: nonce\0", length=12)
    rest = min(-(len(message) + 1) % _STEP, LONGEST - len(message)) if fill else 0
    record = AESGCM(key).encrypt(nonce, message + b"\2" + bytes(rest), None)
    return salt + _RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours + record


def point(private: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as an uncompressed point."""
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _derived(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)
