"""Promotions from one environment to the next: what a door may ask of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from honk.service.nouns import Pressed

if TYPE_CHECKING:  # who loads the command line's help needs no views
    from honk.views.merging import Promoting


@dataclass(frozen=True, kw_only=True, slots=True)
class PromotionWanted:
    """A promotion as a person asks for it."""

    #: the environment that the person saw as the next; "" is whichever is
    environment: str = ""
    #: although the environment is closed by a window or a freeze, and before others that wait for it
    now: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a deployment by webhook ended, by a person's word."""

    live: bool


class Promotes(Protocol):
    """Raises NotAllowed, NotNow, Unknown."""

    async def promoting(self, task: str) -> "Promoting":
        """What there is to know before `promote` is pressed; it refuses nothing, and says what would."""

    async def promote(self, task: str, wanted: PromotionWanted, *, id: str = "") -> Pressed:
        """Takes what is live and healthy to the next environment. The same `id` again has no effect."""

    async def deployed(self, task: str, ended: Ended) -> None:
        """Takes the person's word for how a deployment ended of which its target cannot be asked."""
