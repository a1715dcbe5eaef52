"""What the artifact store promises."""

import asyncio
import hashlib
import tempfile
from pathlib import Path

import pytest

from honk.adapters.files import FileArtifacts
from honk.errors import Defect

pytestmark = pytest.mark.anyio


@pytest.fixture
def artifacts(tmp_path: Path) -> FileArtifacts:
    return FileArtifacts(tmp_path / "artifacts")


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


async def test_bytes_are_found_by_their_hash(artifacts: FileArtifacts) -> None:
    digest = await artifacts.put(b"full log")
    assert digest == hashlib.sha256(b"full log").hexdigest()
    assert await artifacts.get(digest) == b"full log"
    assert artifacts.path(digest).read_bytes() == b"full log"


async def test_a_file_is_copied_whatever_becomes_of_it(artifacts: FileArtifacts, tmp_path: Path) -> None:
    source = tmp_path / "app.tar"
    content = bytes(range(256)) * 12_289
    source.write_bytes(content)
    digest = await artifacts.put(source)
    source.write_bytes(b"changed")
    assert await artifacts.get(digest) == content


async def test_a_file_that_is_moved_is_gone_from_its_place(artifacts: FileArtifacts, tmp_path: Path) -> None:
    source = tmp_path / "app.tar"
    content = bytes(range(256)) * 12_289
    source.write_bytes(content)
    digest = await artifacts.put(source, move=True)
    assert digest == hashlib.sha256(content).hexdigest()
    assert await artifacts.get(digest) == content
    assert _files(tmp_path) == [artifacts.path(digest)]
    assert artifacts.path(digest).stat().st_mode & 0o222 == 0


async def test_a_file_of_another_file_system_is_moved_all_the_same(artifacts: FileArtifacts) -> None:
    shared = Path("/dev/shm")
    if not shared.is_dir():
        pytest.skip("there is no second file system")
    with tempfile.NamedTemporaryFile(dir=shared, delete=False) as source:
        source.write(b"from elsewhere")
    digest = await artifacts.put(Path(source.name), move=True)
    assert await artifacts.get(digest) == b"from elsewhere"
    assert not Path(source.name).exists()


async def test_nothing_is_kept_twice_and_nothing_is_left_lying_about(artifacts: FileArtifacts, tmp_path: Path) -> None:
    digests = await asyncio.gather(*[artifacts.put(b"same") for _ in range(8)], artifacts.put(b""))
    assert len(set(digests)) == 2
    assert sorted(_files(tmp_path)) == sorted(artifacts.path(digest) for digest in set(digests))


async def test_what_cannot_be_read_leaves_nothing(artifacts: FileArtifacts, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        await artifacts.put(tmp_path / "absent")
    assert _files(tmp_path) == []


async def test_artifacts_are_read_only_and_their_folder_is_private(artifacts: FileArtifacts, tmp_path: Path) -> None:
    path = artifacts.path(await artifacts.put(b"x"))
    assert path.stat().st_mode & 0o222 == 0
    assert (tmp_path / "artifacts").stat().st_mode & 0o077 == 0


async def test_changed_bytes_are_noticed(artifacts: FileArtifacts) -> None:
    digest = await artifacts.put(b"true")
    artifacts.path(digest).chmod(0o644)
    artifacts.path(digest).write_bytes(b"fake")
    with pytest.raises(Defect, match=digest):
        await artifacts.get(digest)


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "0" * 63, "F" * 64, "0" * 64, "0" * 64 + "\n"])
async def test_nothing_under_a_name_is_a_key_error(artifacts: FileArtifacts, digest: str) -> None:
    with pytest.raises(KeyError):
        await artifacts.get(digest)
