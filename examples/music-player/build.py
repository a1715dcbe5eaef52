"""python3 build.py [FOLDER]: makes the web app, by default in dist/. Needs nothing but Python."""

import hashlib
import json
import logging
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from api.catalogue import Catalogue, load
from api.pages import broken_page, playlist_page

HERE = Path(__file__).resolve().parent
log = logging.getLogger("build")


def build(into: Path) -> str:
    """Replaces the folder with a fresh build and returns the build's version."""
    catalogue = load()
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(HERE / "web", into, ignore=shutil.ignore_patterns("tests"))
    write_catalogue(catalogue, into / "catalogue.json")
    write_share_pages(catalogue, into / "playlists")
    return stamp(into)


def write_catalogue(catalogue: Catalogue, file: Path) -> None:
    """The catalogue that the web app fetches."""
    content = {
        "tracks": [asdict(track) for track in catalogue.tracks.values()],
        "playlists": [asdict(playlist) for playlist in catalogue.playlists.values()],
    }
    file.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


def write_share_pages(catalogue: Catalogue, folder: Path) -> None:
    """One page a playlist. One that cannot be made must not hold up the release."""
    folder.mkdir()
    for playlist in catalogue.playlists.values():
        try:
            page = playlist_page(playlist, catalogue)
        except Exception as error:
            log.warning("no share page for %s: %r", playlist.id, error)
            page = broken_page(playlist)
        (folder / f"{playlist.id}.html").write_text(page, encoding="utf-8")


def stamp(folder: Path) -> str:
    """Names the build after its content and tells the service worker which files it consists of."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for name in files:
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes())
    version = digest.hexdigest()[:12]
    worker = folder / "service-worker.js"
    kept = ["./", *(name for name in files if name != worker.name)]
    text = worker.read_text(encoding="utf-8")
    text = text.replace('VERSION = "development"', f'VERSION = "{version}"')
    text = text.replace("FILES = []", f"FILES = {json.dumps(kept)}")
    worker.write_text(text, encoding="utf-8")
    (folder / "version.json").write_text(json.dumps({"version": version}), encoding="utf-8")
    return version


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "dist"
    log.info("built %s in %s", build(target), target)
