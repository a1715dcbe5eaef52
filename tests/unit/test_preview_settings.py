"""How previews are set up: in a repository's `.honk.toml`, and in honk.toml."""

from pathlib import Path

import pytest

from honk.adapters.pages import Addresses
from honk.domain.app_server import AppServer
from honk.domain.build import Build
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import RepositoryConfig, parse
from honk.domain.task import TaskId
from honk.errors import HonkError, SettingsWrong
from honk.settings import Settings


def test_a_server_has_a_port_or_a_socket_and_needs_no_build() -> None:
    found = parse(b'[preview]\ncommand = "npm start"\nready = "/healthz?x=1"\n')
    assert found.preview is not None and (found.preview.port, found.preview.socket) == (8000, False)
    assert found.build is None and found.built is not None and found.built.kind == "web"
    assert RepositoryConfig().built is None
    own = parse(b'[build]\ncommand = "make"\noutput = "dist"\n[preview]\ncommand = "serve"\nsocket = true\n')
    assert own.built is own.build
    assert parse(b'[preview]\npath = "x"\n').built is None


@pytest.mark.parametrize(
    "text",
    [
        'command = "x"\nport = 80',
        'command = "x"\nport = 65536',
        'command = "x"\nport = 3128',
        'command = ""',
        'command = "x"\nready = "healthz"',
        'command = "x"\nready = "/a b"',
        'command = "x"\nready = "/\\r\\nX: y"',
        'command = "x"\ntimeout = 0',
        'command = "x"\ntimeout = 1e9',
        'comand = "x"',
    ],
    ids=lambda text: text.replace("\n", ", ")[:40],
)
def test_what_no_server_can_be_run_by_is_refused(text: str) -> None:
    with pytest.raises(SettingsWrong, match=r"\.honk\.toml, line \d"):
        parse(f"[preview]\n{text}\n".encode())


def _load(folder: Path, text: str) -> Settings:
    (folder / "honk.toml").write_text(text)
    return Settings.load({"HONK_HOME": str(folder)})


@pytest.mark.parametrize(
    ("public", "url", "kept"),
    [
        ("https://honk.example.com", "https://*.previews.example.net/", "https://*.previews.example.net"),
        ("https://honk.example.com", "https://*.PREVIEWS.example.com:443", "https://*.previews.example.com"),
        ("", "http://*.localhost:8080", "http://*.localhost:8080"),
    ],
)
def test_previews_have_hosts_below_one_name(public: str, url: str, kept: str, tmp_path: Path) -> None:
    settings = _load(tmp_path, f'public_url = "{public}"\n[previews]\nurl = "{url}"\n')
    assert settings.file.previews.url == kept


@pytest.mark.parametrize(
    ("public", "url"),
    [
        ("https://honk.example.com", "https://previews.example.net"),
        ("https://honk.example.com", "https://*.example.com"),
        ("https://honk.example.com", "https://*.honk.example.com"),
        ("http://honk.local:8000", "http://*.honk.local:8080"),
        ("https://example.com", "https://*.com"),
        ("https://honk.example.com", "https://*.previews.example.net/below"),
        ("https://honk.example.com", "ftp://*.previews.example.net"),
        ("https://honk.example.com", "*.previews.example.net"),
        ("https://honk.example.com", "https://*.*.example.net"),
    ],
)
def test_a_host_that_could_be_honks_own_is_refused(public: str, url: str, tmp_path: Path) -> None:
    with pytest.raises(HonkError, match=r"line 3: previews\.url"):
        _load(tmp_path, f'public_url = "{public}"\n[previews]\nurl = "{url}"\n')


async def _shown(addresses: Addresses, build: Build) -> str:
    return str(await addresses.show(build))


@pytest.mark.anyio
async def test_addresses_are_below_a_path_or_hosts_of_their_own(tmp_path: Path) -> None:
    files = Build(
        id="b1", task=TaskId("t1"), commit=Sha("a" * 40), kind="web", digest="c" * 64, size=1, first_page="/x"
    )
    server = AppServer(command="serve", port=8000, base=Base(branch="main", commit=Sha("b" * 40)))
    by_server = Build(
        id="b2", task=TaskId("t1"), commit=files.commit, kind="web", digest="c" * 64, size=1, server=server
    )
    shared = Addresses(tmp_path, "https://honk.example.com")
    own = Addresses(tmp_path, "https://honk.example.com", "https://*.previews.example.net")
    assert await shared.show(files) is None and shared.frame(files) is None
    with shared.announced("http://127.0.0.1:1"):
        token = (await _shown(shared, files)).split("/")[4]
        assert await shared.show(files) == f"https://honk.example.com/preview/{token}/x"
        assert await own.show(files) == f"https://preview-{token}.previews.example.net/x"
        assert (await _shown(own, by_server)).startswith("https://app-")
        assert (await _shown(shared, by_server)).split("/")[3] == "app"
        assert str(own.frame(by_server)).startswith("https://frame-") and own.frame(files) != own.frame(by_server)
        assert own.resolve("app", (await _shown(shared, by_server)).split("/")[4]) == "b2"
        assert own.resolve("preview", (await _shown(shared, by_server)).split("/")[4]) is None
