"""CODEOWNERS, by GitHub's documented rules."""

import pytest

from honk.domain.codeowners import owners

TEXT = """
# the first line that is a comment
*       @all
*.js    @js-owner # inline
/build/logs/ @doctocat
docs/*  docs@example.com @docs
apps/   @octocat
**/logs @logs
/scripts/ @scripts @acme/tools
/apps/github
!ignored @nobody
"""


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("README.md", ("all",)),
        ("web/app.js", ("js-owner",)),
        ("build/logs/today.txt", ("logs",)),
        ("docs/getting-started.md", ("docs",)),
        ("docs/build-app/troubleshooting.md", ("all",)),
        ("deep/apps/x.py", ("octocat",)),
        ("scripts/run.sh", ("scripts", "acme/tools")),
        ("apps/github/x.py", ()),
        ("deploy/logs/a", ("logs",)),
    ],
)
def test_the_last_line_that_fits_counts(path: str, who: tuple[str, ...]) -> None:
    assert owners(TEXT, [path]) == who


def test_all_owners_of_all_paths_each_once() -> None:
    assert owners(TEXT, ["a.js", "b.js", "README.md"]) == ("js-owner", "all")


def test_strange_lines_are_nobodys() -> None:
    assert owners("[abc] @x\n\\# @y\n   \n@z\n*.py not-a-name", ["a.py"]) == ()
