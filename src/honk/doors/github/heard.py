"""What was acted upon already, so that a hint that comes again, however late and in whatever order, acts once."""

from dataclasses import dataclass

from honk.domain.task import TaskId
from honk.doors.github.backstage import DOOR
from honk.doors.github.names import digest_of
from honk.ports import Preferences


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """What became of words that were heard before."""

    #: whether they are still the same
    same: bool
    #: to which task they went; "" for none
    task: TaskId


class Heard:
    """Kept for good: a comment may be edited years later."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    async def before(self, message: str, words: str) -> Before | None:
        """None for what was not acted upon."""
        kept = await self._preferences.read(_subject(message))
        if "words" not in kept:
            return None
        return Before(same=kept["words"] == digest_of(words), task=TaskId(kept.get("task", "")))

    async def note(self, message: str, words: str, task: str = "") -> None:
        """It was acted upon."""
        await self._preferences.write(_subject(message), {"words": digest_of(words), "task": task})


def _subject(message: str) -> str:
    return f"{DOOR}/heard/{message.removeprefix(f'{DOOR}/')}"
