"""Where a reviewer with one minute looks first."""

import pytest

from honk.domain.repository import FileChange
from honk.views import Risk
from honk.views.risk import files_by_risk


def changed(path: str, plus: int = 1, minus: int = 0, status: str = "M", **more: str) -> FileChange:
    modes = {"old_mode": "100644", "new_mode": "100644", **more}
    return FileChange(path=path, status=status, insertions=plus, deletions=minus, binary=False, **modes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "risk", "why"),
    [
        (".honk.toml", Risk.GATE, "decides what is verified"),
        (".github/workflows/ci.yml", Risk.GATE, "decides what is verified"),
        ("tests/conftest.py", Risk.GATE, "decides what is verified"),
        ("app/vitest.config.ts", Risk.GATE, "decides what is verified"),
        ("Makefile", Risk.GATE, "decides what is verified"),
        ("pyproject.toml", Risk.GATE, "decides what is verified"),
        ("requirements.txt", Risk.GATE, "decides what is installed"),
        ("package-lock.json", Risk.GATE, "decides what is installed"),
        ("Cargo.lock", Risk.GATE, "decides what is installed"),
        ("Dockerfile", Risk.GATE, "builds, deploys or runs beside the app"),
        ("scripts/release.sh", Risk.GATE, "builds, deploys or runs beside the app"),
        (".github/CODEOWNERS", Risk.GATE, "builds, deploys or runs beside the app"),
        ("scripts/README.md", Risk.DOCS, "documentation or picture"),
        ("src/player.py", Risk.SOURCE, "code"),
        ("data/songs.bin", Risk.OTHER, "neither code nor documentation by its name"),
        ("tests/test_player.py", Risk.TESTS, "test"),
        ("docs/guide.md", Risk.DOCS, "documentation or picture"),
    ],
)
def test_a_file_is_named_by_what_it_does(path: str, risk: Risk, why: str) -> None:
    [found] = files_by_risk([changed(path)])
    assert (found.risk, found.why) == (risk, why)


def test_what_is_gone_comes_before_what_is_new() -> None:
    found = files_by_risk(
        [
            changed("src/new.py", 300, status="A"),
            changed("src/old.py", 0, 5, status="D"),
            changed("tests/test_old.py", 0, 4, status="D"),
            changed("tests/test_kept.py", 1, 3),
            changed("Makefile", 0, 3, status="D"),
            changed("docs/old.md", 0, 9, status="D"),
        ]
    )
    assert [(one.path, one.why) for one in found] == [
        ("Makefile", "deleted: it decides what is verified"),
        ("src/old.py", "deleted code"),
        ("tests/test_kept.py", "a test that lost 2 lines"),
        ("tests/test_old.py", "deleted test"),
        ("src/new.py", "new code"),
        ("docs/old.md", "documentation, deleted"),
    ]


def test_within_a_risk_the_largest_comes_first() -> None:
    found = files_by_risk([changed("a.py", 1), changed("c.py", 2, 40), changed("b.py", 7), changed("a/b.py", 7)])
    assert [one.path for one in found] == ["c.py", "a/b.py", "b.py", "a.py"]
    assert (found[0].insertions, found[0].deletions) == (2, 40)


def test_what_a_name_does_not_tell_is_said() -> None:
    link, program, odd = files_by_risk(
        [
            changed("a.py", 3, status="A", old_mode="000000", new_mode="120000"),
            changed("b.py", 2, new_mode="100755"),
            changed("c\udcff\n.py", 1),
        ]
    )
    assert (link.why, program.why) == ("new code; a link", "code; executable")
    assert odd.path == "c\\xff\\n.py"
