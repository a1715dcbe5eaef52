"""Slack: how Honk is there, and the tokens with which it gets in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from honk.domain.text import Secret
from honk.errors import SettingsWrong

_EMOJI = re.compile(r"[^\W_]?[\w+'-]{0,99}")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_OFF = "correct it, or write enabled = false below [slack] of honk.toml"
#: What a token that begins so is, as Slack's own pages call it.
_KINDS = {
    "xoxb-": "the bot token (OAuth & Permissions → Bot User OAuth Token)",
    "xapp-": "the app-level token (Basic Information → App-Level Tokens)",
    "xoxp-": "the token of a user",
    "xoxe.": "a token that expires: switch token rotation off",
    "xoxe-": "a token to renew others with: switch token rotation off",
}


def _emoji(name: str) -> str:
    if name != name.strip(":") or not _EMOJI.fullmatch(name) or name != name.lower():
        raise ValueError('must be the name of an emoji in small letters, without colons, such as "honk"')
    return name


def _hours(text: str) -> str:
    """Also refuses a time that is no time, and a span that is empty."""
    if text and (not (match := _HOURS.fullmatch(text)) or match.group(1, 2) == match.group(3, 4)):
        raise ValueError('must be two times of a day, such as "20:00-08:00", or empty')
    return text


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _api(address: str) -> str:
    """Ends with a slash: the names of methods are appended."""
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("must be the https:// address of Slack's Web API, such as https://slack-gov.com/api/")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("must begin with https://: the token would be readable on the way")
    return address if address.endswith("/") else f"{address}/"


class SlackSettings(BaseModel):
    """Honk in Slack; its tokens come from the environment only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: false keeps Honk out of Slack although there are tokens
    enabled: bool = True
    #: a connection that Honk opens itself, or requests that Slack sends to `public_url`
    mode: Literal["socket", "http"] = "socket"
    #: name of the emoji that asks when somebody puts it on a message; empty: none does
    reaction: Annotated[str, AfterValidator(_emoji)] = "honk"
    #: whether guests of the workspace may ask, where [[roles]] lets them
    guests: bool = False
    #: whether people of other workspaces may, in channels that are shared with them
    strangers: bool = False
    #: span in which nobody is notified, in each person's own time zone; empty: never
    quiet_hours: Annotated[str, AfterValidator(_hours)] = ""
    #: whether Slack's own streaming and assistant features are used where the workspace has them
    streaming: bool = True
    #: Slack's Web API
    api_url: Annotated[str, AfterValidator(_api)] = "https://slack.com/api/"

    @property
    def quiet(self) -> tuple[time, time] | None:
        """From when until when nobody is notified; the end may lie on the next day."""
        if not (match := _HOURS.fullmatch(self.quiet_hours)):
            return None
        return time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))


@dataclass(frozen=True, kw_only=True, slots=True)
class SlackTokens:
    """What opens Slack, as far as it is set."""

    bot: Secret = Secret("")
    app: Secret = Secret("")
    signing: Secret = Secret("")

    @staticmethod
    def of(environ: Mapping[str, str], settings: SlackSettings) -> "SlackTokens":
        """The environment's tokens; none where Slack is switched off. Raises SettingsWrong, never showing a token."""
        if not settings.enabled:
            return SlackTokens()
        signing = environ.get("SLACK_SIGNING_SECRET", "").strip()
        if said := _kind_of(signing):
            wanted = "Honk wants the signing secret there (Basic Information → App Credentials)"
            raise SettingsWrong(f"SLACK_SIGNING_SECRET begins with {signing[:5]}: that is {said}. {wanted}", _OFF)
        return SlackTokens(
            bot=_token(environ, "SLACK_BOT_TOKEN", "xoxb-"),
            app=_token(environ, "SLACK_APP_TOKEN", "xapp-"),
            signing=Secret(signing),
        )


def _token(environ: Mapping[str, str], name: str, prefix: str) -> Secret:
    value = environ.get(name, "").strip()
    if not value or value.startswith(prefix):
        return Secret(value)
    said = _kind_of(value)
    wanted = f"Honk wants {_KINDS[prefix]} there, which begins with {prefix}"
    what = f"begins with {value[:5]}: that is {said}" if said else f"does not begin with {prefix}"
    raise SettingsWrong(f"{name} {what}. {wanted}", _OFF)


def _kind_of(value: str) -> str:
    return next((said for prefix, said in _KINDS.items() if value.startswith(prefix)), "")
