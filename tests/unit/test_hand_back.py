"""Rules of the hand-back that have many cases."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.adapters.git.repositories import parse_changes
from honk.adapters.git.tree_rules import bundle_objection, is_dot_git, is_gitmodules, link_objection, objection, shown
from honk.domain.repository import FileChange

BASE = "1" * 40
TAKEN = "2" * 40


def added(path: str, mode: str = "100644") -> FileChange:
    return FileChange(path=path, status="A", old_mode="000000", new_mode=mode, insertions=1, deletions=0, binary=False)


@pytest.mark.parametrize(
    "name",
    [
        *(".git", ".GIT", ".Git", ".git.", ".git ", ".git. .", ".git::$INDEX_ALLOCATION", ".git:x"),
        *("git~1", "GIT~1", ".g\u200cit", "\u200e.git", ".gi\ufefft"),
    ],
)
def test_names_that_some_file_system_takes_for_git(name: str) -> None:
    assert is_dot_git(name)
    for path in (name, f"a/{name}/config", f"a\\{name}\\config"):
        assert objection(added(path))


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes", ".github", "git", "git~2", ".git-blame", "x.git"])
def test_names_that_only_look_like_git(name: str) -> None:
    assert not is_dot_git(name)
    assert objection(added(f"a/{name}")) == ""


@pytest.mark.parametrize(
    "path", [".gitmodules", ".GITMODULES", "gitmod~1", "GI7EBA~1", ".gitm\u200codules", ".gitmodules "]
)
def test_gitmodules_in_every_spelling(path: str) -> None:
    assert is_gitmodules(path) and "submodules" in objection(added(path))
    assert not is_gitmodules(f"docs/{path}")


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", "./a", "a/.", "..", "a/../b", "x" * 256, "a/" * 3000 + "b"])
def test_paths_that_are_none(path: str) -> None:
    assert objection(added(path))


@pytest.mark.parametrize(
    "path", ["a", "a b", "new\nline", "...", "..a", "ü", os.fsdecode(b"\xff\xfe"), "-x", ":(top)", "\x1b[2J"]
)
def test_odd_paths_that_are_fine(path: str) -> None:
    assert objection(added(path)) == ""


@pytest.mark.parametrize(
    ("path", "target"),
    [
        *(("l", "/etc"), ("l", ".."), ("l", "../x"), ("d/l", "../.."), ("d/l", "../../x"), ("l", "")),
        *(("l", "a/../.."), ("l", "a/../b"), ("l", ".git"), ("d/l", "../.git/config"), ("l", ".GIT/x"), ("l", "a\0b")),
    ],
)
def test_links_that_lead_out(path: str, target: str) -> None:
    assert link_objection(path, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [("l", "a"), ("l", "./a/b"), ("d/l", "../a"), ("a/b/l", "../../c/d"), ("d/l", ".."), ("l", "nowhere")],
)
def test_links_that_stay_inside(path: str, target: str) -> None:
    assert link_objection(path, target) == ""


@given(
    folders=st.lists(st.sampled_from(["a", "b", "c"]), max_size=4),
    target=st.lists(st.sampled_from(["..", ".", "a", "b", ""]), min_size=1, max_size=8).map("/".join),
)
def test_an_accepted_link_never_resolves_outside(folders: list[str], target: str) -> None:
    path = "/".join([*folders, "link"])
    if link_objection(path, target) == "":
        resolved = os.path.normpath("/".join(["/root", *folders, target]))
        assert resolved == "/root" or resolved.startswith("/root/")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("000000", "160000", "repository of its own"),
        ("100644", "160000", "repository of its own"),
        ("160000", "000000", "removed"),
        ("160000", "160000", "changed"),
        ("160000", "100644", "changed"),
        ("100644", "100666", "mode"),
        ("000000", "040000", "mode"),
    ],
)
def test_modes(old: str, new: str, words: str) -> None:
    status = "D" if new == "000000" else "M"
    change = FileChange(path="x", status=status, old_mode=old, new_mode=new, insertions=0, deletions=0, binary=False)
    assert words in objection(change)


HEADER = f"# v2 git bundle\n-{BASE} subject\n{TAKEN} refs/honk/take\n\n".encode()


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"PACK",
        b"# v4 git bundle\n\n",
        HEADER.replace(b"\n\n", b"\n"),
        HEADER.replace(b"\n\n", f"\n{TAKEN} refs/heads/main\n\n".encode()),
        HEADER.replace(b"-1", b"-3"),
        HEADER.replace(b"v2", b"v3").replace(b"bundle\n", b"bundle\n@filter=blob:none\n"),
    ],
)
def test_bundles_with_another_header(head: bytes) -> None:
    assert bundle_objection(head, "refs/honk/take", BASE)


def test_the_bundle_that_was_asked_for() -> None:
    assert bundle_objection(HEADER + b"PACK\0\n\n", "refs/honk/take", BASE) == ""
    v3 = HEADER.replace(b"v2", b"v3").replace(b"bundle\n", b"bundle\n@object-format=sha1\n")
    assert bundle_objection(v3, "refs/honk/take", BASE) == ""


def test_what_is_shown_of_a_path_cannot_play_with_a_terminal() -> None:
    assert shown("a\x1b[2J\nb\u202e") == "'a\\x1b[2J\\nb\\u202e'"
    assert shown(os.fsdecode(b"\xff")) == "'\\udcff'"
    assert len(shown("x" * 5000)) < 300


def test_changes_are_read_from_gits_output() -> None:
    text = (
        ":100644 100755 a b M\0new\nline\0:100644 000000 a b D\0gone\0:000000 160000 a b A\0sub\0"
        "1\t2\tnew\nline\0-\t-\tgone\0"
    )
    assert [(change.path, change.status, change.insertions, change.binary) for change in parse_changes(text)] == [
        ("new\nline", "M", 1, False),
        ("gone", "D", 0, True),
        ("sub", "A", 0, False),
    ]
    assert parse_changes("") == ()
