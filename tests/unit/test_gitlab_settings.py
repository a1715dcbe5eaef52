"""GitLab's settings and tokens."""

from pathlib import Path

import pytest

from honk.domain.text import Secret
from honk.errors import SettingsWrong, Usage
from honk.settings import Settings


def load(tmp_path: Path, toml: str = "", **environ: str) -> Settings:
    (tmp_path / "honk.toml").write_text(toml)
    return Settings.load({"HONK_HOME": str(tmp_path), "HOME": str(tmp_path), **environ})


def test_nothing_is_needed(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.file.gitlab.url == "https://gitlab.com"
    assert not settings.has_gitlab


def test_the_tokens_come_from_the_environment_or_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("glpat-a\n")
    settings = load(tmp_path, GITLAB_TOKEN_FILE=str(tmp_path / "token"), GITLAB_WEBHOOK_TOKEN=" b ")
    assert settings.has_gitlab
    assert (settings.gitlab.api, settings.gitlab.webhook) == (Secret("glpat-a"), Secret("b"))
    assert "glpat-a" not in repr(settings)
    with pytest.raises(Usage, match="GITLAB_TOKEN"):
        load(tmp_path, GITLAB_TOKEN="x", GITLAB_TOKEN_FILE=str(tmp_path / "token"))


def test_switched_off_it_has_no_tokens(tmp_path: Path) -> None:
    settings = load(tmp_path, "[gitlab]\nenabled = false\n", GITLAB_TOKEN="glpat-a", GITLAB_WEBHOOK_TOKEN="b")
    assert not settings.has_gitlab
    assert not settings.gitlab.api and not settings.gitlab.webhook


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://gitlab.example.com/", "https://gitlab.example.com"),
        ("https://example.com/gitlab", "https://example.com/gitlab"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_an_address(tmp_path: Path, given: str, kept: str) -> None:
    assert load(tmp_path, f'[gitlab]\nurl = "{given}"\n').file.gitlab.url == kept


@pytest.mark.parametrize(
    "given", ["http://gitlab.example.com", "gitlab.example.com", "https://u:p@gitlab.example.com", "https://x/?a=b", ""]
)
def test_an_address_that_is_none(tmp_path: Path, given: str) -> None:
    with pytest.raises(SettingsWrong, match="url"):
        load(tmp_path, f'[gitlab]\nurl = "{given}"\n')


def test_a_token_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong):
        load(tmp_path, '[gitlab]\ntoken = "glpat-a"\n')
