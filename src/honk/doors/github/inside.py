"""What those share who hear: the house, GitHub, and what is known of both."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from honk.domain.discussion import Hint
from honk.doors.github.backstage import Backstage
from honk.doors.github.people import People
from honk.doors.github.places import Places
from honk.doors.github.saying import Saying
from honk.ports import Discussions

#: Keeps a hint under an id. Raises honk.service.intake.NotKept.
Keep = Callable[[Hint, str], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Inside:
    """Handed to each of them."""

    stage: Backstage
    discussions: Discussions
    places: Places
    people: People
    saying: Saying
    #: what one hint leads to is worked on by itself
    keep: Keep
