"""[github] of honk.toml, and what lets Honk into GitHub."""

import json
from pathlib import Path

import pytest

from honk.errors import SettingsWrong, Usage
from honk.settings import Settings
from honk.settings.github import GithubSettings, place_of_app
from honk.wiring.github_checks import poll_seconds
from honk.wiring.watching import secrets_of

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEs3cret\nAAAA\n-----END RSA PRIVATE KEY-----\n"
APP = {
    "GITHUB_APP_ID": "12345",
    "GITHUB_APP_PRIVATE_KEY": KEY,
    "GITHUB_APP_CLIENT_ID": "Iv23abcdefghijklmnop",
    "GITHUB_APP_CLIENT_SECRET": "0123456789abcdef0123456789abcdef01234567",
    "GITHUB_WEBHOOK_SECRET": "webhook-s3cret",
}


def _load(tmp_path: Path, environ: dict[str, str], file: str = "", before: str = "") -> Settings:
    (tmp_path / "honk.toml").write_text(f"{before}\n[github]\n{file}\n")
    return Settings.load({"HONK_HOME": str(tmp_path), "HOME": "/home/ada", "PATH": "/bin", **environ})


def _kept(tmp_path: Path, mode: int = 0o600) -> dict[str, str]:
    app = {
        "id": "777",
        "pem": KEY,
        "slug": "honk-acme",
        "client_id": "Iv1.x",
        "client_secret": "cs",
        "webhook_secret": "ws",
    }
    path = place_of_app(tmp_path)
    path.parent.mkdir(mode=0o700)
    path.write_text(json.dumps(app))
    path.chmod(mode)
    return app


def test_nothing_set_is_no_github(tmp_path: Path) -> None:
    settings = _load(tmp_path, {})
    assert not settings.has_github
    assert settings.github.missing == ("GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY")


@pytest.mark.parametrize("left_out", ["GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY"])
def test_half_an_app_says_what_is_missing(tmp_path: Path, left_out: str) -> None:
    settings = _load(tmp_path, {name: value for name, value in APP.items() if name != left_out})
    assert not settings.has_github and settings.github.missing == (left_out,)


def test_an_app_opens_and_links_people(tmp_path: Path) -> None:
    access = _load(tmp_path, APP).github
    assert access.has_app and access.links and access.missing == ()
    without = _load(tmp_path, {name: value for name, value in APP.items() if "CLIENT" not in name}).github
    assert without.has_app and not without.links


def test_a_persons_token_opens_alone(tmp_path: Path) -> None:
    settings = _load(tmp_path, {"HONK_GITHUB_TOKEN": "ghp_" + "a" * 36})
    assert settings.has_github and not settings.github.has_app and not settings.github.links
    assert settings.github.missing == ()


def test_switched_off_is_off_whatever_is_set(tmp_path: Path) -> None:
    settings = _load(tmp_path, {**APP, "HONK_GITHUB_TOKEN": "nonsense"}, "enabled = false")
    assert not settings.has_github and not settings.github.opens


def test_secrets_come_from_files_and_appear_nowhere(tmp_path: Path) -> None:
    for name, value in APP.items():
        (tmp_path / name).write_text(f"{value}\n")
    settings = _load(tmp_path, {f"{name}_FILE": str(tmp_path / name) for name in APP})
    known = {one.reveal() for one in secrets_of(settings)}
    assert {KEY, APP["GITHUB_APP_CLIENT_SECRET"], APP["GITHUB_WEBHOOK_SECRET"]} <= known
    for value in ("s3cret", APP["GITHUB_APP_CLIENT_SECRET"]):
        assert value not in repr(settings)
    for environment in (settings.remote_environment, settings.registry_environment):
        assert not {name for name in environment if "GITHUB" in name}
    with pytest.raises(Usage, match="both set"):
        _load(tmp_path, {**APP, "GITHUB_APP_ID_FILE": str(tmp_path / "GITHUB_APP_ID")})


def test_a_key_may_have_its_line_breaks_written_out(tmp_path: Path) -> None:
    one_line = KEY.replace("\n", "\\n")
    assert _load(tmp_path, {**APP, "GITHUB_APP_PRIVATE_KEY": one_line}).github.private_key.reveal() == KEY


# ── what `honk github setup` kept ──────────────────────────────────────────────────────────────
def test_what_setup_kept_is_read_where_the_environment_says_nothing(tmp_path: Path) -> None:
    _kept(tmp_path)
    access = _load(tmp_path, {}).github
    assert (access.app_id, access.slug, access.client_id) == ("777", "honk-acme", "Iv1.x")
    assert access.webhook_secret.reveal() == "ws" and access.links
    assert _load(tmp_path, {"GITHUB_WEBHOOK_SECRET": "other"}).github.webhook_secret.reveal() == "other"


def test_an_app_of_the_environment_is_not_mixed_with_the_kept_one(tmp_path: Path) -> None:
    _kept(tmp_path)
    access = _load(tmp_path, {"GITHUB_APP_ID": "1", "GITHUB_APP_PRIVATE_KEY": KEY}).github
    assert (access.app_id, access.client_id, access.webhook_secret.reveal(), access.slug) == ("1", "", "", "")
    assert not _load(tmp_path, {"HONK_GITHUB_TOKEN": "ghp_" + "a" * 36}).github.has_app


