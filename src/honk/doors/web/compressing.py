"""Pages, styles and scripts are sent compressed to who takes that.

Nothing else is: streams go out piece by piece, builds and artifacts are compressed already or asked for in parts.
A page repeats words that others chose beside the number of its forms, and the length of a compressed page tells
whether one is like the other. So that number looks different on every page (`masked`).
"""

import gzip
import hashlib
import hmac
import re
import secrets

from starlette.requests import Request

#: below this many bytes nothing is won
_LEAST = 500
_FIELD = re.compile(rb'(name="nonce" value=")([0-9a-f]{32})(")')


def takes_gzip(request: Request) -> bool:
    """Whether whoever asks can read it."""
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, rest = part.strip().partition(";")
        if name.strip() in {"gzip", "*"}:
            return not re.fullmatch(r"q=0(\.0*)?", rest.strip())
    return False


def compressed(request: Request, body: bytes) -> tuple[bytes, dict[str, str]]:
    """The body as it is sent, and the headers that say how."""
    if len(body) < _LEAST or not takes_gzip(request):
        return body, {"Vary": "Accept-Encoding"}
    return gzip.compress(body, 6, mtime=0), {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"}


def mask_all(html: bytes) -> bytes:
    """The page with its forms' number in a form that no other page has."""
    pads: dict[bytes, bytes] = {}

    def other(match: re.Match[bytes]) -> bytes:
        nonce = match[2]
        shown = pads.setdefault(nonce, masked(nonce.decode()).encode())
        return match[1] + shown + match[3]

    return _FIELD.sub(other, html)


def masked(nonce: str) -> str:
    """A number for a form of the browser with that nonce; each time another one."""
    pad = secrets.token_bytes(8)
    return (pad + _other(pad, _digest(nonce))).hex()


def is_masked(nonce: str, shown: str) -> bool:
    """Whether it was made for that nonce."""
    if not re.fullmatch("[0-9a-f]{32}", shown):
        return False
    given = bytes.fromhex(shown)
    return hmac.compare_digest(_other(given[:8], given[8:]), _digest(nonce))


def _digest(nonce: str) -> bytes:
    return hashlib.sha256(f"form\0{nonce}".encode()).digest()[:8]


def _other(one: bytes, two: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, two, strict=True))
