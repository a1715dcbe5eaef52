"""What a person let Honk have at a forge, so that it acts there in their name."""

from dataclasses import dataclass
from datetime import datetime

from honk.domain.text import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """A token, and the one by which it is renewed."""

    access: Secret
    #: used once: the answer brings another one; empty where the token does not end
    refresh: Secret = Secret("")
    #: None for never
    until: datetime | None = None
    refresh_until: datetime | None = None
