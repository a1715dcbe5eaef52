"""Previews and live versions over HTTP: what is served, with which rights, and what never is."""

import io
import os
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from honk.adapters.pages import Addresses
from honk.domain.build import Build
from honk.domain.repository import Sha
from honk.domain.task import TaskId
from honk.doors.web.previews import preview_app

pytestmark = pytest.mark.anyio

PAGE = b"<!doctype html><script type=module src=js/app.js></script>"
FILES = {
    "index.html": PAGE,
    "js/app.js": b"export const name = 'app';",
    "sub/index.html": b"a page in a folder",
    "v1.2/index.html": b"a folder with a dot",
    "manifest.webmanifest": b"{}",
    "song.mp3": bytes(range(200)),
    "two words/gr\u00fc\u00df.txt": b"hello",
    "icon.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
}


async def test_a_file_has_no_page_of_its_own_and_is_shown_on_honks(tmp_path: Path) -> None:
    addresses = Addresses(tmp_path)
    build = Build(id="b1", task=TaskId("t"), commit=Sha("c" * 40), kind="file", digest="d" * 64, size=1)
    with addresses.announced("http://127.0.0.1:8"):
        assert await addresses.show(build) == "http://127.0.0.1:8/builds/b1"
        for one in (replace(build, kind="web"), replace(build, first_page="report.html")):
            assert "/preview/" in str(await addresses.show(one))
    assert await addresses.show(build) is None


