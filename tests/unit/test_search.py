"""What people type into the search field, read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.domain.search import GROUPS, LONGEST, Search, read
from honk.domain.task import State


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Search()),
        ("   \t\n ", Search()),
        ("crash empty", Search(words=("crash", "empty"))),
        ('"empty playlist" crash', Search(words=("empty playlist", "crash"))),
        ('"never closed', Search(words=("never closed",))),
        (
            "repo:music state:proposed by:ada crash",
            Search(words=("crash",), repositories=("music",), states=frozenset({State.PROPOSED}), people=("ada",)),
        ),
        (
            "REPO:Music State:Draft BY:me",
            Search(repositories=("Music",), states=frozenset({State.DRAFT}), people=("me",)),
        ),
        ("repo:a repo:b", Search(repositories=("a", "b"))),
        ("state:draft,failed", Search(states=frozenset({State.DRAFT, State.FAILED}))),
        ("state:busy", Search(states=GROUPS["busy"])),
        ("state:draft state:nonsense", Search(states=frozenset({State.DRAFT}), strange=("nonsense",))),
        ('repo:"my repo" by:"Ada L"', Search(repositories=("my repo",), people=("Ada L",))),
        ("by:slack:U123", Search(people=("slack:U123",))),
        ("repo:https://github.com/acme/app", Search(repositories=("https://github.com/acme/app",))),
        ("TypeError: is:open", Search(words=("TypeError:", "is:open"))),
        ('state:"" repo:', Search(words=("repo:",))),
        ("100%_", Search(words=("100%_",))),
    ],
)
def test_a_search_says_what_it_says(text: str, found: Search) -> None:
    assert read(text) == found
    assert bool(found) is (found != Search())


@given(st.text(max_size=600))
def test_nothing_that_is_typed_is_an_error(text: str) -> None:
    found = read(text)
    assert sum(map(len, (found.words, found.repositories, found.people))) <= 20
    assert all(one and len(one) <= LONGEST for one in (*found.words, *found.repositories, *found.people))
    assert not {*found.strange} & {*State, *GROUPS}


def test_no_group_is_called_like_a_state() -> None:
    assert not {*GROUPS} & {*State}


_WORD = st.text(st.characters(categories=("L", "N"), exclude_characters="\0"), min_size=1, max_size=8)


@given(st.lists(_WORD, max_size=4), st.lists(_WORD, max_size=2), st.lists(st.sampled_from(State), max_size=3))
def test_the_order_of_conditions_means_nothing(words: list[str], places: list[str], states: list[State]) -> None:
    parts = [*words, *(f"repo:{one}" for one in places), *(f"state:{one}" for one in states)]
    found, turned = read(" ".join(parts)), read(" ".join(reversed(parts)))
    assert found == Search(words=tuple(words), repositories=tuple(places), states=frozenset(states))
    assert (set(turned.words), set(turned.repositories), turned.states) == ({*words}, {*places}, found.states)
