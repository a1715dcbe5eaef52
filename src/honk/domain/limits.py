"""What a task may cost, and what it has cost."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Bounds of one task. None means that the limit is not set."""

    usd: float | None = 5.0
    calls: int | None = 300
    #: wall time of one turn
    seconds: float | None = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """What the broker metered. `usd` is an estimate from a price list."""

    usd: float = 0.0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def __add__(self, other: "Spending") -> "Spending":
        return Spending(
            usd=self.usd + other.usd,
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )
