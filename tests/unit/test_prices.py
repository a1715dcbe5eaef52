"""What a call costs."""

import pytest

from honk.adapters.broker.prices import (
    MOST_EXPENSIVE,
    PRICES,
    Price,
    Usage,
    ceiling,
    cost,
    find,
    price_of,
    prompt_estimate,
)


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("claude-opus-5-5", "claude-opus-5-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("Claude-Opus-5-5", "claude-opus-5-5"),
        ("claude-opus-5", "claude-opus-5"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-opus-4-0", "claude-opus-4"),
        ("claude-opus-4-1-20250805", "claude-opus-4-1"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
        ("anthropic/claude-fable-5-2", "claude-fable-5-2"),
    ],
)
def test_a_model_is_found_by_any_of_its_names(name: str, listed: str) -> None:
    assert find(name) is PRICES[listed]


@pytest.mark.parametrize("name", ["", "claude-opus-9", "my-local-llama", "claude-opus-5-5-turbo", "xclaude-opus-5"])
def test_an_unknown_model_costs_as_much_as_the_most_expensive(name: str) -> None:
    assert find(name) is None
    assert price_of(name) is MOST_EXPENSIVE
    assert all(MOST_EXPENSIVE.output >= price.output for price in PRICES.values())


def test_the_first_known_of_several_names_counts() -> None:
    assert price_of("a-gateway-alias", "claude-haiku-4-5") is PRICES["claude-haiku-4-5"]
    assert price_of("claude-haiku-4-5", "claude-opus-5") is PRICES["claude-haiku-4-5"]


MILLION = 1_000_000
PRICE = Price(input=1, output=10, cache_read=0.1, cache_write=1.25, cache_write_1h=2, fast=3)


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(model=""), 0),
        (Usage(model="", input_tokens=MILLION), 1),
        (Usage(model="", output_tokens=MILLION), 10),
        (Usage(model="", cache_read_tokens=MILLION), 0.1),
        (Usage(model="", cache_write_tokens=MILLION), 1.25),
        (Usage(model="", cache_write_tokens=MILLION, cache_write_1h_tokens=MILLION), 2),
        (Usage(model="", cache_write_tokens=MILLION, cache_write_1h_tokens=MILLION // 2), 1.625),
        (Usage(model="", input_tokens=MILLION, fast=True), 3),
        (Usage(model="", input_tokens=MILLION, us_only=True), 1.1),
        (Usage(model="", web_searches=3), 0.03),
    ],
)
def test_every_kind_of_token_has_its_price(usage: Usage, usd: float) -> None:
    assert cost(usage, PRICE) == pytest.approx(usd)


def test_a_long_prompt_makes_everything_dearer_where_the_list_says_so() -> None:
    haiku = PRICES["claude-haiku-5-5"]
    short = Usage(model="", input_tokens=40_000, cache_read_tokens=60_000, output_tokens=1000)
    long = Usage(model="", input_tokens=40_000, cache_read_tokens=60_001, output_tokens=1000)
    assert cost(long, haiku) == pytest.approx(5 * cost(short, haiku), rel=1e-4)
    assert cost(long, PRICE) == pytest.approx(cost(short, PRICE), rel=1e-4)


@pytest.mark.parametrize("name", PRICES)
def test_a_ceiling_is_above_what_a_call_costs(name: str) -> None:
    price = PRICES[name]
    usage = Usage(model=name, cache_write_tokens=50_000, cache_write_1h_tokens=50_000, output_tokens=8000, fast=True)
    assert ceiling(price, prompt_bytes=200_000, max_tokens=8000) >= cost(usage, price)
    assert prompt_estimate(price, 200_000) <= ceiling(price, prompt_bytes=200_000, max_tokens=0)
