"""The part of honk.toml that says who says who people are, and whom Honk lets in for it."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from honk.domain.claimed import Admits
from honk.domain.person import Identity
from honk.domain.text import Secret
from honk.settings.policy import Wrong

SLACK, GITHUB = "slack", "github"
#: where Slack says how to sign in with it
SLACK_ISSUER = "https://slack.com"
_TITLES = {SLACK: "Slack", GITHUB: "GitHub"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def _issuer(address: str) -> str:
    """Exactly as the provider writes it, with or without a slash at its end."""
    parts = urlsplit(address)
    if not address:
        return ""
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("must be the provider's https:// address, such as https://accounts.google.com")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("must begin with https://: anybody on the way could say who people are")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _domain(text: str) -> str:
    if not _DOMAIN.fullmatch(text.lower()):
        raise ValueError('must be the part of an address behind its "@", such as "example.com"')
    return text.lower()


def _identity(value: object) -> object:
    return Identity.parse(value) if isinstance(value, str) else value


class SignInSettings(BaseModel):
    """One provider; its secret comes from the environment only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: what its button says, after "Sign in with"; the names slack and github have theirs
    title: Annotated[str, Field(max_length=60)] = ""
    #: where it is, exactly as it calls itself; slack and github need none
    issuer: Annotated[str, AfterValidator(_issuer)] = ""
    #: under which the provider knows this Honk
    client_id: Annotated[str, Field(min_length=1, max_length=300)]
    #: whoever has a verified address there may come in
    mail_domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = ()
    #: whoever belongs to one of these: GitHub's organisations, Slack's workspaces (T…), groups or Google's hd
    organisations: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    #: who may come in although [people] does not list them, such as "mail:eve@example.com"
    identities: tuple[Annotated[Identity, BeforeValidator(_identity)], ...] = ()
    #: believe its addresses although it does not say that it has verified them
    mail_is_verified: bool = False

    def admits(self) -> Admits:
        """Whom it lets in besides the people of the file."""
        return Admits(
            mail_domains=frozenset(self.mail_domains),
            organisations=frozenset(one.lower() for one in self.organisations),
            identities=frozenset(self.identities),
        )

    def shown(self, name: str) -> str:
        """What its button says."""
        return self.title or _TITLES.get(name) or name.replace("_", " ").capitalize()


def wrong_sign_in(providers: Mapping[str, SignInSettings]) -> Iterator[Wrong]:
    """Names that do not fit into an address, and providers of which nobody knows where they are."""
    for name, one in providers.items():
        if not _NAME.fullmatch(name) or name in {"token", "link", "passkey"}:
            yield ("sign_in", name), "a provider's name is of small letters, digits and _, and begins with a letter"
        if name in {SLACK, GITHUB} and one.issuer:
            yield ("sign_in", name, "issuer"), f"{name} needs no issuer; give another provider another name"
        elif name not in {SLACK, GITHUB} and not one.issuer:
            yield ("sign_in", name), "issuer is missing: the provider's address, such as https://accounts.google.com"


def secret_variable(name: str) -> str:
    """Where the secret of that provider is."""
    return f"HONK_SIGN_IN_{name.upper()}_SECRET"


def secrets_of(environ: Mapping[str, str], providers: Mapping[str, SignInSettings]) -> dict[str, Secret]:
    """By the names of providers; none for one without."""
    found = {name: environ.get(secret_variable(name), "").strip() for name in providers}
    return {name: Secret(value) for name, value in found.items() if value}
