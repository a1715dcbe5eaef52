"""Settings that come from outside of honk.toml's tables: secrets in files, and the public address."""

from pathlib import Path

import pytest

from honk.errors import HonkError, SettingsWrong, Usage
from honk.settings import Settings
from honk.settings.public_url import origin_of
from honk.settings.secrets import SECRETS, with_files


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_comes_from_its_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("  s3cret\n")
    assert with_files({f"{name}_FILE": str(tmp_path / "secret"), "PATH": "/bin"}) == {name: "s3cret", "PATH": "/bin"}


def test_the_key_of_the_model_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-ant-from-a-file\n")
    settings = Settings.load({"HONK_HOME": str(tmp_path), "ANTHROPIC_API_KEY_FILE": str(tmp_path / "key")})
    assert settings.api_key.reveal() == "sk-ant-from-a-file"
    assert "from-a-file" not in repr(settings)


def test_a_secret_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="both set"):
        with_files({"ANTHROPIC_API_KEY": "one", "ANTHROPIC_API_KEY_FILE": str(tmp_path)})


@pytest.mark.parametrize(
    ("content", "says"),
    [(b" \n", "empty"), (b"\xff\xfe", "no UTF-8"), (b"x" * 70_000, "too large"), (None, "No such file")],
)
def test_a_file_that_holds_no_secret_is_named_and_not_shown(content: bytes | None, says: str, tmp_path: Path) -> None:
    place = tmp_path / "secret"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(SettingsWrong, match=says) as raised:
        with_files({"HONK_TOKEN_FILE": str(place)})
    assert "HONK_TOKEN_FILE" in raised.value.message and str(place) in raised.value.message
    assert "xxx" not in str(raised.value)


def test_an_empty_name_of_a_file_is_as_if_it_were_unset() -> None:
    assert with_files({"HONK_TOKEN_FILE": ""}) == {}


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("", ""),
        ("https://honk.example.com", "https://honk.example.com"),
        ("https://Honk.Example.com/", "https://honk.example.com"),
        ("https://honk.example.com:443", "https://honk.example.com"),
        ("http://192.168.1.7:8000", "http://192.168.1.7:8000"),
        ("http://[fd00::7]:8000/", "http://[fd00::7]:8000"),
    ],
)
def test_a_public_address_is_an_origin(address: str, origin: str) -> None:
    assert origin_of(address) == origin


@pytest.mark.parametrize(
    "address",
    [
        *("honk.example.com", "ftp://honk.example.com", "https://", "https://:443", "https://honk.example.com/honk"),
        *("https://ada:pw@honk.example.com", "https://honk.example.com?a=1", "https://honk.example.com#a"),
        *("https://honk.example.com:port", "https://honk.example.com:99999", "https://bad host", "https://a\nb"),
        *(
            "javascript:alert(1)",
            "//honk.example.com",
            "https://honk.example.com?",
            "https://-x-",
            "https://münchen.de",
        ),
    ],
)
def test_anything_else_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"must|has no|is no"):
        origin_of(address)


def test_honk_toml_says_the_line_of_a_wrong_public_address(tmp_path: Path) -> None:
    (tmp_path / "honk.toml").write_text('# first line\npublic_url = "https://honk.example.com/below"\n')
    with pytest.raises(HonkError, match=r"honk.toml, line 2: public_url: .*no path"):
        Settings.load({"HONK_HOME": str(tmp_path)})
    (tmp_path / "honk.toml").write_text('public_url = "https://honk.example.com/"\n')
    assert Settings.load({"HONK_HOME": str(tmp_path)}).file.public_url == "https://honk.example.com"
