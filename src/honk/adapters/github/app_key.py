"""What a GitHub App shows to be itself: a JSON Web Token, signed with its private key.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

from datetime import datetime
from functools import lru_cache

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from honk.domain.text import Secret
from honk.errors import SettingsWrong

#: seconds before now, for clocks that differ, and after; GitHub takes ten minutes at most
_BEFORE, _AFTER = 60, 540


def signed(app_id: str, private_key: Secret, now: datetime) -> Secret:
    """The token, good for nine minutes from `now`. Raises SettingsWrong where the key is no RSA key in PEM form."""
    at = int(now.timestamp())
    try:
        key = _loaded(private_key.reveal())
        return Secret(jwt.encode({"iat": at - _BEFORE, "exp": at + _AFTER, "iss": app_id}, key, algorithm="RS256"))
    except (ValueError, TypeError, jwt.PyJWTError):
        raise SettingsWrong(
            "the private key of the GitHub App is no RSA key in PEM form",
            "give the file that GitHub made for it; its page makes another (Private keys)",
        ) from None


@lru_cache(maxsize=8)
def _loaded(pem: str) -> RSAPrivateKey:
    """Kept, because a key is checked as it is read, which takes twenty times as long as signing."""
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("no RSA key")
    return key