def test_a_kept_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    _kept(tmp_path, mode=0o644)
    with pytest.raises(SettingsWrong, match="can be read by others") as caught:
        _load(tmp_path, {})
    assert caught.value.remedy.startswith("chmod 600")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": 5}'])
def test_a_damaged_file_says_so(tmp_path: Path, content: str) -> None:
    _kept(tmp_path)
    place_of_app(tmp_path).write_text(content)
    with pytest.raises(SettingsWrong, match="is damaged"):
        _load(tmp_path, {})


# ── what is in the wrong place ─────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GITHUB_APP_ID", "Iv23abcdefghijklmnop", "is the client ID"),
        ("GITHUB_APP_ID", "ghp_s3cret", "a personal access token (classic)"),
        ("GITHUB_APP_ID", "s3cret", "is no number"),
        ("GITHUB_APP_CLIENT_ID", "12345", "is a number"),
        ("GITHUB_APP_PRIVATE_KEY", "ghs_s3cret", "an installation's token"),
        ("GITHUB_APP_PRIVATE_KEY", "s3cret", "no whole private key"),
        ("GITHUB_APP_PRIVATE_KEY", KEY[:50], "it is cut off"),
        ("GITHUB_APP_PRIVATE_KEY", KEY.replace("RSA PRIVATE", "PUBLIC"), "it is “public key”"),
        ("GITHUB_APP_PRIVATE_KEY", KEY.replace("RSA PRIVATE KEY", "CERTIFICATE"), "it is “certificate”"),
        ("GITHUB_APP_CLIENT_SECRET", "github_pat_s3cret", "a fine-grained personal access token"),
        ("GITHUB_WEBHOOK_SECRET", KEY, "a key file"),
        ("HONK_GITHUB_TOKEN", "ghs_s3cret", "which ends within an hour"),
        ("HONK_GITHUB_TOKEN", "ghr_s3cret", "a token to renew others with"),
        ("HONK_GITHUB_TOKEN", "s3cret", "HONK_GITHUB_TOKEN is none that lasts"),
    ],
)
def test_what_is_in_the_wrong_place_is_told_and_not_shown(tmp_path: Path, name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsWrong) as caught:
        _load(tmp_path, {**APP, name: value})
    assert name in caught.value.message and words in caught.value.message
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("token", ["ghp_" + "a" * 36, "github_pat_x", "gho_x", "0123456789abcdef" * 2 + "01234567"])
def test_tokens_that_last(tmp_path: Path, token: str) -> None:
    assert _load(tmp_path, {"HONK_GITHUB_TOKEN": token}).github.token.reveal() == token


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('web_url = "http://github.example.com"', "readable on the way"),
        ('web_url = "https://ada:s3cret@github.com"', "must be the https:// address"),
        ('web_url = "https://github.example.com/acme"', "without a path"),
        ('web_url = ""', "without a path"),
        ('api_url = "github.example.com"', "must be the https:// address"),
        ('name = "two words"', "must be a word"),
        ('name = "@honk"', "must be a word"),
        ('label = "a,b"', "must be the name of a label"),
        ('ask_public = "everybody"', "Input should be"),
        ("poll_seconds = -1", "greater than or equal"),
        ("bot_turns = 100", "less than or equal"),
        ('token = "ghp_1"', "Extra inputs"),
    ],
)
def test_a_wrong_key_is_named_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(SettingsWrong) as caught:
        _load(tmp_path, {}, line)
    assert "line 3: github." in caught.value.message and words in caught.value.message
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    ("given", "api", "host"),
    [
        ({}, "https://api.github.com", "github.com"),
        ({"web_url": "https://github.acme.example/"}, "https://github.acme.example/api/v3", "github.acme.example"),
        ({"web_url": "https://acme.ghe.com"}, "https://api.acme.ghe.com", "acme.ghe.com"),
        ({"web_url": "http://127.0.0.1:8912"}, "http://127.0.0.1:8912/api/v3", "127.0.0.1:8912"),
        ({"web_url": "http://localhost:80", "api_url": "http://[::1]:8912/"}, "http://[::1]:8912", "localhost"),
    ],
)
def test_the_api_belongs_to_the_pages(given: dict[str, str], api: str, host: str) -> None:
    made = GithubSettings(**given)  # type: ignore[arg-type]
    assert (made.api, made.host) == (api, host)


@pytest.mark.parametrize(
    ("file", "public_url", "secret", "seconds"),
    [
        ("", "", "s", 60.0),
        ("", "https://honk.example.com", "s", 0.0),
        ("", "http://honk.example.com", "s", 60.0),
        ("", "https://honk.example.com", "", 60.0),
        ("poll_seconds = 300", "https://honk.example.com", "s", 300.0),
        ("poll_seconds = 0", "", "s", 0.0),
    ],
)
def test_honk_looks_itself_where_github_cannot_call(
    tmp_path: Path, file: str, public_url: str, secret: str, seconds: float
) -> None:
    environ = {**APP, "GITHUB_WEBHOOK_SECRET": secret}
    settings = _load(tmp_path, environ, file, before=f'public_url = "{public_url}"')
    assert poll_seconds(settings) == seconds
