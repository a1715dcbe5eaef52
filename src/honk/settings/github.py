"""GitHub: how Honk is there, and what lets it in."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from honk.domain.text import Secret
from honk.errors import SettingsWrong

_WORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_PEM = re.compile(r"-----BEGIN ((?:RSA )?PRIVATE KEY)-----\s.+?\s-----END \1-----", re.DOTALL)
_OFF = "correct it, or write enabled = false below [github] of honk.toml"
_GITHUB = "https://github.com"
#: GITHUB_APP_PRIVATE_KEY and the others, in the order in which an app's page shows them.
APP_VARIABLES = ("GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY")
#: What a token that begins so is (https://github.blog/engineering/behind-githubs-new-authentication-token-formats/).
_KINDS = {
    "github_pat_": "a fine-grained personal access token",
    "ghp_": "a personal access token (classic)",
    "gho_": "the token of an OAuth app",
    "ghu_": "the token by which an app acts as a person",
    "ghs_": "an installation's token, which ends within an hour",
    "ghr_": "a token to renew others with",
    "-----BEGIN": "a key file (PEM)",
}
_PERSONAL = ("github_pat_", "ghp_", "gho_")
Least = Literal["read", "triage", "write", "maintain", "admin"]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _server(address: str) -> str:
    """Never repeats the address: it may hold a password."""
    if not address:
        return ""
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("must be the https:// address of a GitHub, such as https://github.example.com")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("must begin with https://: tokens would be readable on the way")
    return address.rstrip("/")


def _site(address: str) -> str:
    kept = _server(address)
    if not kept or urlsplit(kept).path:
        raise ValueError("must be the address of a GitHub without a path, such as https://github.example.com")
    return kept


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError("must be a word as logins are: letters, digits and hyphens")
    return text


def _label(text: str) -> str:
    if text != text.strip() or len(text) > 50 or "," in text:
        raise ValueError("must be the name of a label: at most 50 characters, without a comma")
    return text


class GithubSettings(BaseModel):
    """Honk on GitHub; what lets it in comes from the environment, or from `honk github setup`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: false keeps Honk out of GitHub although it could get in
    enabled: bool = True
    #: where people open GitHub; another address for GitHub Enterprise Server
    web_url: Annotated[str, AfterValidator(_site)] = _GITHUB
    #: GitHub's API; empty: the one that belongs to `web_url`
    api_url: Annotated[str, AfterValidator(_server)] = ""
    #: the word after @ that asks, besides the name of the app
    name: Annotated[str, AfterValidator(_word)] = "honk"
    #: the label that asks when somebody puts it on an issue or pull request; empty: none does
    label: Annotated[str, AfterValidator(_label)] = "honk"
    #: least permission at GitHub with which somebody may ask in a public repository
    ask_public: Least = "write"
    #: and in a private or internal one
    ask_private: Least = "read"
    #: logins of bots that may ask, such as "renovate[bot]"
    bots: tuple[str, ...] = ()
    #: turns in a row that reviews of bots may begin before a person must say something
    bot_turns: Annotated[int, Field(ge=0, le=20)] = 3
    #: seconds between two looks for news; 0: webhooks alone; none: 60 where no webhook can come
    poll_seconds: Annotated[float, Field(ge=0)] | None = None
    #: whether a merge that must wait for checks is left to GitHub's auto-merge
    auto_merge: bool = False

    @property
    def api(self) -> str:
        """The API's address, without a slash at its end."""
        if self.api_url:
            return self.api_url
        if self.web_url == _GITHUB:
            return "https://api.github.com"
        host = urlsplit(self.web_url).hostname or ""
        # GitHub Enterprise Cloud with data residency has its API at a host of its own.
        return f"https://api.{host}" if host.endswith(".ghe.com") else f"{self.web_url}/api/v3"

    @property
    def host(self) -> str:
        """As repositories' addresses name it, such as "github.com"."""
        parts = urlsplit(self.web_url)
        usual = {"https": 443, "http": 80}[parts.scheme]
        return f"{parts.hostname}:{parts.port}" if parts.port not in {None, usual} else str(parts.hostname)


