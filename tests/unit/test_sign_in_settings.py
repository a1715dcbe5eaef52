"""[sign_in] of honk.toml, and the secrets of providers."""

from pathlib import Path

import pytest

from honk.domain.claimed import Admits, Claimed
from honk.domain.person import Identity
from honk.errors import SettingsWrong, Usage
from honk.settings import Settings
from honk.wiring.entrance import providers_of
from honk.wiring.shown_settings import shown_settings

TEXT = """
[sign_in.slack]
client_id = "1.2"
organisations = ["T123"]
[sign_in.github]
client_id = "Iv1.x"
[sign_in.company]
issuer = "https://id.example.com/"
client_id = "honk"
title = "the company"
mail_domains = ["Example.com"]
identities = ["mail:Eve@other.example"]
"""


def loaded(home: Path, text: str, **environ: str) -> Settings:
    home.mkdir(exist_ok=True)
    (home / "honk.toml").write_text(text)
    return Settings.load({"HONK_HOME": str(home), **environ})


def test_presets_need_an_id_alone_and_others_say_where_they_are(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-file\n")
    settings = loaded(
        tmp_path / "home",
        TEXT,
        HONK_SIGN_IN_SLACK_SECRET="never-shown",
        HONK_SIGN_IN_COMPANY_SECRET_FILE=str(secret),
    )
    found = providers_of(settings)
    assert [(one.name, one.title) for one in found.values()] == [
        ("slack", "Slack"),
        ("github", "GitHub"),
        ("company", "the company"),
    ]
    assert found["slack"].provider.issuer == "https://slack.com"  # type: ignore[attr-defined]
    assert found["company"].provider.issuer == "https://id.example.com/"  # type: ignore[attr-defined]
    assert settings.sign_in_secrets["company"].reveal() == "from-a-file"
    rows = repr(shown_settings(settings))
    assert "never-shown" not in rows and "from-a-file" not in rows and "HONK_SIGN_IN_GITHUB_SECRET" in rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sign_in.company]\nclient_id = 'x'", "issuer is missing"),
        ("[sign_in.company]\nissuer = 'https://x.example'", "client_id"),
        ("[sign_in.company]\nissuer = 'http://x.example'\nclient_id = 'x'", "must begin with https://"),
        ("[sign_in.company]\nissuer = 'https://u:p@x.example'\nclient_id = 'x'", "must be the provider's https://"),
        ("[sign_in.slack]\nissuer = 'https://x.example'\nclient_id = 'x'", "slack needs no issuer"),
        ("[sign_in.'A b']\nissuer = 'https://x.example'\nclient_id = 'x'", "small letters"),
        ("[sign_in.token]\nissuer = 'https://x.example'\nclient_id = 'x'", "small letters"),
        ("[sign_in.github]\nclient_id = 'x'\nmail_domains = ['@example.com']", "must be the part of an address"),
        ("[sign_in.github]\nclient_id = 'x'\nsecret = 'x'", "secret"),
        ("[sign_in.github]\nclient_id = 'x'\nidentities = ['eve']", "not an identity"),
    ],
    ids=["issuer", "client", "http", "password", "preset", "name", "taken", "domain", "secret", "identity"],
)
def test_what_is_wrong_is_said_with_file_and_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match=said) as raised:
        loaded(tmp_path / "home", text)
    assert "honk.toml, line " in str(raised.value)


def test_a_secret_stands_in_one_place(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="are both set"):
        loaded(tmp_path / "home", TEXT, HONK_SIGN_IN_SLACK_SECRET="x", HONK_SIGN_IN_SLACK_SECRET_FILE="/y")


def claimed(*identities: str, organisations: tuple[str, ...] = ()) -> Claimed:
    found = tuple(map(Identity.parse, identities))
    return Claimed(identities=found, name="Eve", organisations=frozenset(organisations))


def test_by_default_nobody_unknown_comes_in() -> None:
    assert not Admits().who(claimed("mail:eve@example.com", "oidc:company/1", organisations=("",)))
    assert not Admits().who(claimed("oidc:company/1"))


def test_who_comes_in_by_a_rule(tmp_path: Path) -> None:
    admits = loaded(tmp_path / "home", TEXT).file.sign_in["company"].admits()
    assert admits.who(claimed("mail:eve@example.com"))
    assert admits.who(claimed("oidc:company/1", "mail:eve@other.example"))
    for stranger in ("mail:eve@sub.example.com", "mail:eve@evilexample.com", "oidc:example.com/1", "local:example.com"):
        assert not admits.who(claimed(stranger)), stranger
    workspace = loaded(tmp_path / "home", TEXT).file.sign_in["slack"].admits()
    assert workspace.who(claimed("slack:U1", organisations=("T123",)))
    assert not workspace.who(claimed("slack:U1", organisations=("T1234",)))
