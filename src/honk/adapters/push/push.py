"""Sends to push services (RFC 8030), and shows them who sends (VAPID, RFC 8292)."""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from honk.adapters.push.sealing import point, seal
from honk.domain.notice import Device
from honk.ports import Clock, Outcome, Sent

#: the order of the curve P-256
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
#: for how long a token that shows who sends is good; services refuse more than a day
_GOOD = timedelta(hours=12)
#: seconds for which a push service keeps what it cannot deliver
_KEPT = 24 * 3600
#: seconds that are waited at most because a service says so
_LONGEST_WAIT = 24 * 3600.0


class Answer(Protocol):
    """What a push service answered."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in small letters."""
        ...


#: Posts to an address of the outside. Raises PermissionError where nothing may go there, and OSError.
Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]
#: Raises PermissionError where nothing may go there, and OSError where it has no address.
Allow = Callable[[str], Awaitable[None]]


class WebPush:
    """Implements honk.ports.Push.

    `secret` is 32 bytes that only this home has: the key is made of them, so that it is the same for good.
    `contact` is where the people who run a push service complain: an address of mail or of the web.
    """

    def __init__(self, *, secret: bytes, contact: str, post: Post, allow: Allow, clock: Clock) -> None:
        self._private = ec.derive_private_key(int.from_bytes(secret) % (_ORDER - 1) + 1, ec.SECP256R1())
        self._contact = contact
        self._post = post
        self._allow = allow
        self._clock = clock

    def key(self) -> str:
        return _text(point(self._private))

    async def refusal(self, endpoint: str) -> str:
        if not (endpoint.isascii() and endpoint.isprintable()) or len(endpoint) > 1000:
            return "this is no address of a push service"
        try:
            parts = urlsplit(endpoint)
            usual = parts.scheme == "https" and parts.hostname and "@" not in parts.netloc and not parts.fragment
            if not usual or parts.port not in {None, 443}:
                return "a push service is reached by https"
            await self._allow(endpoint)
        except PermissionError as error:
            return str(error)
        except (OSError, ValueError) as error:
            return f"the push service cannot be reached: {error}"[:300]
        return ""

    async def send(self, device: Device, payload: bytes, *, topic: str, urgent: bool) -> Sent:
        try:
            body = seal(payload, p256dh=_bytes(device.p256dh), auth=_bytes(device.auth))
        except ValueError as error:
            return Sent(outcome=Outcome.REFUSED, detail=str(error))
        headers = {
            "Authorization": f"vapid t={self._token(device.endpoint)}, k={self.key()}",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(_KEPT),
            "Topic": topic,
            "Urgency": "high" if urgent else "normal",
        }
        try:
            return self._became(await self._post(device.endpoint, headers, body))
        except PermissionError as error:
            return Sent(outcome=Outcome.REFUSED, detail=str(error))
        except (OSError, ValueError) as error:
            return Sent(outcome=Outcome.LATER, detail=f"{type(error).__name__}: {error}"[:300])

    def _became(self, answer: Answer) -> Sent:
        said = f"the push service answered {answer.status}"
        if 200 <= answer.status < 300:
            return Sent(outcome=Outcome.SENT)
        if answer.status in {404, 410}:
            return Sent(outcome=Outcome.GONE, detail=said)
        if answer.status in {408, 429} or answer.status >= 500:
            return Sent(outcome=Outcome.LATER, detail=said, after=self._seconds(answer.headers.get("retry-after", "")))
        return Sent(outcome=Outcome.REFUSED, detail=said)

    def _seconds(self, after: str) -> float:
        """What Retry-After says, as a number or a date; 0 for what says nothing."""
        if after.isascii() and after.isdigit():
            return min(float(after), _LONGEST_WAIT)
        try:
            wait = (parsedate_to_datetime(after) - self._clock()).total_seconds()
        except (ValueError, TypeError):
            return 0.0
        return min(max(wait, 0.0), _LONGEST_WAIT)

    def _token(self, endpoint: str) -> str:
        """A JWT (ES256) for that push service alone."""
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((self._clock() + _GOOD).timestamp()),
            "sub": self._contact,
        }
        said = f"{_json({'typ': 'JWT', 'alg': 'ES256'})}.{_json(claims)}"
        r, s = decode_dss_signature(self._private.sign(said.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{said}.{_text(r.to_bytes(32) + s.to_bytes(32))}"


def _json(value: object) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Raises ValueError for what is no base64url."""
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
