"""[slack] of honk.toml, and the tokens that open Slack."""

from datetime import time
from pathlib import Path

import pytest

from honk.errors import SettingsWrong
from honk.settings import Settings
from honk.settings.slack import SlackSettings
from honk.wiring.watching import secrets_of

BOT, APP, SIGNING = "xoxb-1-bot", "xapp-1-app", "0123456789abcdef0123456789abcdef"
ALL = {"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP, "SLACK_SIGNING_SECRET": SIGNING}


def _load(tmp_path: Path, environ: dict[str, str], file: str = "") -> Settings:
    (tmp_path / "honk.toml").write_text(f"[slack]\n{file}\n")
    return Settings.load({"HONK_HOME": str(tmp_path), "HOME": "/home/ada", "PATH": "/bin", **environ})


@pytest.mark.parametrize(
    ("given", "file", "missing"),
    [
        ({}, "", ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")),
        ({"SLACK_BOT_TOKEN": BOT}, "", ("SLACK_APP_TOKEN",)),
        ({"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP}, "", ()),
        ({"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP}, 'mode = "http"', ("SLACK_SIGNING_SECRET",)),
        ({"SLACK_BOT_TOKEN": BOT, "SLACK_SIGNING_SECRET": SIGNING}, 'mode = "http"', ()),
        (ALL, "enabled = false", ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN")),
    ],
)
def test_what_a_mode_needs(tmp_path: Path, given: dict[str, str], file: str, missing: tuple[str, ...]) -> None:
    settings = _load(tmp_path, given, file)
    assert settings.slack_missing == missing
    assert settings.has_slack == (not missing)


def test_tokens_come_from_files_and_appear_nowhere(tmp_path: Path) -> None:
    for name, value in ALL.items():
        (tmp_path / name).write_text(f"{value}\n")
    settings = _load(tmp_path, {f"{name}_FILE": str(tmp_path / name) for name in ALL})
    assert {one.reveal() for one in secrets_of(settings)} >= set(ALL.values())
    assert not any(value in repr(settings) for value in ALL.values())


def test_no_child_inherits_a_token(tmp_path: Path) -> None:
    settings = _load(tmp_path, ALL)
    for environment in (settings.remote_environment, settings.registry_environment):
        assert environment and not {name for name in environment if "SLACK" in name}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SLACK_BOT_TOKEN", "xapp-1-s3cret", "SLACK_BOT_TOKEN begins with xapp-: that is the app-level token"),
        ("SLACK_BOT_TOKEN", "xoxp-1-s3cret", "begins with xoxp-: that is the token of a user"),
        ("SLACK_BOT_TOKEN", "xoxe.xoxb-1-s3cret", "switch token rotation off"),
        ("SLACK_BOT_TOKEN", "s3cret", "SLACK_BOT_TOKEN does not begin with xoxb-"),
        ("SLACK_APP_TOKEN", "xoxb-1-s3cret", "SLACK_APP_TOKEN begins with xoxb-: that is the bot token"),
        ("SLACK_SIGNING_SECRET", "xapp-1-s3cret", "that is the app-level token"),
    ],
)
def test_a_token_in_the_wrong_place_is_told_in_words(tmp_path: Path, name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsWrong) as caught:
        _load(tmp_path, {**ALL, name: value})
    assert words in caught.value.message and "s3cret" not in str(caught.value)
    assert not _load(tmp_path, {**ALL, name: value}, "enabled = false").has_slack


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('mode = "rtm"', "'socket' or 'http'"),
        ('reaction = ":honk:"', "without colons"),
        ('reaction = "two words"', "without colons"),
        ('reaction = "Honk"', "small letters"),
        ('quiet_hours = "20:00"', "two times of a day"),
        ('quiet_hours = "24:00-08:00"', "two times of a day"),
        ('quiet_hours = "20:00-08:60"', "two times of a day"),
        ('quiet_hours = "08:00-08:00"', "two times of a day"),
        ('api_url = "http://slack.com/api/"', "readable on the way"),
        ('api_url = "slack.com/api/"', "must be the https:// address"),
        ('api_url = "https://ada:pw@slack.com/api/"', "must be the https:// address"),
        ('token = "xoxb-1"', "Extra inputs"),
    ],
)
def test_a_wrong_key_is_named_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(SettingsWrong) as caught:
        _load(tmp_path, {}, line)
    assert "line 2: slack." in caught.value.message and words in caught.value.message


@pytest.mark.parametrize("name", ["", "honk", "+1", "man-shrugging", "e-mail", "don't", "ガチョウ"])
def test_an_emoji_has_many_names(name: str) -> None:
    assert SlackSettings(reaction=name).reaction == name


def test_quiet_hours_are_times_of_a_day() -> None:
    assert SlackSettings(quiet_hours="20:00-08:30").quiet == (time(20), time(8, 30))
    assert SlackSettings().quiet is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://slack-gov.com/api", "https://slack-gov.com/api/"),
        ("http://127.0.0.1:8912/api/", "http://127.0.0.1:8912/api/"),
        ("http://[::1]:8912/api/", "http://[::1]:8912/api/"),
        ("http://localhost:8912/api/", "http://localhost:8912/api/"),
    ],
)
def test_an_api_address_ends_with_a_slash(given: str, kept: str) -> None:
    assert SlackSettings(api_url=given).api_url == kept
