"""How a provider is asked: over TLS, with a limit on time and size, and never where a redirect leads."""

import base64
import hashlib
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from honk.errors import NotAllowed, Unreachable

#: Opens what is asked with, for one errand.
Client = Callable[[], httpx.AsyncClient]
_PATIENCE = 10.0
#: more than any honest answer has
_LIMIT = 1 << 20
_AGAIN = "try again; if it stays so, whoever runs this Honk looks at [sign_in] of honk.toml"


def digest_of(verifier: str) -> str:
    """What goes along in its place (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def disbelieved(why: str) -> NotAllowed:
    """Nobody comes in by an answer like this."""
    return NotAllowed(f"the provider's answer cannot be believed: {why}", _AGAIN)


def secure(url: object) -> str:
    """An address that nobody on the way can read or change. Raises NotAllowed for any other."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and _here(parts.hostname))):
        raise disbelieved("an address that it names does not begin with https://")
    return str(url)


async def asked(client: httpx.AsyncClient, method: str, url: str, **more: Any) -> tuple[int, Any]:
    """Status and JSON of the answer, None for what is no JSON. Raises Unreachable."""
    try:
        async with client.stream(method, url, timeout=_PATIENCE, follow_redirects=False, **more) as answer:
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _LIMIT:
                    raise disbelieved("it does not end")
    except httpx.HTTPError as exc:
        raise Unreachable(f"{url.split('?')[0]} cannot be reached ({type(exc).__name__})", "try again") from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unreachable(f"{url.split('?')[0]} answers with {answer.status_code}", "try again in a minute")
    try:
        return answer.status_code, httpx.Response(200, content=body).json()
    except ValueError:
        return answer.status_code, None


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
