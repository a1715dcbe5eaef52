"""Channels as honk.toml has them: whose builds they take, where their secret is, and what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from honk.domain.build import Build
from honk.domain.channel import ChannelState, Seen
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.errors import SettingsWrong
from honk.ports import ChannelOptions, NoChannels, Offered
from honk.settings import Settings
from honk.settings.channels import ChannelSettings
from honk.testing.fake_app_store import FakeAppStore
from honk.wiring.channels import ChannelsOfSettings, channels_of, made

WEB = Build(id="b", task=TaskId("t"), commit=Sha("a" * 40), kind="web", digest="d" * 64, size=1)
PLAYER = Repository(url="git@github.com:acme/player.git", name="player", key="k")


class Shelf:
    """What somebody else wrote."""

    def __init__(self, options: ChannelOptions) -> None:
        self.title = options.one("title")
        self.secret = options.secret

    def takes(self, build: Build) -> bool:
        return build.kind == "web"

    async def carry(self, offered: Offered) -> Seen:
        return Seen(state=ChannelState.READY)


def _shelf(**changes: Any) -> ChannelSettings:
    known = {"use": f"{__name__}:Shelf", "repositories": ("github.com/acme/*",), "options": {"title": "Shelf"}}
    return ChannelSettings.model_validate({**known, **changes})


def _loaded(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "honk.toml").write_text(text)
    return Settings.load({"HONK_HOME": str(tmp_path)})


def test_without_any_there_are_none(tmp_path: Path) -> None:
    assert isinstance(channels_of(_loaded(tmp_path, "")), NoChannels)
    assert NoChannels().of(PLAYER, WEB) == () and NoChannels().get("x") is None


def test_a_channel_of_somebody_else_is_made_by_its_name_for_its_repositories() -> None:
    channels = ChannelsOfSettings({"shelf": _shelf()})
    assert channels.of(PLAYER, WEB) == ("shelf",)
    assert channels.of(Repository(url="https://github.com/other/player", name="player", key="k"), WEB) == ()
    found = channels.get("shelf")
    assert found is not None and found.title == "Shelf" and channels.get("shelf") is found
    assert channels.get("unknown") is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"use": "nowhere.at_all:x"}, "cannot be loaded"),
        ({"use": "honk.ports:Nothing"}, "cannot be loaded"),
        ({"options": {}}, "has no title"),
        ({"secret_file": "/nowhere/secret"}, "cannot be read"),
    ],
    ids=["module", "attribute", "option", "secret"],
)
def test_one_that_cannot_be_made_takes_nothing_and_says_why(changes: dict[str, Any], said: str) -> None:
    wrong = _shelf(**changes)
    assert ChannelsOfSettings({"shelf": wrong}).of(PLAYER, WEB) == ()
    with pytest.raises(SettingsWrong, match=said):
        made("shelf", wrong)


def test_a_secret_is_for_nobody_else_and_shown_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "key.p8"
    file.write_text(FakeAppStore().p8)
    options = {"key_id": "K", "apps": "com.example.player"}
    settings = _shelf(use="testflight", secret_file=file, options=options)
    file.chmod(0o644)
    with pytest.raises(SettingsWrong, match="can be read by others"):
        made("flight", settings)
    file.chmod(0o600)
    assert made("flight", settings).title == "TestFlight"
    assert "PRIVATE" not in repr(settings.secret()) + repr(settings)
    for content in (b"", b"\xff\xfe\x00", b"x" * 70_000):
        file.write_bytes(content)
        with pytest.raises(SettingsWrong):
            settings.secret()


@pytest.mark.parametrize(
    "text",
    [
        '[channels.a]\nuse = "testflight"\n',
        '[channels.a]\nuse = "testflight"\nrepositories = []\n',
        '[channels.a]\nuse = "os.system"\nrepositories = ["*"]\n',
        '[channels.a]\nuse = "webhook"\nrepositories = ["*"]\ncolour = "red"\n',
        '[channels."A b"]\nuse = "webhook"\nrepositories = ["*"]\n',
        '[channels.a]\nuse = "webhook"\nrepositories = ["*"]\noptions = { url = 7 }\n',
    ],
    ids=["no repositories", "empty", "no maker", "strange key", "name", "number"],
)
def test_what_is_written_wrong_names_the_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsWrong, match=r"honk\.toml, line \d"):
        _loaded(tmp_path, text)


def test_whole(tmp_path: Path) -> None:
    settings = _loaded(
        tmp_path,
        '[channels.testflight]\nuse = "testflight"\nrepositories = ["github.com/acme/player"]\nsecret_file = "/k"\n'
        '[channels.testflight.options]\nkey_id = "K"\nissuer_id = "I"\napps = "com.acme.player"\n',
    )
    assert settings.file.channels["testflight"].options["apps"] == "com.acme.player"
