"""Tracks and playlists, as data/catalogue.json holds them."""

import json
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data" / "catalogue.json"


@dataclass(frozen=True)
class Track:
    id: str
    title: str
    artist: str
    album: str
    year: int
    seconds: int
    #: a shape and three colours, drawn by web/js/art.js
    art: dict
    #: tempo, key and chords, played by web/js/synth.js
    sound: dict

    def matches(self, words: list[str]) -> bool:
        """Whether every word occurs in the title, the artist or the album."""
        text = f"{self.title} {self.artist} {self.album}".casefold()
        return all(word in text for word in words)


@dataclass(frozen=True)
class Playlist:
    id: str
    title: str
    description: str
    #: ids of tracks, in playing order
    tracks: tuple[str, ...]


class Catalogue:
    """Everything there is to play."""

    def __init__(self, tracks: list[Track], playlists: list[Playlist]) -> None:
        self.tracks = {track.id: track for track in tracks}
        self.playlists = {playlist.id: playlist for playlist in playlists}

    def tracks_of(self, playlist: Playlist) -> list[Track]:
        """The tracks in playing order. Raises KeyError for an id that is not in the catalogue."""
        return [self.tracks[id] for id in playlist.tracks]

    def search(self, query: str) -> list[Track]:
        """Tracks that match every word of the query; all of them for an empty one."""
        words = query.casefold().split()
        return [track for track in self.tracks.values() if track.matches(words)]


def load(path: Path = DATA) -> Catalogue:
    """Reads the catalogue. Raises KeyError when a playlist names an unknown track."""
    content = json.loads(path.read_text(encoding="utf-8"))
    playlists = [
        Playlist(item["id"], item["title"], item["description"], tuple(item["tracks"]))
        for item in content["playlists"]
    ]
    catalogue = Catalogue([Track(**item) for item in content["tracks"]], playlists)
    for playlist in playlists:
        catalogue.tracks_of(playlist)
    return catalogue
