"""A playlist in a few facts: what its page and its share card say about it."""

from collections import Counter

from api.catalogue import Catalogue, Playlist


def summarise(playlist: Playlist, catalogue: Catalogue) -> dict:
    """How many songs, how long, by whom, and what it opens with."""
    tracks = catalogue.tracks_of(playlist)
    seconds = sum(track.seconds for track in tracks)
    artists = Counter(track.artist for track in tracks)
    return {
        "songs": len(tracks),
        "seconds": seconds,
        "average_seconds": round(seconds / len(tracks)),
        "artists": [artist for artist, _ in artists.most_common(3)],
        "cover": tracks[0].art,
        "opens_with": tracks[0].title,
    }


def duration(seconds: int) -> str:
    """Words for a length of time, such as "14 min" or "1 h 5 min"."""
    minutes = max(1, round(seconds / 60))
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
