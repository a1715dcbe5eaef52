import json
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path

from api.catalogue import load
from build import build


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("href", "src")]


class BuildTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.dist = Path(folder.name) / "dist"
        cls.version = build(cls.dist)

    def test_the_same_files_give_the_same_version(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(build(Path(folder) / "again"), self.version)

    def test_the_service_worker_knows_its_version_and_files(self):
        worker = (self.dist / "service-worker.js").read_text(encoding="utf-8")
        self.assertIn(f'VERSION = "{self.version}"', worker)
        for name in ("./", "index.html", "js/app.js", "catalogue.json", "playlists/deep-work.html"):
            self.assertIn(f'"{name}"', worker)

    def test_links_are_relative_and_lead_somewhere(self):
        for page in sorted(self.dist.rglob("*.html")):
            links = Links()
            links.feed(page.read_text(encoding="utf-8"))
            for link in links.found:
                path = link.partition("#")[0]
                self.assertFalse(path.startswith(("/", "http")), f"{page.name}: {link}")
                self.assertTrue((page.parent / path).exists(), f"{page.name}: {link}")

    def test_the_manifest_names_icons_that_exist(self):
        manifest = json.loads((self.dist / "manifest.webmanifest").read_text(encoding="utf-8"))
        for icon in manifest["icons"]:
            self.assertTrue((self.dist / icon["src"]).is_file(), icon["src"])

    def test_every_playlist_has_a_share_page(self):
        pages = {page.stem for page in (self.dist / "playlists").glob("*.html")}
        self.assertEqual(pages, set(load().playlists))

    def test_a_share_page_names_its_songs(self):
        page = (self.dist / "playlists" / "low-tide.html").read_text(encoding="utf-8")
        self.assertIn("The Lighthouse Keeper&#x27;s Day Off", page)
        self.assertIn("3 songs · 7 min", page)

    def test_tests_are_not_part_of_it(self):
        self.assertEqual(list(self.dist.rglob("*.test.js")), [])


if __name__ == "__main__":
    unittest.main()
