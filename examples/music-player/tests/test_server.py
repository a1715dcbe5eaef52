import json
import tempfile
import threading
import unittest
from http.client import HTTPConnection
from pathlib import Path

from api import VERSION
from api.catalogue import load
from api.server import serve


class ServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        root = Path(folder.name) / "dist"
        root.mkdir()
        (root / "index.html").write_text("<title>Overtone</title>", encoding="utf-8")
        (root.parent / "secret.txt").write_text("not yours", encoding="utf-8")
        cls.server = serve(load(), root, "127.0.0.1", 0)
        thread = threading.Thread(target=cls.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)

    def get(self, path):
        connection = HTTPConnection(*self.server.server_address[:2], timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()

    def get_json(self, path):
        status, kind, body = self.get(path)
        self.assertEqual(kind, "application/json")
        return status, json.loads(body)

    def test_it_lists_all_playlists(self):
        status, playlists = self.get_json("/api/playlists")
        self.assertEqual(status, 200)
        self.assertEqual(len(playlists), 6)
        self.assertEqual(playlists[0]["title"], "Morning Train")

    def test_a_playlist_comes_with_its_summary(self):
        status, playlist = self.get_json("/api/playlists/deep-work")
        self.assertEqual(status, 200)
        self.assertEqual(playlist["summary"]["songs"], 4)

    def test_search(self):
        _, tracks = self.get_json("/api/tracks?q=mira")
        self.assertEqual([track["id"] for track in tracks], ["orbit-lullaby", "telemetry"])

    def test_it_says_which_version_it_is(self):
        self.assertEqual(self.get_json("/api/health"), (200, {"ok": True, "version": VERSION}))

    def test_what_is_not_there_is_not_found(self):
        for path in ("/api/playlists/nothing", "/api/other", "/missing.js"):
            self.assertEqual(self.get_json(path)[0], 404, path)

    def test_the_web_app_is_beside_it(self):
        status, kind, body = self.get("/")
        self.assertEqual((status, kind), (200, "text/html"))
        self.assertIn(b"Overtone", body)

    def test_nothing_outside_the_folder_is_served(self):
        for path in ("/../secret.txt", "/%2e%2e/secret.txt", "//secret.txt"):
            status, _, body = self.get(path)
            self.assertEqual(status, 404, path)
            self.assertNotIn(b"not yours", body)


if __name__ == "__main__":
    unittest.main()
