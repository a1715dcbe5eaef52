"""The model's server: where it is, which key it gets, what its answers mean."""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path

import h11
import httpx
from pydantic import BaseModel, ValidationError

from honk.adapters.broker.scrub import Scrubber
from honk.adapters.broker.wire import Headers, Patience
from honk.domain.text import Secret
from honk.errors import SettingsWrong

#: the only requests that may go to the model's server
MESSAGES = b"/v1/messages"
COUNT_TOKENS = b"/v1/messages/count_tokens"

#: connections to the model's server of one exit
CONNECTIONS = 32
#: bytes of an error's body that are read
ERROR_LIMIT = 64 << 10

_QUERY = re.compile(rb"[A-Za-z0-9=&_.,-]*")
_SENT = re.compile(rb"accept|content-type|user-agent|x-app|x-client-request-id|anthropic-.+|x-stainless-.+|x-claude-.+")
_RETURNED = re.compile(
    rb"content-type|cache-control|retry-after(-ms)?|x-should-retry|request-id|x-request-id|anthropic-(?!organization).+"
)
_KEY_TROUBLE = frozenset({401, 402, 403})
_KEY_ERRORS = frozenset({"authentication_error", "permission_error", "billing_error"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """The operator's choice of the model's server. Nothing of it enters a sandbox."""

    #: with or without a path; may be http, and may be on loopback
    base_url: str
    #: sent as x-api-key
    api_key: Secret | None = None
    #: sent as Authorization: Bearer
    auth_token: Secret | None = None
    #: the operator's own HTTP proxy, by which the model's server is reached
    proxy: Secret | None = None
    #: certificates to trust in place of the usual ones
    ca_bundle: Path | None = None

    def __post_init__(self) -> None:
        for secret in (self.api_key, self.auth_token):
            if secret and not (secret.reveal().isascii() and secret.reveal().isprintable()):
                raise SettingsWrong(
                    "The model's key contains characters that no key has (a line break?).",
                    "Check ANTHROPIC_API_KEY and ANTHROPIC_AUTH_TOKEN.",
                )
        if not _is_address(self.base_url):
            raise SettingsWrong(
                "The model's address must be http://… or https://… with a host, and without a query or a password.",
                "Check ANTHROPIC_BASE_URL; a password belongs into ANTHROPIC_AUTH_TOKEN.",
            )

    def secrets(self) -> tuple[Secret, ...]:
        return tuple(secret for secret in (self.api_key, self.auth_token, self.proxy) if secret)

    def transport(self) -> httpx.AsyncHTTPTransport:
        """Connections to it; reads no environment, follows no redirect, keeps no cookie."""
        trust: ssl.SSLContext | bool = True
        if self.ca_bundle is not None:
            trust = ssl.create_default_context(cafile=self.ca_bundle)
        elif self.base_url.startswith("http:"):
            trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and costs no time to fill
        return httpx.AsyncHTTPTransport(
            verify=trust,
            trust_env=False,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=4),
            proxy=httpx.Proxy(self.proxy.reveal()) if self.proxy else None,
        )

    def request(self, request: h11.Request, body: bytes, patience: Patience) -> httpx.Request:
        """The request from inside as it goes to the model's server: its own credentials out, the real ones in."""
        path, _, query = request.target.partition(b"?")
        headers: Headers = [(name, value) for name, value in request.headers if _SENT.fullmatch(name)]
        headers.append((b"accept-encoding", b"identity"))
        if self.api_key:
            headers.append((b"x-api-key", self.api_key.reveal().encode()))
        if self.auth_token:
            headers.append((b"authorization", b"Bearer " + self.auth_token.reveal().encode()))
        address = self.base_url.rstrip("/") + path.decode("ascii") + (f"?{query.decode('ascii')}" if query else "")
        timeout = httpx.Timeout(patience.silence, connect=patience.connect, pool=patience.silence)
        return httpx.Request("POST", address, headers=headers, content=body, extensions={"timeout": timeout.as_dict()})


def _is_address(text: str) -> bool:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return False
    plain = not (url.query or url.fragment or url.userinfo)
    return url.scheme in ("http", "https") and bool(url.host) and plain


def is_usable_query(target: bytes) -> bool:
    """Whether a request's target is a path with at most a plain query."""
    _, _, query = target.partition(b"?")
    return _QUERY.fullmatch(query) is not None


def returned_headers(response: httpx.Response, scrubber: Scrubber) -> Headers:
    """Headers of the upstream's answer that the inside may see."""
    seen: Headers = []
    for name, value in response.headers.raw:
        if _RETURNED.fullmatch(name.lower()):
            seen.append((name.lower(), scrubber.text(value.decode("latin-1")).encode("latin-1", "replace")))
    return seen


class _Detail(BaseModel):
    type: str = ""
    message: str = ""


class _ErrorBody(BaseModel):
    error: _Detail = _Detail()


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """An answer of the model's server that is none."""

    status: int
    kind: str
    message: str
    body: bytes
    headers: Headers

    @property
    def detail(self) -> str:
        words = ": ".join(part for part in (self.kind, self.message) if part)
        return f"HTTP {self.status}" + (f", {words}" if words else "")

    def for_good(self) -> str:
        """Why no later call can succeed either, with the remedy; or ""."""
        if 300 <= self.status < 400:
            return f"The model's server redirects elsewhere ({self.detail}). Check ANTHROPIC_BASE_URL."
        if self.kind == "billing_error" or self.status == 402 or "credit balance" in self.message.lower():
            return f"The model's server refused the account ({self.detail}). Check its credit and limits, then retry."
        if self.status in _KEY_TROUBLE or self.kind in _KEY_ERRORS:
            return (
                f"The model's server refused the key ({self.detail}). "
                "Check ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, and ANTHROPIC_BASE_URL, then retry."
            )
        return ""


async def read_failure(response: httpx.Response, scrubber: Scrubber) -> Failure:
    """Reads an error answer, without the operator's keys. Raises httpx.TransportError."""
    raw = bytearray()
    async for chunk in response.aiter_bytes():
        raw += chunk
        if len(raw) > ERROR_LIMIT:
            break
    text = scrubber.text(bytes(raw[:ERROR_LIMIT]).decode("utf-8", "replace"))
    try:
        error = _ErrorBody.model_validate_json(text).error
    except ValidationError:
        error = _Detail(message=" ".join(text.split())[:200])
    return Failure(
        status=response.status_code,
        kind=error.type,
        message=error.message,
        body=text.encode(),
        headers=returned_headers(response, scrubber),
    )


def unreachable(error: Exception, scrubber: Scrubber) -> str:
    """A sentence about a connection that failed."""
    words = scrubber.text(str(error)) or type(error).__name__
    if isinstance(error, httpx.ReadTimeout):
        return "The model's server is silent."
    if isinstance(error, httpx.TimeoutException):
        return f"The model's server did not answer in time ({type(error).__name__})."
    return f"The model's server cannot be reached: {words}"


def is_distrusted(error: Exception) -> bool:
    """Whether the certificate of the model's server is not trusted: trying again does not help."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
