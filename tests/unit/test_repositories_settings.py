"""[repositories] in honk.toml: what is wrong is named with its line, and what changes counts at once."""

from pathlib import Path

import pytest

from honk.domain.repository import Named
from honk.errors import SettingsWrong
from honk.settings.live import Live

GOOD = """
[repositories]
web = "https://github.com/acme/web"

[repositories.player]
address = "git@github.com:acme/player.git"
aliases = ["ios app"]
description = "The app for phones"
"""
WEB = Named(name="web", address="https://github.com/acme/web")
PLAYER = Named(
    name="player", address="git@github.com:acme/player.git", aliases=("ios app",), description="The app for phones"
)


def _file(tmp_path: Path, text: str = GOOD) -> Path:
    path = tmp_path / "honk.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('"https://github.com/acme/web"', '"acme/web"', 3, "not an address"),
        ('"https://github.com/acme/web"', '"https://me:pw@github.com/acme/web"', 3, "no user and no password"),
        ("github.com/acme/web", "github.com/acme/player", 6, "github.com/acme/player is web already"),
        ('["ios app"]', '["Web"]', 7, "'Web' is a name of web already"),
        ('["ios app"]', '[" "]', 7, "a name has at least one letter"),
        ("description", "desc", 8, "Extra inputs"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(SettingsWrong) as caught:
        Live(_file(tmp_path, GOOD.replace(old, new, 1)))
    assert words in str(caught.value) and f"line {line}:" in str(caught.value)
    assert "me:pw" not in str(caught.value)


def test_a_new_repository_needs_no_restart_and_a_wrong_file_keeps_the_last_ones(tmp_path: Path) -> None:
    live = Live(_file(tmp_path))
    assert live.repositories() == (WEB, PLAYER)
    _file(tmp_path, '[repositories]\nweb = "https://github.com/acme/web"\n')
    assert live.repositories() == (WEB,)
    _file(tmp_path, "[repositories\n")
    assert live.repositories() == (WEB,)
