"""What every door may ask of Honk: one protocol, for a Honk in this process or behind a server."""

from honk.service.feed import Feed, FellBehind, Told
from honk.service.local import IMAGE_LIMIT, Local
from honk.service.nouns import (
    GREATEST,
    About,
    Accepted,
    Again,
    Approval,
    Artifact,
    Defaults,
    Diagnosis,
    Difference,
    HandOver,
    LimitsWanted,
    Listed,
    NewTask,
    Pressed,
    Query,
    Reply,
    Said,
    Words,
)
from honk.service.protocol import Acting, Looking, Service

__all__ = [
    "GREATEST",
    "IMAGE_LIMIT",
    "About",
    "Accepted",
    "Acting",
    "Again",
    "Approval",
    "Artifact",
    "Defaults",
    "Diagnosis",
    "Difference",
    "Feed",
    "FellBehind",
    "HandOver",
    "LimitsWanted",
    "Listed",
    "Local",
    "Looking",
    "NewTask",
    "Pressed",
    "Query",
    "Reply",
    "Said",
    "Service",
    "Told",
    "Words",
]
