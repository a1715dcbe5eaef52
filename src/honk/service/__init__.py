"""What every door may ask of Honk: one protocol, for a Honk in this process or behind a server."""

from honk.service.feed import Feed, FellBehind, Told
from honk.service.local import Local
from honk.service.nouns import (
    About,
    Accepted,
    Approval,
    Artifact,
    Defaults,
    Diagnosis,
    Difference,
    LimitsWanted,
    Listed,
    NewTask,
    Pressed,
    Query,
    Reply,
)
from honk.service.protocol import Acting, Looking, Service

__all__ = [
    "About",
    "Accepted",
    "Acting",
    "Approval",
    "Artifact",
    "Defaults",
    "Diagnosis",
    "Difference",
    "Feed",
    "FellBehind",
    "LimitsWanted",
    "Listed",
    "Local",
    "Looking",
    "NewTask",
    "Pressed",
    "Query",
    "Reply",
    "Service",
    "Told",
]
