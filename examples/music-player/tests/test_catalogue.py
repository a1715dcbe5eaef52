import json
import tempfile
import unittest
from pathlib import Path

from api.catalogue import load


class CatalogueTest(unittest.TestCase):
    def setUp(self):
        self.catalogue = load()

    def test_every_playlist_of_the_file_is_there_in_its_order(self):
        expected = ["morning-train", "deep-work", "kitchen-disco", "low-tide", "rainy-sundays", "night-shift"]
        self.assertEqual(list(self.catalogue.playlists), expected)
        self.assertEqual(self.catalogue.playlists["rainy-sundays"].tracks, ())

    def test_tracks_come_in_playing_order(self):
        playlist = self.catalogue.playlists["low-tide"]
        titles = [track.title for track in self.catalogue.tracks_of(playlist)]
        self.assertEqual(titles, ["Seventh Wave", "Salt on the Dial", "The Lighthouse Keeper's Day Off"])

    def test_search_wants_every_word(self):
        self.assertEqual([track.id for track in self.catalogue.search("coast SALT")], ["salt-on-the-dial"])
        self.assertEqual(self.catalogue.search("coast sugar"), [])

    def test_search_without_words_finds_everything(self):
        self.assertEqual(len(self.catalogue.search("  ")), len(self.catalogue.tracks))

    def test_a_playlist_with_an_unknown_track_is_refused(self):
        playlist = {"id": "odd", "title": "Odd", "description": "", "tracks": ["nobody-wrote-this"]}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "catalogue.json"
            file.write_text(json.dumps({"tracks": [], "playlists": [playlist]}), encoding="utf-8")
            with self.assertRaises(KeyError):
                load(file)


if __name__ == "__main__":
    unittest.main()
