"""Which words approve a plan: nothing else may be read as one."""

import pytest

from honk.domain.plan import is_go


@pytest.mark.parametrize("words", ["go", "Go", "GO!", "go.", " go \n", "go ahead", "Go-ahead!", "go !"])
def test_a_go(words: str) -> None:
    assert is_go(words)


@pytest.mark.parametrize(
    "words", ["", "no go", "go on", "go, but in blue", "go back", "goahead now", "don't go", "go?", "let's go", "got"]
)
def test_other_words(words: str) -> None:
    assert not is_go(words)
