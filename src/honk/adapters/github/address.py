"""Which addresses are a GitHub's own: "owner/name" of a URL that git is given, and back."""

import re
from urllib.parse import urlsplit

from honk.domain.address import canonical

#: https://docs.github.com/en/authentication/troubleshooting-ssh/using-ssh-over-the-https-port
_ALIASES = {"ssh.github.com:443": "github.com", "ssh.github.com": "github.com", "www.github.com": "github.com"}
_NAME = re.compile(r"^[A-Za-z0-9_.-]+$")


class Addresses:
    """`web_url` is what people open, such as "https://github.com" or "https://git.example.org"."""

    def __init__(self, web_url: str) -> None:
        self.web_url = web_url.rstrip("/")
        parts = urlsplit(self.web_url)
        #: such as "https://github.com"
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._within = canonical(self.web_url) or ""
        self._host = parts.hostname or ""

    def full_name(self, url: str) -> str | None:
        """ "owner/name" for a URL or git's short form for ssh; None for what lies elsewhere."""
        address = canonical(url)
        if address is None or address.startswith("/"):
            return None
        host, _, path = address.partition("/")
        host = _ALIASES.get(host, host)
        # By ssh a server has another port than its pages, and no folder before the names.
        by_ssh = not url.lower().startswith(("http://", "https://"))
        if by_ssh and host.partition(":")[0] == self._host:
            names = path
        elif f"{host}/{path}".startswith(f"{self._within}/"):
            names = f"{host}/{path}".removeprefix(f"{self._within}/")
        else:
            return None
        owner, _, name = names.partition("/")
        if not _NAME.match(owner) or not _NAME.match(name) or {owner, name} & {".", ".."}:
            return None
        return f"{owner}/{name}"

    def url(self, full_name: str) -> str:
        """What git is given for it."""
        return f"{self.web_url}/{full_name}.git"

    def shown_to(self, url: str) -> bool:
        """Whether git may show Honk's own credential there: by the scheme and port of the pages alone."""
        try:
            parts, ours = urlsplit(url), urlsplit(self.web_url)
            return (parts.scheme.lower(), parts.hostname, _port(parts.port, parts.scheme)) == (
                ours.scheme,
                ours.hostname,
                _port(ours.port, ours.scheme),
            )
        except ValueError:
            return False


def same(one: str, other: str) -> bool:
    """Whether two "owner/name" are the same: GitHub does not mind the letter case."""
    return one.casefold() == other.casefold()


def _port(port: int | None, scheme: str) -> int | None:
    return port or {"https": 443, "http": 80}.get(scheme.lower())
