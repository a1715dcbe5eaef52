"""Access tokens: what a program shows at a door in place of a person.

    honk_<43 characters of base62: 32 random bytes><6 characters: their CRC-32>

The fixed beginning and the checksum let secret scanners find a leaked token without asking anybody.
"""

import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from honk.domain.person import PersonId
from honk.domain.remote_job import Rights
from honk.domain.task import TaskId
from honk.domain.text import Secret

PREFIX = "honk_"
#: bytes of randomness in a token
RANDOM_BYTES = 32
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BODY, _CHECK = 43, 6
_FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_BODY + _CHECK}}}")


class Scope(StrEnum):
    """What a token may be used for. It never gives a right that its person does not have."""

    READ = "read"
    ASK = "ask"
    STEER = "steer"
    MERGE = "merge"
    DEPLOY = "deploy"
    ADMINISTER = "administer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """What is known of a token; not the token itself."""

    id: str
    #: what its owner called it, such as "laptop"
    name: str
    person: PersonId
    scopes: frozenset[Scope]
    created_at: datetime
    #: None: it does not expire
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    #: the one task for which builds may be uploaded with it; such a token has no scope, and opens nothing else
    task: TaskId | None = None
    #: the jobs that a worker may have with it; such a token has no scope either
    rights: Rights | None = None

    def open(self, now: datetime) -> bool:
        """Whether it opens anything at that moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued:
    """A new token. The secret is shown once, and kept nowhere."""

    token: Token
    secret: Secret


def made_of(random: bytes) -> Secret:
    """The token that these random bytes make. Raises ValueError when there are too few or too many."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a token is made of {RANDOM_BYTES} bytes, not of {len(random)}")
    body = _base62(int.from_bytes(random), _BODY)
    return Secret(PREFIX + body + _checksum(body))


def well_formed(text: str) -> bool:
    """Whether this can be a token at all: form and checksum."""
    return _FORM.fullmatch(text) is not None and _checksum(text[len(PREFIX) : -_CHECK]) == text[-_CHECK:]


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits
