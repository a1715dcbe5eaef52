"""What a comment asks for that is no conversation: to push onto a person's branch."""

import pytest

from honk.doors.github.words import wants_push


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        ("fix the crash and push it to my branch", "fix the crash"),
        ("fix the crash, then push to this PR.", "fix the crash"),
        ("fix the crash. Please push the fix onto this branch when it is green!", "fix the crash"),
        ("push to this branch: fix the crash", "fix the crash"),
        ("Push directly to our branch\nfix the crash", "fix the crash"),
        ("push it to this pull request and fix the crash", "fix the crash"),
        ("push to this branch", ""),
        ("fix the crash, but do not push it to my branch", None),
        ("never push to this branch", None),
        ("fix the crash without a push to my branch", None),
        ("explain what happens when I push to this branch", None),
        ("the push to my branch failed: fix the crash", None),
        ("push notifications crash on this branch", None),
        ("don't fix the tests and don't push to this branch", None),
        ("fix what breaks when people push to this branch and log in", None),
    ],
)
def test_a_push_is_asked_for_by_a_clause_of_its_own(words: str, rest: str | None) -> None:
    assert wants_push(words) == rest