@dataclass(frozen=True, kw_only=True, slots=True)
class GithubAccess:
    """What lets Honk into GitHub, as far as it is there."""

    app_id: str = ""
    private_key: Secret = Secret("")
    client_id: str = ""
    client_secret: Secret = Secret("")
    webhook_secret: Secret = Secret("")
    #: a person's own, for who tries Honk alone
    token: Secret = Secret("")
    #: the app's name in addresses, where `honk github setup` learned it
    slug: str = ""

    @property
    def has_app(self) -> bool:
        """Whether Honk is there as an app."""
        return bool(self.app_id and self.private_key)

    @property
    def opens(self) -> bool:
        """Whether Honk gets in at all."""
        return self.has_app or bool(self.token)

    @property
    def links(self) -> bool:
        """Whether people can let Honk act in their name."""
        return self.has_app and bool(self.client_id and self.client_secret)

    @property
    def missing(self) -> tuple[str, ...]:
        """The variables without which what is set is of no use."""
        app = (self.app_id, self.private_key)
        if self.token and not any(app):
            return ()
        return tuple(name for name, value in zip(APP_VARIABLES, app, strict=True) if not value)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What may appear nowhere."""
        return self.private_key, self.client_secret, self.webhook_secret, self.token

    @staticmethod
    def of(environ: Mapping[str, str], settings: GithubSettings, home: Path) -> "GithubAccess":
        """The environment's, else what `honk github setup` kept; none where GitHub is switched off.

        Raises SettingsWrong, never showing a secret.
        """
        if not settings.enabled:
            return GithubAccess()
        given = {name: environ.get(name, "").strip() for name in APP_VARIABLES}
        if any(given.values()):
            kept: Mapping[str, str] = {}
        else:
            kept = {} if environ.get("HONK_GITHUB_TOKEN") else kept_app(home)

        def one(name: str, key: str) -> str:
            return environ.get(name, "").strip() or kept.get(key, "")

        return GithubAccess(
            app_id=_app_id(one("GITHUB_APP_ID", "id")),
            private_key=_key(one("GITHUB_APP_PRIVATE_KEY", "pem")),
            client_id=_client_id(one("GITHUB_APP_CLIENT_ID", "client_id")),
            client_secret=_no_token("GITHUB_APP_CLIENT_SECRET", one("GITHUB_APP_CLIENT_SECRET", "client_secret")),
            webhook_secret=_no_token("GITHUB_WEBHOOK_SECRET", one("GITHUB_WEBHOOK_SECRET", "webhook_secret")),
            token=_personal(environ.get("HONK_GITHUB_TOKEN", "").strip()),
            slug=kept.get("slug", ""),
        )


def place_of_app(home: Path) -> Path:
    """Where `honk github setup` keeps the app."""
    return home / "github" / "app.json"


def kept_app(home: Path) -> Mapping[str, str]:
    """What it kept; nothing where it did not. Raises SettingsWrong for a file that is none of its own."""
    path = place_of_app(home)
    remedy = f"remove {path}, and run honk github setup again"
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise SettingsWrong(f"{path} cannot be read: {exc.strerror}", "make it readable for whoever runs Honk") from exc
    except ValueError:
        raise SettingsWrong(f"{path} is damaged", remedy) from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise SettingsWrong(f"{path} is damaged", remedy)
    if path.stat().st_mode & 0o077:
        raise SettingsWrong(f"{path} can be read by others, and holds a private key", f"chmod 600 {path}")
    return found


def _app_id(value: str) -> str:
    if not value or re.fullmatch(r"[0-9]{1,18}", value):
        return value
    if re.fullmatch(r"Iv[0-9A-Za-z.]{10,40}", value):
        raise SettingsWrong("GITHUB_APP_ID is the client ID: Honk wants the App ID there, which is a number", _OFF)
    raise SettingsWrong(f"GITHUB_APP_ID is no number{_as_what(value)}", "it stands on the app's page as App ID")


def _client_id(value: str) -> str:
    if re.fullmatch(r"[0-9]+", value):
        raise SettingsWrong("GITHUB_APP_CLIENT_ID is a number: Honk wants the client ID there, such as Iv23…", _OFF)
    return _no_token("GITHUB_APP_CLIENT_ID", value).reveal()


def _key(value: str) -> Secret:
    """Also with line breaks written as \\n, as some files of variables have it."""
    if not value:
        return Secret("")
    text = value.replace("\\n", "\n") if "\n" not in value else value
    if found := _PEM.search(text):
        return Secret(f"{found.group(0)}\n")
    what = _as_what(value) if not value.startswith("-----BEGIN") else _as_key(value)
    raise SettingsWrong(
        f"GITHUB_APP_PRIVATE_KEY is no whole private key of an app{what}",
        "it is the .pem file of the app's page (Private keys → Generate); GITHUB_APP_PRIVATE_KEY_FILE may name it",
    )


def _as_key(value: str) -> str:
    kind = re.match(r"-----BEGIN ([A-Z0-9 ]{1,40})-----", value)
    if kind is None or kind[1] in {"RSA PRIVATE KEY", "PRIVATE KEY"}:
        return ": it is cut off"
    return f": it is “{kind[1].lower()}”"


def _personal(value: str) -> Secret:
    """A token without a prefix is that of an old GitHub Enterprise Server."""
    if not value or value.startswith(_PERSONAL) or re.fullmatch(r"[0-9a-f]{40}", value):
        return Secret(value)
    wanted = "Honk wants a person's own token there (Settings → Developer settings → Personal access tokens)"
    raise SettingsWrong(f"HONK_GITHUB_TOKEN is none that lasts{_as_what(value)}. {wanted}", _OFF)


def _no_token(name: str, value: str) -> Secret:
    if what := _as_what(value):
        raise SettingsWrong(f"{name} is in the wrong place{what}", _OFF)
    return Secret(value)


def _as_what(value: str) -> str:
    said = next((said for prefix, said in _KINDS.items() if value.startswith(prefix)), "")
    return f": that is {said}" if said else ""
