"""Names that say where something came from: of messages, acts and deliveries."""

import re

_MESSAGE = re.compile(r"slack-([A-Z0-9]+)-([A-Z0-9]+)-(\d+\.\d+)")


def message_id(team: str, channel: str, ts: str) -> str:
    """The door's own id of a message: the same however often, and by whichever event, it is delivered."""
    return f"slack-{team}-{channel}-{ts}"


def message_of(id: str) -> tuple[str, str] | None:
    """Channel and ts of such an id; None for an id of another door."""
    match = _MESSAGE.fullmatch(id)
    return (match[2], match[3]) if match else None


def delivery_id(kind: str, *parts: str) -> str:
    """The id of a delivery: everything that makes it this one and no other."""
    return "/".join(("slack", kind, *parts))[:500]


def edited_message(delivery: str) -> str:
    """The id of a message's delivery, of that of a change of it."""
    return delivery_id("message", *delivery.split("/")[2:5])


def lane_of(channel: str, root: str) -> str:
    """The lane of a thread: what is said there is worked on in the order in which it came."""
    return f"{channel}/{root}"
