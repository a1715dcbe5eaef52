"""What a call of the model costs, by a price list.

Source: the catalogue inside Claude Code 2.1.329, taken on 2026-11-21, and for models that are not in it
https://platform.claude.com/docs/en/about-claude/pricing; where both name a model, they agree. Dollars per million
tokens. Prices are an estimate for budgets, not an invoice: discounts, taxes and a gateway's own prices are
unknown here. A model that is not in the list costs as much as the most expensive one, so that a budget holds for
it too.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """Dollars per million tokens of one model."""

    input: float
    output: float
    cache_read: float
    #: entries that live for five minutes
    cache_write: float
    #: entries that live for an hour
    cache_write_1h: float
    #: how many times as much everything costs in fast mode
    fast: float = 1.0
    #: above so many tokens of prompt, everything costs `long` times as much
    long_above: int | None = None
    long: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What one answer of the model used, as its server counted it (or as far as it is known)."""

    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    #: all of them; those that live for an hour are counted in the next field as well
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    web_searches: int = 0
    fast: bool = False
    #: inference kept within the United States
    us_only: bool = False

    @property
    def prompt_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


#: dollars of one web search that the model's server ran
WEB_SEARCH = 0.01
#: factor of inference kept within the United States
US_ONLY = 1.1


def _price(input: float, output: float, cache_read: float, fast: float = 1.0) -> Price:
    return Price(
        input=input,
        output=output,
        cache_read=cache_read,
        cache_write=input * 1.25,
        cache_write_1h=input * 2,
        fast=fast,
    )


_HAIKU_5_5 = Price(
    input=0.1, output=0.5, cache_read=0.01, cache_write=0.125, cache_write_1h=0.2, long_above=100_000, long=5.0
)

PRICES: dict[str, Price] = {
    "claude-fable-5-2": _price(8, 40, 0.2, fast=2),
    "claude-mythos-5-2": _price(8, 40, 0.2, fast=2),
    "claude-fable-5-1": _price(10, 50, 0.25),
    "claude-mythos-5-1": _price(10, 50, 0.25),
    "claude-fable-5": _price(10, 50, 1),
    "claude-mythos-5": _price(10, 50, 1),
    "claude-opus-5-5": _price(4, 20, 0.2, fast=2),
    "claude-opus-5": _price(5, 25, 0.5, fast=2),
    "claude-opus-4-8": _price(5, 25, 0.5, fast=2),
    "claude-opus-4-7": _price(5, 25, 0.5, fast=6),
    "claude-opus-4-6": _price(5, 25, 0.5, fast=6),
    "claude-opus-4-5": _price(5, 25, 0.5),
    "claude-opus-4-1": _price(15, 75, 1.5),
    "claude-opus-4": _price(15, 75, 1.5),
    "claude-3-opus": _price(15, 75, 1.5),
    "claude-sonnet-5-5": _price(2, 10, 0.1),
    "claude-sonnet-5": _price(2, 10, 0.2),
    "claude-sonnet-4-6": _price(3, 15, 0.3),
    "claude-sonnet-4-5": _price(3, 15, 0.3),
    "claude-sonnet-4": _price(3, 15, 0.3),
    "claude-3-7-sonnet": _price(3, 15, 0.3),
    "claude-3-5-sonnet": _price(3, 15, 0.3),
    "claude-haiku-5-5": _HAIKU_5_5,
    "claude-haiku-4-5": _price(1, 5, 0.1),
    "claude-3-5-haiku": _price(0.8, 4, 0.08),
    "claude-3-haiku": _price(0.25, 1.25, 0.03),
}

MOST_EXPENSIVE = max(PRICES.values(), key=lambda price: (price.output, price.input))

#: what providers and people put around a model's name: regions, dates, context sizes
_BEFORE = re.compile(r"^(?:[a-z0-9_.-]+/)*(?:(?:[a-z]+\.)?anthropic\.)?")
_AFTER = re.compile(r"(?:\[1m\])?(?:[-@]\d{8})?(?:-v\d+(?::\d+)?)?(?:-latest|@default|-0)?(?:\[1m\])?$")


def find(model: str) -> Price | None:
    """The price of a model by any of its names (dated, `-latest`, `[1m]`, a provider's), or None."""
    name = _AFTER.sub("", _BEFORE.sub("", model.strip().lower(), count=1), count=1)
    return PRICES.get(name)


def price_of(*models: str) -> Price:
    """The price of the first model that is in the list; the most expensive one when none is."""
    return next((price for model in models if (price := find(model)) is not None), MOST_EXPENSIVE)


def cost(usage: Usage, price: Price) -> float:
    """Dollars for one answer."""
    five_minutes = max(0, usage.cache_write_tokens - usage.cache_write_1h_tokens)
    tokens = (
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_read_tokens * price.cache_read
        + five_minutes * price.cache_write
        + usage.cache_write_1h_tokens * price.cache_write_1h
    )
    if usage.fast:
        tokens *= price.fast
    elif price.long_above is not None and usage.prompt_tokens > price.long_above:
        tokens *= price.long
    if usage.us_only:
        tokens *= US_ONLY
    return tokens / 1_000_000 + usage.web_searches * WEB_SEARCH


def ceiling(price: Price, *, prompt_bytes: int, max_tokens: int) -> float:
    """More dollars than a call is likely to cost, before it is made.

    Three bytes a token, written to the cache for an hour, and every output token that was asked for.
    """
    factor = max(price.long, price.fast)
    return factor * (prompt_bytes / 3 * price.cache_write_1h + max_tokens * price.output) / 1_000_000


def prompt_estimate(price: Price, prompt_bytes: int) -> float:
    """Dollars for a prompt whose tokens nobody counted: four bytes a token, nothing cached."""
    return prompt_bytes / 4 * price.input / 1_000_000
