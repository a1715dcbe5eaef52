"""What every door may ask of Honk: one protocol, for a Honk in this process or behind a server."""

from honk.service.enclosing import FILE_LIMIT, IMAGE_LIMIT
from honk.service.feed import Feed, FellBehind, Told
from honk.service.local import Local
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

__all__ = [
    "FILE_LIMIT",
    "GREATEST",
    "IMAGE_LIMIT",
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
