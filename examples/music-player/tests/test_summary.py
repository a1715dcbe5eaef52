import unittest

from api.catalogue import Catalogue, Playlist, Track, load
from api.summary import duration, summarise


def track(id, *, artist="Somebody", seconds=100):
    return Track(id, id.title(), artist, "An Album", 2024, seconds, {"shape": "sun"}, {"bpm": 100})


class SummaryTest(unittest.TestCase):
    def test_it_counts_and_adds_up(self):
        catalogue = Catalogue([track("one", seconds=90), track("two", seconds=121)], [])
        facts = summarise(Playlist("p", "P", "", ("one", "two")), catalogue)
        self.assertEqual(facts["songs"], 2)
        self.assertEqual(facts["seconds"], 211)
        self.assertEqual(facts["average_seconds"], 106)

    def test_it_opens_with_the_first_song(self):
        facts = summarise(load().playlists["low-tide"], load())
        self.assertEqual(facts["opens_with"], "Seventh Wave")
        self.assertEqual(facts["cover"]["shape"], "waves")

    def test_artists_are_named_by_how_often_they_play(self):
        songs = [track("a", artist="Rare"), track("b", artist="Often"), track("c", artist="Often")]
        facts = summarise(Playlist("p", "P", "", ("a", "b", "c")), Catalogue(songs, []))
        self.assertEqual(facts["artists"], ["Often", "Rare"])


class DurationTest(unittest.TestCase):
    def test_words_for_a_length_of_time(self):
        self.assertEqual(duration(20), "1 min")
        self.assertEqual(duration(14 * 60), "14 min")
        self.assertEqual(duration(65 * 60), "1 h 5 min")


if __name__ == "__main__":
    unittest.main()
