"""What the Slack door needs of the house, and what was chosen for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from honk.domain.event import Event
from honk.domain.person import Person
from honk.ports import Chats, Ports
from honk.service import Local
from honk.service.linking import Linking

#: The door's name in threads, deliveries and preferences.
DOOR = "slack"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """See [slack] in honk.toml."""

    mode: Literal["socket", "http"] = "socket"
    #: the emoji that asks for what a message says; "" for none
    reaction: str = "honk"
    #: whether guests may ask although no policy names them
    guests: bool = False
    #: the same for people of other workspaces in shared channels
    strangers: bool = False
    #: such as "20:00-08:00", in each person's own time; "" for none
    quiet_hours: str = ""
    #: whether the assistant's features are used where the workspace has them
    streaming: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Waits:
    """Seconds for which this door waits; tests shorten them."""

    #: in which a delivery must be kept: Slack waits for three
    answer: float = 2.3
    #: between two tries to reach a Slack that does not answer, or that refuses the token
    again: float = 10.0
    #: between two looks whether the socket is there
    ping: float = 5.0
    #: after which a socket that does not come back by itself is made anew
    lost: float = 30.0
    #: between two looks for deliveries that another process left, or that are due again
    look: float = 2.0
    #: before a place or a delivery is tried again; doubled each time, up to `rest`
    later: float = 2.0
    rest: float = 120.0
    #: before a status is said again: Slack forgets it after two minutes
    status: float = 90.0
    #: for which a press or a command counts: whoever made it looks at something else by then
    counts: float = 300.0
    #: in which changes of a home tab are gathered
    home: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Backstage:
    """The house, as far as this door sees it."""

    ports: Ports
    chats: Chats
    #: the service in the name of that person
    service: Callable[[Person], Local]
    linking: Linking
    #: from now on the listener is told of each event that this process stores, on the event loop
    listen: Callable[[Callable[[Event], None]], None]
    #: differs once any process has stored something; None where nobody knows
    stamp: Callable[[], object | None]
    choices: Choices = Choices()
    #: waits that tests shorten
    sleep: Callable[[float], Awaitable[None]] | None = None
    waits: Waits = Waits()
