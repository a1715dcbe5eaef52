"""Whether a request is GitHub's: the signature over its bytes, as they came."""

import hashlib
import hmac

from honk.domain.text import Secret

_PREFIX = "sha256="


def signature(secret: Secret, body: bytes) -> str:
    """What `X-Hub-Signature-256` says of these bytes.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    return _PREFIX + hmac.new(secret.reveal().encode(), body, hashlib.sha256).hexdigest()


def signed(secret: Secret, body: bytes, claimed: str) -> bool:
    """Whether whoever sent the bytes knows the secret; it takes the same time for every wrong answer."""
    wanted = signature(secret, body).encode()
    return bool(secret) and hmac.compare_digest(wanted, claimed.encode("utf-8", "replace"))
