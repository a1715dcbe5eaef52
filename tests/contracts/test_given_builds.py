"""An uploaded file → the task's build: what it is, its content says; in the real sandbox, and in the fake world."""

import io
import sys
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import ipa, zipped
from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.mobile import SandboxedPackages
from honk.domain.build import Build
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.errors import Usage
from honk.ports import Box, Mount, Ports
from honk.steps.build import given
from honk.steps.build.package import Packaged, packaged
from honk.testing.world import World, world

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]
COMMIT = Sha("c" * 40)
APK = Path(__file__).resolve().parents[1] / "data" / "android" / "app.apk"


class Giving:
    """A task to which files are given."""

    def __init__(self, here: World, task: Task, ports: Ports) -> None:
        self.here, self.task, self.ports = here, task, ports

    async def give(self, content: bytes) -> Build:
        file = self.here.home / "uploaded"
        file.write_bytes(content)
        made = await given(self.task, COMMIT, file, ports=self.ports)
        assert not file.exists() and await self.here.store.records.build(self.task.id) == made
        return made

    async def names(self, build: Build) -> list[str]:
        with tarfile.open(fileobj=io.BytesIO(await self.ports.artifacts.get(build.digest))) as archive:
            return sorted(one.name.removeprefix("./") for one in archive if one.isfile())


@pytest.fixture(params=["sandboxed", "fake"])
async def giving(request: pytest.FixtureRequest, short_tmp: Path) -> AsyncIterator[Giving]:
    async with world(short_tmp) as here:
        ports = here.app.ports
        if request.param == "sandboxed":
            sandboxes = Bubblewrap(short_tmp)
            ports = replace(ports, sandboxes=sandboxes, packages=SandboxedPackages(sandboxes, short_tmp))
        yield Giving(here, await here.ask(), ports)
        assert not list(short_tmp.glob("checkouts/*"))


@pytest.mark.parametrize("kind", ["android", "ios"])
async def test_an_app_is_kept_as_itself_and_as_an_archive(giving: Giving, kind: str) -> None:
    content = APK.read_bytes() if kind == "android" else ipa()
    made = await giving.give(content)
    assert made.kind == kind and made.package is not None and made.package.facts is not None
    assert (made.name, made.version) == ("Music player", "1.4.0 (57)+ccccccc")
    assert await giving.ports.artifacts.get(made.package.digest) == content and made.package.size == len(content)
    assert (await giving.ports.artifacts.get(made.package.icon)).startswith(b"\x89PNG")
    assert await giving.names(made) == ["app.apk" if kind == "android" else "app.ipa"]
    assert await giving.give(content) == made
    assert (await giving.give(content[:-2] + b"\1\0!")).id != made.id  # the archive has a comment
    # so that retention keeps all of it as long as the build
    named = await giving.here.store.records.named()
    assert {made.digest, made.package.digest, made.package.icon} <= named.keys()


def _tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("pack", [zipped, _tarred])
@pytest.mark.parametrize("folder", ["", "dist/"])
async def test_a_web_app_is_an_archive_with_a_first_page(giving: Giving, pack: object, folder: str) -> None:
    files = {f"{folder}index.html": b"<title>Hello</title>", f"{folder}js/app.js": b"1"}
    made = await giving.give(pack(files))  # type: ignore[operator]
    assert (made.kind, made.package) == ("web", None) and made.version.endswith("ccccccc")
    assert await giving.names(made) == ["index.html", "js/app.js"]


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", zipped({"a.txt": b""}), _tarred({"a.txt": b""}), b"PK\x03\x04" + bytes(100)],
    ids=["empty", "text", "zip", "tar", "broken zip"],
)
async def test_what_is_no_build_is_refused(giving: Giving, content: bytes) -> None:
    with pytest.raises(Usage):
        await giving.give(content)
    assert await giving.here.store.records.build(giving.task.id) is None


async def test_an_app_that_cannot_be_read_is_a_build_all_the_same(giving: Giving) -> None:
    made = await giving.give(ipa(Info=b"rubbish"))
    assert made.kind == "ios" and made.package is not None and made.package.facts is None
    assert "no property list" in made.package.unread and made.version == "ccccccc"


async def test_an_archive_that_leads_outside_stays_inside(giving: Giving, short_tmp: Path) -> None:
    made = await giving.give(zipped({"../../escaped": b"x", "index.html": b"1", "/etc/escaped": b"y"}))
    assert made.kind == "web" and not list(short_tmp.rglob("escaped"))


async def _out_of(giving: Giving, sandboxes: Bubblewrap, files: str) -> Packaged:
    """What is taken out of a build that this script makes."""
    room = giving.here.home / "room"
    room.mkdir()
    sandboxes.own(room)
    box = Box(workspace=room, mounts=(Mount(source=APK, target="/honk/app.apk"),))
    async with sandboxes.open(box) as sandbox:
        made = await sandbox.run(("sh", "-c", files), seconds=10)
        assert made.exit_code == 0, made.stderr
        file = giving.here.home / "out"
        return await packaged(sandbox, "out", "android", COMMIT, file, ports=giving.ports)


@pytest.mark.parametrize("giving", ["sandboxed"], indirect=True)
@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ("mkdir -p out/a && cp /honk/app.apk out/a/app-debug.apk && touch out/mapping.txt", ""),
        ("mkdir out && cp /honk/app.apk \"$(printf 'out/-e \\303\\274 \\377\\n.apk')\"", ""),
        ("cp /honk/app.apk out.apk && ln -s out.apk out", "no .apk or .aab"),
        ("mkdir out && ln -s /honk/app.apk out/app.apk && ln -s /etc out/etc.apk", "no .apk or .aab"),
        ("mkdir -p out/x.apk && mkfifo out/y.apk", "no .apk or .aab"),
        ("mkdir out && for one in a b; do cp /honk/app.apk out/$one.apk; done", "more than one .apk or .aab"),
        ("true", "no .apk or .aab"),
    ],
)
async def test_the_one_package_of_a_build_is_taken_and_no_link_followed(
    giving: Giving, short_tmp: Path, files: str, missing: str
) -> None:
    found = await _out_of(giving, Bubblewrap(short_tmp), files)
    assert missing in found.missing and bool(found.missing) == bool(missing)
    if not missing:
        assert found.package is not None and found.package.facts is not None and found.name == "Music player"
        assert await giving.ports.artifacts.get(found.package.digest) == APK.read_bytes()
