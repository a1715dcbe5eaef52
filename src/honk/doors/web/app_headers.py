"""What passes between a browser and an app's own server, and what never does.

Neither side says how a message is framed: that is made anew for each. What is not listed of an answer stays behind,
because on Honk's own host a header is a right: to loosen a policy, to set or clear cookies, to ask for a password,
to have a worker serve other pages.
"""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from honk.domain.access import PREFIX
from honk.doors.web.preview_places import PreviewPlace

Headers = list[tuple[bytes, bytes]]

#: Of a request: hop by hop (RFC 9110, 7.6.1), framing, and what Honk says itself.
_NOT_ASKED = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect host content-length origin "
    b"proxy-authorization proxy-authenticate forwarded via x-real-ip service-worker http2-settings".split()
)
_NOT_BEGUN = (b"x-forwarded-", b"sec-websocket-", b"proxy-")
_ANSWERED = frozenset(
    b"content-type content-encoding content-language content-disposition content-length content-range accept-ranges "
    b"etag last-modified vary allow retry-after location x-total-count x-request-id x-csrf-token".split()
)
#: Where the host is the preview's own, its rights are its own, too.
_ANSWERED_OWN = _ANSWERED | frozenset(
    b"set-cookie content-security-policy cross-origin-opener-policy "
    b"cross-origin-embedder-policy cross-origin-resource-policy service-worker-allowed permissions-policy".split()
)
_HONKS_COOKIE = re.compile(rb"(?:__Host-)?honk(?:-[a-z-]+)?", re.IGNORECASE)


def asked(headers: Iterable[tuple[bytes, bytes]], place: PreviewPlace, inner: str, *, secure: bool) -> Headers:
    """Of a request, as the app gets it. `inner` is host and port under which it knows itself."""
    given = [(name.lower(), value) for name, value in headers]
    named = {word.strip() for name, value in given if name == b"connection" for word in value.lower().split(b",")}
    passed = [
        (name, value)
        for name, value in given
        if name not in _NOT_ASKED and name not in named and not name.startswith(_NOT_BEGUN)
    ]
    passed = [pair for one in passed if (pair := _without_honks(one, place)) is not None]
    outer = next((value for name, value in given if name == b"host"), b"")
    origin = next((value for name, value in given if name == b"origin"), None)
    if origin is not None:
        # The page's origin is opaque, or that of its own host: to the app both are its own pages.
        own = origin == b"null" or origin.partition(b"://")[2] == outer
        passed.append((b"origin", f"http://{inner}".encode() if own else origin))
    if place.framed:
        passed = [(name, value) for name, value in passed if name != b"accept-encoding"]
        passed.append((b"accept-encoding", b"identity"))
    said = [
        (b"x-forwarded-host", outer),
        (b"x-forwarded-proto", b"https" if secure else b"http"),
        (b"x-forwarded-prefix", place.prefix.encode()),
    ]
    return [(b"host", inner.encode()), *passed, *((name, value) for name, value in said if value)]


def framing(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bool, bytes | None]:
    """Whether a request has a body, and its length where it says one that can be relied on."""
    given = {name.lower(): value for name, value in headers}
    if b"transfer-encoding" in given:
        return True, None
    length = given.get(b"content-length")
    return (length is not None and length != b"0"), length


def _without_honks(header: tuple[bytes, bytes], place: PreviewPlace) -> tuple[bytes, bytes] | None:
    name, value = header
    if name == b"authorization":
        # On Honk's host it may be what a proxy before Honk asked for; and Honk's own tokens go nowhere.
        own = place.own and value.lower().startswith(b"bearer ") and not value[7:].strip().startswith(PREFIX.encode())
        return header if own else None
    if name != b"cookie":
        return header
    if not place.own:
        return None
    crumbs = [one.strip() for one in value.split(b";")]
    kept = [one for one in crumbs if not _HONKS_COOKIE.fullmatch(one.partition(b"=")[0].strip())]
    return (name, b"; ".join(kept)) if kept else None


def answered(headers: Iterable[tuple[bytes, bytes]], place: PreviewPlace, inner: str, outer: str) -> Headers:
    """Of an answer, as the browser gets it: what may pass, and what every preview has."""
    listed = _ANSWERED_OWN if place.own else _ANSWERED
    passed: Headers = []
    for given, value in headers:
        name = given.lower()
        if name not in listed or (name == b"content-security-policy" and place.framed):
            continue
        if name == b"location":
            value = led(value.decode("latin-1"), place, inner, outer).encode("latin-1")
        if name == b"set-cookie":
            if (kept := _cookie(value)) is None:
                continue
            value = kept
        passed.append((name, value))
    return [*passed, *((name.lower().encode(), value.encode()) for name, value in place.headers().items())]


def led(location: str, place: PreviewPlace, inner: str, outer: str) -> str:
    """Where a redirect leads: what the app calls itself is the preview's place."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return f"{place.prefix}/"
    if parts.netloc and (parts.scheme not in {"", "http", "https"} or parts.netloc.lower() not in {inner, outer}):
        return location
    if not parts.netloc and (parts.scheme or not location.startswith("/")):
        return location
    path = "/" + parts.path.lstrip("/")
    if place.prefix and (path == place.prefix or path.startswith(f"{place.prefix}/")):
        path = path.removeprefix(place.prefix) or "/"
    query = f"?{parts.query}" if parts.query else ""
    return place.prefix + path + query + (f"#{parts.fragment}" if parts.fragment else "")


def _cookie(value: bytes) -> bytes | None:
    """For the preview's own host alone; None of one that calls itself as Honk's do."""
    first, *about = [part.strip() for part in value.split(b";")]
    if _HONKS_COOKIE.fullmatch(first.partition(b"=")[0].strip()):
        return None
    kept = [one for one in about if not one.lower().startswith(b"domain")]
    return b"; ".join((first, *kept))
