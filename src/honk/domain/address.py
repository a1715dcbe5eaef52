"""The address of a repository as rules name it, whichever way git reaches it."""

import re
from urllib.parse import urlsplit

_SHORT_SSH = re.compile(r"^(?:[^/\s:@]+@)?(?P<host>[^/\s:@]+):(?P<path>(?!//).*)$")
_USUAL_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}


def canonical(url: str) -> str | None:
    """`host/owner/name` for a URL or git's short form for ssh; a local path as it is.

    Scheme, user, usual port, closing ".git" and the letter case of the host do not count. None for what could
    mean one repository to a rule and another one to git: then only a rule for everything fits.
    """
    if "\\" in url and not url.startswith("/"):
        return None
    if url.startswith("/"):
        return _plain("", url)
    if "://" in url:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return None
        if not host or parts.query or parts.fragment:
            return None
        if port is not None and port != _USUAL_PORTS.get(parts.scheme):
            host = f"{host}:{port}"
        return _plain(host, parts.path)
    short = _SHORT_SSH.match(url)
    return _plain(short["host"].lower(), "/" + short["path"].lstrip("/")) if short else None


def _plain(host: str, path: str) -> str | None:
    path = path.rstrip("/").removesuffix(".git") if host else path
    segments = path.split("/")[1:]
    strange = any(one in {"", ".", ".."} for one in segments) or re.search(r"[\\%\x00-\x20\x7f@?*\[\]]", host)
    if strange or (host and re.search(r"[\\%\x00-\x20\x7f]", path)):
        return None
    return host + path


def fits(pattern: str, address: str | None) -> bool:
    """Whether the pattern names the address.

    `*` is anything within one part of the path and `**` across parts; `*` alone is everything, None included.
    """
    if pattern == "*":
        return True
    return address is not None and re.fullmatch(_expression(pattern), address) is not None


def _expression(pattern: str) -> str:
    meanings = {"**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    return "(?s:" + "".join(meanings.get(one, re.escape(one)) for one in re.split(r"(\*\*|\*|\?)", pattern)) + ")"
