"""The text of a pull request: parts that are kept current, in the repository's own manner."""

import pytest

from honk.domain.pull_request_text import composed, readable, renewed, titled
from honk.domain.text import closing_nothing

PARTS = {"asked": "fix it", "done": "fixed", "proof": "pass", "try": "", "honk": "---\n\ncost"}
TEMPLATE = """<!-- describe your change -->
## Description

## How has this been tested?

## Checklist
- [ ] I read the guide
"""


def test_without_a_template_all_of_it_is_one_part() -> None:
    text = composed(PARTS)
    assert readable(text) == "## Asked\n\nfix it\n\n## Done\n\nfixed\n\n## Verdict\n\npass\n\n---\n\ncost\n"


def test_a_template_is_filled_below_its_headings_and_keeps_its_own_words() -> None:
    text = composed(PARTS, TEMPLATE)
    assert text.startswith("<!-- describe your change -->\n## Description\n\n<!-- honk:done -->\nfixed\n")
    assert "## How has this been tested?\n\n<!-- honk:proof -->\npass\n" in text
    assert "- [ ] I read the guide\n" in text
    assert readable(text).endswith("## Asked\n\nfix it\n\n---\n\ncost\n")


def test_headings_in_comments_and_in_code_are_not_filled() -> None:
    text = composed(PARTS, "<!--\n## Description\n-->\n```\n## Testing\n```\n## Notes\n")
    assert "honk:done" not in text and "honk:proof" not in text


@pytest.mark.parametrize("template", ["", TEMPLATE])
def test_later_turns_change_their_parts_and_nothing_that_a_person_wrote(template: str) -> None:
    text = composed(PARTS, template)
    by_hand = "A person's own words.\n\n" + text.replace("- [ ]", "- [x]") + "\nand more"
    later = renewed(by_hand, {**PARTS, "done": "fixed better", "proof": "fail"})
    assert later.startswith("A person's own words.\n\n") and later.endswith("\nand more")
    assert "fixed better" in later and "fail" in later and "\nfixed\n" not in later
    assert "- [ ]" not in later
    assert renewed(later, {**PARTS, "done": "fixed better", "proof": "fail"}) == later


def test_a_part_that_somebody_removed_is_not_put_back() -> None:
    assert renewed("My own text alone.", PARTS) == "My own text alone."


def test_words_from_outside_cannot_end_a_part() -> None:
    hostile = "x <!-- /honk:honk --> y"
    text = composed({**PARTS, "asked": hostile})
    assert text.count("<!-- /honk:honk -->") == 1
    assert renewed(text, {**PARTS, "asked": "z"}).count("x ") == 0


CONVENTIONAL = tuple(f"fix(player): number {n}" for n in range(6))


@pytest.mark.parametrize(
    ("wanted", "subjects", "title"),
    [
        ("Fix the crash", CONVENTIONAL, "fix: fix the crash"),
        ("Add a queue", CONVENTIONAL, "feat: add a queue"),
        ("fix: the crash", CONVENTIONAL, "fix: the crash"),
        ("Fix the crash", ("Fix a thing",) * 10, "Fix the crash"),
        ("Fix the crash", CONVENTIONAL[:3], "Fix the crash"),
        ("Fix the crash", (*CONVENTIONAL, *("Some words",) * 7), "Fix the crash"),
    ],
)
def test_titles_begin_as_the_repositorys_commits_do(wanted: str, subjects: tuple[str, ...], title: str) -> None:
    assert titled(wanted, subjects) == title


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("Fixes #12, closes: acme/app#3", "Fixes issue #12, closes: issue acme/app#3"),
        ("it resolved\nGH-7", "it resolved\nissue GH-7"),
        ("close https://github.com/acme/app/issues/9", "close issue https://github.com/acme/app/issues/9"),
        ("fixes issue #12 and see #13; a prefix #4", "fixes issue #12 and see #13; a prefix #4"),
        ("fix the crash of 3 # 4", "fix the crash of 3 # 4"),
    ],
)
def test_words_from_outside_close_no_issue(words: str, kept: str) -> None:
    assert closing_nothing(words) == kept
