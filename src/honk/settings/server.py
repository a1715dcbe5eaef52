"""Which server does the work: HONK_URL, and HONK_TOKEN to be let in. Without HONK_URL it is done on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from honk.domain.text import Secret
from honk.errors import Usage
from honk.settings.secrets import with_files


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A Honk behind a server."""

    #: such as "https://honk.example.com", without a slash at the end
    url: str
    token: Secret

    @staticmethod
    def chosen(
        environ: Mapping[str, str] | None = None, *, url: str = "", token: Secret | None = None
    ) -> "Server | None":
        """The server that does the work, or None; `url` and `token` go before the environment.

        Raises Usage for what is no address.
        """
        env = with_files(os.environ if environ is None else environ)
        url = (url or env.get("HONK_URL", "")).strip().rstrip("/")
        if not url:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise Usage(f"HONK_URL is {url!r}, which is no address of a server", "such as https://honk.example.com")
        if parts.username or parts.password:
            raise Usage("HONK_URL has a name or password in it", "the access token belongs into HONK_TOKEN")
        return Server(url=url, token=token or Secret(env.get("HONK_TOKEN", "").strip()))
