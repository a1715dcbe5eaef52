"""The address under which people reach this server from outside."""

import re
from urllib.parse import urlsplit

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")


def wildcard_of(address: str) -> str:
    """Scheme, "*." and what names of hosts end with, such as "https://*.previews.example.com".

    Raises ValueError with a sentence.
    """
    if not address:
        return ""
    scheme, _, rest = address.partition("://")
    if not rest.startswith("*."):
        raise ValueError('must begin with "https://*.": each preview gets a host of its own below it')
    return origin_of(f"{scheme}://{rest[2:]}").replace("://", "://*.", 1)


def origin_of(address: str) -> str:
    """Scheme, host and port, such as "https://honk.example.com". Raises ValueError with a sentence."""
    if not address:
        return ""
    if any(char.isspace() or not char.isprintable() for char in address):
        raise ValueError("must have no white space")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as exc:
        raise ValueError(f"is no address: {exc}") from None
    if parts.scheme not in {"https", "http"}:
        raise ValueError("must begin with https:// (or http://)")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a name or password")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or address.endswith(("?", "#")):
        raise ValueError("must have no path: Honk needs a host name (or a port) of its own")
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc.removesuffix(":")
    if not _HOST.fullmatch(host):
        raise ValueError("has no usable host name (write an international one in its xn-- form)")
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host.lower()}" + (f":{port}" if port not in {None, usual} else "")
