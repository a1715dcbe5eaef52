"""What the parts of this door share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from honk.domain.event import Event
from honk.ports import Chats, Devices, Mail, Outbox, Ports, Push, Visits
from honk.service.noticing import Sign


@dataclass(frozen=True, kw_only=True)
class Backstage:
    """What the door needs of the house."""

    ports: Ports
    chats: Chats
    outbox: Outbox
    devices: Devices
    visits: Visits
    push: Push
    #: None: no mail server is set
    mail: Mail | None
    sign: Sign
    #: is given who wants to hear of each event that this process stores
    listen: Callable[[Callable[[Event], None]], None]
    #: differs once something was stored; None where that cannot be seen without asking
    stamp: Callable[[], object | None] = field(default=lambda: None)
    #: waits for so many seconds
    sleep: Callable[[float], Awaitable[None]] = field(default=anyio.sleep)
