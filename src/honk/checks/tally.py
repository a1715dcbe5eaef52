"""What a run of tests said: counts always where they can be read, names where the runner gives them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    #: tests that ran, without skipped ones; None when the output does not say
    ran: int | None = None
    #: every test that passed; None when the names are not all known
    passed: tuple[str, ...] | None = None
    #: every test that failed; None when the names are not all known
    failed: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        """Two runs of one command, such as those of two packages."""
        return Tally(
            ran=_sum(self.ran, other.ran),
            passed=_joined(self.passed, other.passed),
            failed=_joined(self.failed, other.failed),
            skipped=(*self.skipped, *other.skipped),
        )


#: Nothing could be read.
UNREAD = Tally()


def numbered(names: Iterable[str]) -> tuple[str, ...]:
    """The names in order, later ones of the same text with a number, so that each is its own."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return tuple(result)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _joined(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if one is None or other is None else (*one, *other)
