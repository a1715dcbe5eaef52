"""The id of a request that may come twice: named by whoever asks, so that the second one has no second effect."""

import hashlib

from honk.domain.person import PersonId


def request_id(door: str, person: PersonId, what: str, key: str) -> str:
    """The request's own id, from the asker's key: two people's keys never meet, nor those of two tasks or doors."""
    return door + hashlib.sha256("\0".join((person, what, key)).encode()).hexdigest()[: 32 - len(door)]
