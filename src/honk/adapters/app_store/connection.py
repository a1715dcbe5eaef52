"""Requests to App Store Connect, each with a token that is good for minutes.

https://developer.apple.com/documentation/appstoreconnectapi/generating-tokens-for-api-requests
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from honk.domain.text import Secret, shortened
from honk.errors import NeedsHuman, SettingsWrong, Unreachable

BASE = "https://api.appstoreconnect.apple.com"
_SECONDS = 20.0
#: Apple takes twenty minutes at most
_GOOD_FOR = timedelta(minutes=10)
#: bytes of one answer
_LARGEST = 4 << 20
_REMEDY = "App Store Connect › Users and Access › Integrations makes keys; the role App Manager is enough"


class Key:
    """An API key: a team's, or with an empty `issuer` a person's own."""

    def __init__(self, key_id: str, issuer: str, private_key: Secret) -> None:
        """Raises SettingsWrong where the key is no EC key of 256 bits in PEM form (a .p8 file)."""
        self._key_id = key_id
        self._issuer = issuer
        self._key = _loaded(private_key)

    def token(self, now: datetime) -> str:
        """Good for ten minutes from `now`."""
        at = int(now.timestamp())
        who = {"iss": self._issuer} if self._issuer else {"sub": "user"}
        claims = {**who, "iat": at, "exp": at + int(_GOOD_FOR.total_seconds()), "aud": "appstoreconnect-v1"}
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id, "typ": "JWT"})


def _loaded(private_key: Secret) -> EllipticCurvePrivateKey:
    remedy = "secret_file names the .p8 file that App Store Connect gave out once"
    try:
        key = load_pem_private_key(private_key.reveal().encode(), password=None)
    except (ValueError, TypeError):
        raise SettingsWrong("the key for App Store Connect is no private key in PEM form", remedy) from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise SettingsWrong("the key for App Store Connect is of another kind than Apple's", remedy)
    return key


class Connection:
    """Asks, and says in Honk's errors what Apple answers instead of what was asked for."""

    def __init__(
        self,
        key: Key,
        *,
        clock: Callable[[], datetime],
        base: str = BASE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._key = key
        self._clock = clock
        self._base = base
        self._transport = transport

    async def get(self, path: str, **query: str) -> Mapping[str, Any]:
        """The answer. Names of parameters are Apple's, with `__` for brackets: `filter__app` is `filter[app]`."""
        named = {_named(name): value for name, value in query.items()}
        return await self._sent("GET", path, params=named)

    async def post(self, path: str, body: Mapping[str, Any]) -> None:
        """What is there already is no trouble (409)."""
        await self._sent("POST", path, json=body, ignored=frozenset({409}))

    async def _sent(
        self, method: str, path: str, *, ignored: frozenset[int] = frozenset(), **rest: Any
    ) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {self._key.token(self._clock())}", "User-Agent": "honk"}
        try:
            async with (
                httpx.AsyncClient(base_url=self._base, timeout=_SECONDS, transport=self._transport) as client,
                client.stream(method, path, headers=headers, **rest) as answer,
            ):
                content = await _content(answer)
        except httpx.HTTPError as exc:
            raise Unreachable(f"App Store Connect cannot be reached: {type(exc).__name__}") from exc
        if answer.status_code in ignored or answer.status_code == 204:
            return {}
        return _understood(answer.status_code, content)


async def _content(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > _LARGEST:
            raise Unreachable("App Store Connect answers with more than anybody asked for")
    return bytes(content)


def _understood(status: int, content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if status in (200, 201) and isinstance(found, dict):
        return found
    said = _said(found)
    if status == 401:
        raise NeedsHuman(f"App Store Connect does not know the key{said}", _REMEDY)
    if status == 403:
        raise NeedsHuman(f"the key may not do this at App Store Connect{said}", _REMEDY)
    if status in (400, 404, 409, 422):
        raise NeedsHuman(f"App Store Connect refused it with {status}{said}")
    raise Unreachable(f"App Store Connect answered {status}{said}")


def _said(found: object) -> str:
    """Apple's own words, such as "The provided entity is missing a required field"."""
    errors = found.get("errors") if isinstance(found, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    words = shortened(str(first.get("detail") or first.get("title") or ""), 200)
    return f": {words}" if words else ""


def _named(name: str) -> str:
    before, _, within = name.partition("__")
    return f"{before}[{within.replace('__', '.')}]" if within else before