class World:
    """A home with two builds and a live version, and its pages."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.addresses = Addresses(home)
        (home / "artifacts").mkdir()
        self.first = self.build("1" * 64, FILES)
        self.other = self.build("2" * 64, {"index.html": b"other", "only-here.txt": b"only in the other"})
        self.release = home / "release"
        for name, content in FILES.items():
            path = self.release / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (home / "secret.txt").write_text("host secret")
        self.live = self.addresses.path("live", "app.production")

    def artifact(self, digest: str) -> Path:
        return self.home / "artifacts" / digest

    def build(self, digest: str, files: dict[str, bytes]) -> str:
        with tarfile.open(self.artifact(digest), "w:") as tar:
            for name, content in files.items():
                entry = tarfile.TarInfo(f"./{name}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            for name, target in (("link.txt", "../secret.txt"), ("hard.txt", "/etc/passwd")):
                entry = tarfile.TarInfo(f"./{name}")
                entry.type = tarfile.SYMTYPE if name == "link.txt" else tarfile.LNKTYPE
                entry.linkname = target
                tar.addfile(entry)
        return self.addresses.path("preview", digest)

    def release_of(self, id: str) -> Path | None:
        return self.release if id == "app.production" else None


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = preview_app(world.addresses, world.artifact, world.release_of)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pages") as client:
        yield client


@pytest.fixture(params=["first", "live"])
def root(world: World, request: pytest.FixtureRequest) -> str:
    """A build, and what is live: both are served by the same rules."""
    return str(getattr(world, request.param))


async def test_the_files_of_a_build_are_served_with_their_types(root: str, client: httpx.AsyncClient) -> None:
    wanted = {
        "": "text/html; charset=utf-8",
        "js/app.js": "text/javascript; charset=utf-8",
        "manifest.webmanifest": "application/manifest+json",
        "song.mp3": "audio/mpeg",
        "sub/": "text/html; charset=utf-8",
        "v1.2/": "text/html; charset=utf-8",
        "two%20words/gr%C3%BC%C3%9F.txt": "text/plain; charset=utf-8",
    }
    got = {path: await client.get(root + path) for path in wanted}
    assert {path: (r.status_code, r.headers["content-type"]) for path, r in got.items()} == {
        path: (200, media_type) for path, media_type in wanted.items()
    }
    assert got[""].content == PAGE


@pytest.mark.parametrize("path", ["", "icon.svg", "js/app.js", "nothing.html", "sub"])
async def test_no_answer_has_rights(root: str, path: str, client: httpx.AsyncClient) -> None:
    """An opaque origin, also for what is missing, redirected, or an image with a script in it."""
    answer = await client.get(root + path)
    policy = answer.headers["content-security-policy"].split()
    assert policy[0] == "sandbox" and "allow-same-origin" not in policy and "allow-top-navigation" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "set-cookie" not in answer.headers


async def test_a_folder_gets_its_slash(root: str, client: httpx.AsyncClient) -> None:
    for path, to in (("sub", "sub/"), ("sub?a=1", "sub/?a=1"), ("v1.2", "v1.2/")):
        answer = await client.get(root + path)
        assert (answer.status_code, answer.headers["location"]) == (307, root + to)
    answer = await client.get(root.rstrip("/"))
    assert (answer.status_code, answer.headers["location"]) == (307, root)


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "js/..%2f..%2fsecret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "link.txt",
        "hard.txt",
        "only-here.txt",
        "index.html%00.txt",
        "js",
        "x" * 5000,
        "a/" * 2000,
        "..",
        "C:%5cboot.ini",
        "%ff%fe",
    ],
)
async def test_nothing_else_is_served(root: str, path: str, world: World, client: httpx.AsyncClient) -> None:
    (world.release / "link.txt").symlink_to("../secret.txt")
    (world.release / "hard.txt").symlink_to("/etc/passwd")
    answer = await client.get(httpx.URL(f"http://pages{root}").copy_with(raw_path=(root + path).encode()))
    assert answer.status_code == 404
    assert "secret" not in answer.text and "root:" not in answer.text


async def test_what_is_no_file_is_not_read(world: World, client: httpx.AsyncClient) -> None:
    """A fifo would block a thread for ever."""
    os.mkfifo(world.release / "pipe")
    assert (await client.get(world.live + "pipe")).status_code == 404


async def test_only_addresses_that_were_given_out_lead_anywhere(world: World, client: httpx.AsyncClient) -> None:
    token = world.first.split("/")[2]
    other = world.other.split("/")[2]
    flipped = token[:-1] + ("a" if token[-1] != "a" else "b")
    wrong = [
        f"/preview/{flipped}/",
        f"/preview/{token.upper()}/",
        f"/preview/{token}{other}/",
        f"/live/{token}/",
        f"/preview/{world.live.split('/')[2]}/",
        "/preview/" + "1" * 64 + "/",
        "/preview/%2e%2e/",
        "/preview/..%2fpages.key/",
        "/preview/%C3%A9" + token[1:] + "/",
        "/preview//index.html",
        "/preview/",
        "/",
        "/pages/",
    ]
    for path in wrong:
        answer = await client.get(path)
        assert answer.status_code == 404, path
        assert "There is nothing here" in answer.text, path
    assert (await client.get(world.first)).status_code == 200


async def test_a_file_that_someone_put_there_is_no_address(world: World) -> None:
    """Only the key makes addresses: a token that was written by hand does not lead to another build."""
    token = world.first.split("/")[2]
    (world.home / "pages" / f"preview.{token}").write_text("2" * 64)
    assert world.addresses.resolve("preview", token) is None


async def test_a_build_that_is_gone_or_no_archive_is_a_friendly_page(world: World, client: httpx.AsyncClient) -> None:
    world.artifact("1" * 64).unlink()
    world.artifact("2" * 64).write_bytes(b"not a tar archive")
    for address in (world.first, world.other):
        answer = await client.get(address)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text


async def test_looking_changes_nothing(world: World, client: httpx.AsyncClient) -> None:
    """A chat's link preview may fetch every address, with whatever method it likes."""
    before = {path: path.stat().st_mtime_ns for path in sorted(world.home.rglob("*"))}
    head = await client.head(world.first)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(PAGE)), b"")
    for method in ("POST", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"):
        answer = await client.request(method, world.first)
        assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"}), method
    assert before == {path: path.stat().st_mtime_ns for path in sorted(world.home.rglob("*"))}


@pytest.mark.parametrize(
    ("wanted", "status", "about", "content"),
    [
        ("bytes=0-1", 206, "bytes 0-1/200", bytes([0, 1])),
        ("bytes=198-", 206, "bytes 198-199/200", bytes([198, 199])),
        ("bytes=-3", 206, "bytes 197-199/200", bytes([197, 198, 199])),
        ("bytes=190-999", 206, "bytes 190-199/200", bytes(range(190, 200))),
        ("bytes=200-", 416, "bytes */200", b""),
        ("bytes=-0", 416, "bytes */200", b""),
        ("bytes=5-2", 200, None, FILES["song.mp3"]),
        ("bytes=0-1,3-4", 200, None, FILES["song.mp3"]),
        ("bytes=-", 200, None, FILES["song.mp3"]),
        ("lines=1-2", 200, None, FILES["song.mp3"]),
    ],
)
async def test_media_players_get_the_part_that_they_ask_for(
    root: str, wanted: str, status: int, about: str | None, content: bytes, client: httpx.AsyncClient
) -> None:
    answer = await client.get(root + "song.mp3", headers={"Range": wanted})
    assert (answer.status_code, answer.headers.get("content-range"), answer.content) == (status, about, content)


async def test_an_address_is_short_lasts_and_is_shown_only_while_served(tmp_path: Path) -> None:
    made = Build(
        id="b", task=TaskId("t"), commit=Sha("c" * 40), kind="web", digest="3" * 64, size=1, first_page="/#/start"
    )
    addresses, others = Addresses(tmp_path), Addresses(tmp_path)
    assert await addresses.show(made) is None
    with addresses.announced("http://127.0.0.1:8000"):
        shown = await others.show(made)
        assert shown == await addresses.show(made)
    assert shown is not None and shown.startswith("http://127.0.0.1:8000/preview/") and shown.endswith("/#/start")
    assert len(shown) < 70
    assert await others.show(made) is None
    assert others.resolve("preview", shown.split("/")[4]) == made.digest
    assert (tmp_path / "pages.key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "pages").stat().st_mode & 0o077 == 0


async def test_two_homes_have_different_addresses(tmp_path: Path) -> None:
    one, two = (Addresses(tmp_path / name).path("preview", "d") for name in ("one", "two"))
    assert one != two
