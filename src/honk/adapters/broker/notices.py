"""Events about what was denied and what failed: each once, never thousands."""

from collections.abc import Callable
from dataclasses import dataclass

from honk.domain.event import ModelFailed, NetworkDenied
from honk.ports import Tell

#: different targets of one exit that are told
DENIALS_TOLD = 50
#: failures of one exit that are told
FAILURES_TOLD = 100
#: seconds after which a failure that goes on is told again
REPEAT = 60.0
#: characters of a target or a detail
LONGEST = 300


@dataclass(kw_only=True, slots=True)
class _Repeating:
    told_at: float
    untold: int = 0


class Notices:
    """Tells the task's events about one exit."""

    def __init__(self, tell: Tell, clock: Callable[[], float]) -> None:
        self.tell = tell
        self._clock = clock
        self._denied: set[tuple[str, str]] = set()
        self._failing: dict[tuple[int | None, str], _Repeating] = {}
        self._failures = 0

    async def denied(self, target: str, reason: str) -> None:
        """Told once for each target and reason, for at most DENIALS_TOLD of them."""
        key = (printable(target), printable(reason))
        if key in self._denied or len(self._denied) > DENIALS_TOLD:
            return
        self._denied.add(key)
        if len(self._denied) > DENIALS_TOLD:
            await self.tell(NetworkDenied(target="…", reason="further denied targets are not shown"))
            return
        await self.tell(NetworkDenied(target=key[0], reason=key[1]))

    async def failed(self, status: int | None, detail: str) -> None:
        """Told at once when it is new, and then again every REPEAT seconds with how often it happened."""
        key = (status, printable(detail)[:80])
        now = self._clock()
        before = self._failing.get(key)
        if before is not None and now - before.told_at < REPEAT:
            before.untold += 1
            return
        if self._failures >= FAILURES_TOLD:
            return
        self._failures += 1
        self._failing[key] = _Repeating(told_at=now)
        words = printable(detail)
        if before is not None and before.untold:
            words += f" ({before.untold + 1} times since it was last said)"
        await self.tell(ModelFailed(status=status, detail=words))

    def recovered(self) -> None:
        """The model answered: whatever fails from now on is new."""
        self._failing.clear()


def printable(text: str) -> str:
    """One line without control characters, of at most LONGEST characters."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
