"""Targets that deploy by webhook: which are allowed, and where their secrets lie."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from honk.domain.text import Secret
from honk.errors import SettingsWrong
from honk.settings.secrets import read_secret

_HOST = re.compile(r"[a-z0-9.-]{1,253}(:\d{1,5})?|\[[0-9a-f:]+\](:\d{1,5})?")
#: a shorter secret can be guessed
_LEAST = 16


def _host(name: str) -> str:
    if _HOST.fullmatch(name) is None:
        raise ValueError(f"{name[:80]!r} is no host, such as deploy.example.com or deploy.example.com:8443")
    return name


class WebhookSettings(BaseModel):
    """Where deployments may be asked for by webhook."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: the host of each target (with its port, where that is not 443), and the file that holds the secret shared with it
    targets: dict[Annotated[str, AfterValidator(_host)], Path] = Field(default_factory=dict)

    def secret(self, host: str) -> Secret | None:
        """None for a target that is not allowed. Read anew each time: it may be changed. Raises SettingsWrong."""
        path = self.targets.get(host)
        if path is None:
            return None
        secret = read_secret(path, f"webhooks.targets: {host}")
        if len(secret) < _LEAST:
            raise SettingsWrong(f"the secret in {path} is too short", f"at least {_LEAST} characters, such as whsec_…")
        return Secret(secret)
