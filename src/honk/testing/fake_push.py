"""A push service and the browsers behind it, from RFC 8030 (push), 8188 and 8291 (encryption), 8292 (VAPID).

It checks what real ones check, and each browser decrypts with keys of its own what reaches it.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from honk.ports import Clock


@dataclass(frozen=True, kw_only=True)
class FakeAnswer:
    """What the service answered."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FakeBrowser:
    """A browser that subscribed: it alone can read what was sent to it."""

    endpoint: str
    #: with which it subscribed (applicationServerKey): nobody else's messages are taken
    sender: str
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: os.urandom(16))
    #: what was shown, oldest first; one with the topic of another that was not yet looked at takes its place
    shown: list[dict[str, Any]] = field(default_factory=list)

    @property
    def p256dh(self) -> str:
        return text64(self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    @property
    def auth(self) -> str:
        return text64(self.secret)

    def read(self, body: bytes) -> bytes:
        """The message in a body of the coding aes128gcm. Raises ValueError or cryptography's InvalidTag."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        theirs, record = body[21 : 21 + length], body[21 + length :]
        if len(theirs) != 65 or size < 18 or len(record) > size:
            raise ValueError("this is no message in one record")
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        ours = octets(self.p256dh)
        # RFC 8291, 3.4
        pseudo = _hmac(self.secret, self.private.exchange(ec.ECDH(), point))
        material = _hmac(pseudo, b"WebPush: info\0" + ours + theirs + b"\1")
        # RFC 8188, 2.2 and 2.3
        pseudo = _hmac(salt, material)
        key = _hmac(pseudo, b"Content-Encoding: aes128gcm\0\1")[:16]
        nonce = _hmac(pseudo, b"Content-Encoding: nonce\0\1")[:12]
        padded = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
        if not padded.endswith(b"\2"):
            raise ValueError("the last record ends with 2")
        return padded[:-1]


class FakePush:
    """The service. `troubles` are what its next answers are instead."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.browsers: dict[str, FakeBrowser] = {}
        self.troubles: list[FakeAnswer | OSError] = []
        #: headers of what was taken
        self.taken: list[Mapping[str, str]] = []
        #: addresses to which nothing may go
        self.inside: set[str] = set()

    def subscribe(self, sender: str, name: str = "one") -> FakeBrowser:
        """A browser that wants messages of that sender alone."""
        endpoint = f"https://push.example.net/send/{name}"
        self.browsers[endpoint] = FakeBrowser(endpoint=endpoint, sender=sender)
        return self.browsers[endpoint]

    async def allow(self, url: str) -> None:
        """As honk.adapters.broker.Poster does."""
        if (urlsplit(url).hostname or "") in self.inside:
            raise PermissionError(f"nothing is sent to {urlsplit(url).netloc}: a private network")

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> FakeAnswer:
        """A message for a browser (RFC 8030, 5)."""
        await self.allow(url)
        if self.troubles:
            trouble = self.troubles.pop(0)
            if isinstance(trouble, OSError):
                raise trouble
            return trouble
        browser = self.browsers.get(url)
        if browser is None:
            return FakeAnswer(status=410)
        if len(body) > 4096:
            return FakeAnswer(status=413)
        if headers.get("Content-Encoding") != "aes128gcm" or not headers.get("TTL", "").isdigit():
            return FakeAnswer(status=400)
        topic = headers.get("Topic", "")
        if len(topic) > 32 or not topic.replace("-", "").replace("_", "").isalnum():
            return FakeAnswer(status=400)
        if not self._is_sender(headers.get("Authorization", ""), url, browser.sender):
            return FakeAnswer(status=403)
        self.taken.append(dict(headers))
        said: dict[str, Any] = json.loads(browser.read(body))
        browser.shown = [one for one in browser.shown if one["tag"] != said["tag"]] + [said]
        return FakeAnswer(status=201)

    def _is_sender(self, authorization: str, url: str, sender: str) -> bool:
        """RFC 8292: the key with which the browser subscribed has signed a token for this service."""
        scheme, _, rest = authorization.partition(" ")
        given = dict(one.strip().split("=", 1) for one in rest.split(",") if "=" in one)
        if scheme != "vapid" or given.get("k") != sender:
            return False
        said, _, signature = given.get("t", "").rpartition(".")
        head, _, claims = said.partition(".")
        raw = octets(signature)
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets(sender))
        try:
            pair = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
            key.verify(pair, said.encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        told, now = json.loads(octets(claims)), self._clock()
        until = datetime.fromtimestamp(told["exp"], now.tzinfo)
        parts = urlsplit(url)
        right = told["aud"] == f"{parts.scheme}://{parts.netloc}" and json.loads(octets(head))["alg"] == "ES256"
        contact = str(told.get("sub", ""))
        return right and now < until <= now + timedelta(days=1) and contact.startswith(("mailto:", "https:"))


def _hmac(key: bytes, words: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(words)
    return made.finalize()


def text64(value: bytes) -> str:
    """As base64url without padding."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def octets(text: str) -> bytes:
    """What base64url without padding stands for."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
