"""GitLab: where it is, and the tokens with which Honk gets in."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from honk.domain.text import Secret


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _server(address: str) -> str:
    """Ends without a slash: paths are appended."""
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("must be the https:// address of GitLab's start page, such as https://gitlab.example.com")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("must begin with https://: the token would be readable on the way")
    return address.rstrip("/")


class GitlabSettings(BaseModel):
    """Honk at GitLab; its tokens come from the environment only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: false keeps Honk out of GitLab although there is a token
    enabled: bool = True
    #: GitLab's start page; what is below it counts as GitLab's
    url: Annotated[str, AfterValidator(_server)] = "https://gitlab.com"


@dataclass(frozen=True, kw_only=True, slots=True)
class GitlabTokens:
    """What opens GitLab, as far as it is set."""

    #: an access token of Honk's own user, of a project or of a group
    api: Secret = Secret("")
    #: what GitLab shows when it delivers an event
    webhook: Secret = Secret("")

    @staticmethod
    def of(environ: Mapping[str, str], settings: GitlabSettings) -> "GitlabTokens":
        """The environment's tokens; none where GitLab is switched off."""
        if not settings.enabled:
            return GitlabTokens()
        return GitlabTokens(
            api=Secret(environ.get("GITLAB_TOKEN", "").strip()),
            webhook=Secret(environ.get("GITLAB_WEBHOOK_TOKEN", "").strip()),
        )
