"""What every door may ask of Honk: one protocol, for a Honk in this process or behind a server."""

from typing import TYPE_CHECKING

from honk.service.enclosing import ALL_FILES_LIMIT, FILE_LIMIT, IMAGE_LIMIT, MOST
from honk.service.nouns import (
    GREATEST,
    About,
    Accepted,
    Again,
    Approval,
    Approved,
    Artifact,
    Defaults,
    Diagnosis,
    Difference,
    Go,
    HandOver,
    LimitsWanted,
    Listed,
    NewTask,
    Pressed,
    Query,
    Reply,
    Review,
    Said,
    Words,
)
from honk.service.protocol import Acting, Looking, Service
from honk.service.repositories import Candidate

if TYPE_CHECKING:
    from honk.service.feed import Feed, FellBehind, Told
    from honk.service.local import Local
else:

    def __getattr__(name: str) -> object:
        """What only a Honk in this process has: a client of a server loads neither it nor the steps below it."""
        if name == "Local":
            from honk.service.local import Local

            return Local
        if name in {"Feed", "FellBehind", "Told"}:
            from honk.service import feed

            return getattr(feed, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "ALL_FILES_LIMIT",
    "FILE_LIMIT",
    "GREATEST",
    "IMAGE_LIMIT",
    "MOST",
    "About",
    "Accepted",
    "Acting",
    "Again",
    "Approval",
    "Approved",
    "Artifact",
    "Candidate",
    "Defaults",
    "Diagnosis",
    "Difference",
    "Feed",
    "FellBehind",
    "Go",
    "HandOver",
    "LimitsWanted",
    "Listed",
    "Local",
    "Looking",
    "NewTask",
    "Pressed",
    "Query",
    "Reply",
    "Review",
    "Said",
    "Service",
    "Told",
    "Words",
]
