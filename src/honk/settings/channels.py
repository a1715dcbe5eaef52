"""The part of honk.toml that says by which channels builds come to people besides the install page."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from honk.domain.text import Secret
from honk.errors import SettingsWrong

_DOTTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_OURS = frozenset({"testflight", "webhook"})
_LARGEST = 64 << 10


def _use(text: str) -> str:
    if text not in _OURS and not _DOTTED.fullmatch(text):
        raise ValueError('must be "testflight", "webhook", or the "package.module:attribute" that makes a channel')
    return text


class ChannelSettings(BaseModel):
    """One channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: "testflight", "webhook", or "package.module:attribute" of whoever wrote another one
    use: Annotated[str, AfterValidator(_use)]
    #: patterns of the repositories whose builds go there, as in [[roles]]
    repositories: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    #: a file with its key or secret, which nobody else may read; it comes into no sandbox
    secret_file: Path | None = None
    #: what the channel itself wants to know
    options: dict[str, str] = Field(default_factory=dict)

    def secret(self) -> Secret:
        """What is in the file; empty without one. Raises SettingsWrong, never showing any of it."""
        if self.secret_file is None:
            return Secret("")
        path = self.secret_file
        remedy = "make it readable for whoever runs Honk, and for nobody else"
        try:
            with path.open(encoding="utf-8") as file:
                text = file.read(_LARGEST + 1)
                open_to_others = path.stat().st_mode & 0o007
        except (OSError, UnicodeDecodeError) as exc:
            said = getattr(exc, "strerror", "") or "it is no text"
            raise SettingsWrong(f"the secret_file {path} cannot be read: {said}", remedy) from None
        if open_to_others:
            raise SettingsWrong(f"the secret_file {path} can be read by others", f"chmod 600 {path}")
        if not text.strip() or len(text) > _LARGEST:
            raise SettingsWrong(f"the secret_file {path} holds no secret", "name the file that holds it")
        return Secret(text.strip())


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
ChannelTable = dict[Name, ChannelSettings]
