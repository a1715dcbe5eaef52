"""What changed, what to try, and what an app calls itself: words of agents and repositories, read leniently."""

import pytest

from honk.domain.app_name import called
from honk.views import what_changed, what_to_try

COMMIT = "abcdef0123456789"


@pytest.mark.parametrize(
    ("summary", "expected"),
    [
        ("Corrected it.\nTo try: open an empty playlist.", "open an empty playlist."),
        ("Corrected it.\n\n**To try:** open an\tempty playlist.", "open an empty playlist."),
        ("- **What to try**: press play", "press play"),
        ("To try: the first\nTo try: the last", "the last"),
        ("To try:\n", ""),
        ("I had to try: it was hard.", ""),
        ("Corrected it.", ""),
        ("", ""),
    ],
)
def test_what_to_try_is_the_line_that_says_so(summary: str, expected: str) -> None:
    assert what_to_try(summary) == expected


def test_what_to_try_is_short() -> None:
    assert len(what_to_try("To try: " + "x" * 5000)) == 300


def test_what_changed_is_the_beginning_and_the_size() -> None:
    said = what_changed("\n## Corrected the crash.\nIt was a division.\nTo try: open it", 1, 3, 2)
    assert said == ("Corrected the crash.", "1 file, +3 −2")


def test_what_changed_without_words_is_the_size() -> None:
    assert what_changed("To try: open it", 2, 3, 0) == ("", "2 files, +3 −0")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"manifest.webmanifest": b'{"name": "Overtone player", "short_name": "Overtone"}'}, "Overtone"),
        ({"manifest.json": b'{"name": "Overtone"}', "index.html": b"<title>Other</title>"}, "Overtone"),
        ({"index.html": b"<html><TITLE lang=en>\n Songs &amp; more </TITLE>"}, "Songs & more"),
        ({"index.html": b"<title> </title>", "package.json": b'{"name": "songs"}'}, "songs"),
        ({"pyproject.toml": b'[project]\nname = "songs"'}, "songs"),
        ({"manifest.json": b"{", "index.html": b"\xff<title>\xffx</title>"}, "\ufffdx"),
        ({"manifest.json": b'{"name": ["no", "words"]}'}, ""),
        ({"manifest.json": b"[" * 65536}, ""),
        ({"manifest.json": b'{"name": "a\\u0000b\\u202ec\\ud800"}'}, "a\ufffdb\ufffdc\ufffd"),
        ({"index.html": b"<title>" + b"x" * 400 + b"</title>"}, "x" * 59 + "…"),
        ({}, ""),
    ],
)
def test_an_app_is_called_what_its_files_say(files: dict[str, bytes], expected: str) -> None:
    assert called(files, COMMIT)[0] == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"package.json": b'{"version": "1.4.0"}'}, "1.4.0+abcdef0"),
        ({"pyproject.toml": b'[project]\nversion = "2.0"'}, "2.0+abcdef0"),
        ({"package.json": b'{"version": "<!channel>"}'}, "abcdef0"),
        ({"package.json": b'{"version": 4}'}, "abcdef0"),
        ({}, "abcdef0"),
    ],
)
def test_a_version_has_the_commit_so_that_two_builds_differ(files: dict[str, bytes], expected: str) -> None:
    assert called(files, COMMIT)[1] == expected
