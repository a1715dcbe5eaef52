"""`public_url`, tried from the outside in: resolver, connection, TLS, and whether it is this server that answers."""

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from honk.adapters.pages import Addresses
from honk.adapters.pages.network import reach_of

#: seconds for the whole of one request
_PATIENCE = 10.0
#: an answer larger than this is not ours
_LIMIT = 10_000
_GUIDE = "docs/howto/reach-it-from-a-phone.md"
_LIMITS = {
    "tailnet": "only devices in the same tailnet or behind the same carrier reach it",
    "network": "only devices in the same network reach it",
    "everybody": "",
}
#: OpenSSL's numbers for what is wrong with a certificate (X509_V_ERR_…).
_CERTIFICATES = {
    9: ("its certificate is not valid yet", "check the clock of this machine and of the one that made the certificate"),
    10: ("its certificate has expired", "renew it: an ACME client does that by itself (docs/howto/reverse-proxy.md)"),
    18: ("its certificate is self-signed: a phone refuses it", "get one by ACME (docs/howto/reverse-proxy.md)"),
    19: (
        "its certificate was issued by an authority that is not trusted here",
        "get one by ACME (docs/howto/reverse-proxy.md), or install the authority on every device",
    ),
    20: (
        "the chain of its certificate is incomplete, or its authority is unknown",
        "serve the whole chain (certbot's fullchain.pem)",
    ),
    62: ("its certificate is for another name", "get a certificate for exactly the name in public_url"),
    64: ("its certificate is for another address", "use a name instead of an IP address in public_url"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What a check found. `detail` says what is wrong, or who can reach the address."""

    ok: bool
    detail: str
    remedy: str = ""


#: The IP addresses of a host name. Raises OSError.
Resolve = Callable[[str], Awaitable[list[str]]]


async def look_up(host: str) -> list[str]:
    """Asks the resolver of this machine. Raises OSError."""
    async with asyncio.timeout(_PATIENCE):
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


async def check(addresses: Addresses, *, tls: ssl.SSLContext | None = None, resolve: Resolve = look_up) -> Reached:
    """Whether `public_url` leads to the server on this home. Never raises; the finding is remembered for hints.

    `tls` replaces the authorities that this machine trusts.
    """
    found = await _try(addresses, tls or ssl.create_default_context(), resolve)
    if addresses.served_at() is not None:  # without a server it says nothing of the time when there is one
        addresses.note_check("" if found.ok else found.detail)
    return found


async def _try(addresses: Addresses, tls: ssl.SSLContext, resolve: Resolve) -> Reached:
    public = addresses.public_url
    host = urlsplit(public).hostname or ""
    try:
        reach = reach_of(await resolve(host))
    except OSError as exc:
        return Reached(
            ok=False,
            detail=f"the name {host} has no address ({exc.strerror or exc})",
            remedy="make a DNS record for it, or correct public_url",
        )
    with addresses.nonce() as (nonce, expected):
        try:
            async with asyncio.timeout(_PATIENCE):
                status, headers, body = await _get(f"{public}/healthz?nonce={nonce}", tls)
        except (httpx.HTTPError, TimeoutError) as exc:
            return _no_connection(exc, public)
    served = addresses.served_at()
    if served is None:
        return _not_served(status)
    if _answer(body) != expected:
        return _somebody_else(status, headers.get("location", ""), served)
    if reach == "nobody":
        return Reached(
            ok=False,
            detail=f"{host} is this machine itself: a phone that asks for it asks itself",
            remedy=f"see {_GUIDE}",
        )
    detail = f"{public} leads here" + (f"; {_LIMITS[reach]}" if _LIMITS[reach] else "")
    plain = public.startswith("http:") and reach == "everybody"
    return Reached(ok=True, detail=detail + ("; without TLS everybody on the way can read it" if plain else ""))


async def _get(url: str, tls: ssl.SSLContext) -> tuple[int, httpx.Headers, bytes]:
    """Directly, without a proxy of this machine: a phone has none either."""
    async with (
        httpx.AsyncClient(verify=tls, follow_redirects=False, trust_env=False, timeout=_PATIENCE) as client,
        client.stream("GET", url) as response,
    ):
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _LIMIT:
                break
        return response.status_code, response.headers, body


def _answer(body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    return str(said.get("honk", "")) if isinstance(said, dict) else ""


def _not_served(status: int) -> Reached:
    return Reached(
        ok=False,
        detail=f"no server runs on this HONK_HOME (something answers with {status})",
        remedy="start `honk serve`, and try again",
    )


def _somebody_else(status: int, location: str, served: str) -> Reached:
    if 300 <= status < 400:
        parts = urlsplit(location)
        origin = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
        remedy = f'set public_url = "{origin}"' if origin else "let it lead to Honk directly"
        return Reached(ok=False, detail=f"it redirects to {(origin or location)[:200]}", remedy=remedy)
    if status in {502, 503, 504} or 520 <= status <= 530:  # 520 and above: Cloudflare's
        return Reached(
            ok=False, detail=f"a proxy answers with {status}: it does not reach Honk", remedy=f"point it to {served}"
        )
    return Reached(
        ok=False,
        detail=f"something else answers there (status {status}), not the server on this HONK_HOME",
        remedy=f"point the name, or the proxy behind it, to {served}",
    )


def _no_connection(error: BaseException, public: str) -> Reached:
    """What the first cause in the chain of errors means to whoever set up the name."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            said, remedy = _CERTIFICATES.get(
                cause.verify_code, (f"its certificate is refused: {cause.verify_message}", f"see {_GUIDE}")
            )
            return Reached(ok=False, detail=said, remedy=remedy)
        if isinstance(cause, ssl.SSLError):
            return Reached(
                ok=False,
                detail=f"no TLS is spoken there ({cause.reason or cause})",
                remedy="let a reverse proxy or tunnel speak it, or begin public_url with http://",
            )
        if isinstance(cause, ConnectionRefusedError):
            return Reached(
                ok=False,
                detail="the connection is refused: nothing listens there",
                remedy="start `honk serve`, and the proxy or tunnel before it",
            )
        if isinstance(cause, TimeoutError | httpx.TimeoutException):
            return Reached(
                ok=False,
                detail=f"no answer within {_PATIENCE:g} s",
                remedy="open the port in the firewall; some routers do not lead back inside: try from outside",
            )
        cause = cause.__cause__ or cause.__context__
    return Reached(ok=False, detail=f"{public} cannot be reached: {error}", remedy=f"see {_GUIDE}")
