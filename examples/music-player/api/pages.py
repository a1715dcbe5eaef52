"""Share pages: one static page a playlist, for link previews and browsers without JavaScript."""

from html import escape

from api.catalogue import Catalogue, Playlist
from api.summary import duration, summarise

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Overtone</title>
<meta property="og:title" content="{title}">
<meta property="og:description" content="{description}">
<link rel="icon" href="../icons/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="../style.css">
<body class="share">
<main>
<h1>{title}</h1>
{body}
<p><a class="button primary" href="../#/playlist/{id}">Open in Overtone</a></p>
</main>
</body>
</html>
"""


def playlist_page(playlist: Playlist, catalogue: Catalogue) -> str:
    """The share page of a playlist, as HTML."""
    facts = summarise(playlist, catalogue)
    songs = "\n".join(
        f"<li><span>{escape(track.title)}</span> <small>{escape(track.artist)}</small></li>"
        for track in catalogue.tracks_of(playlist)
    )
    body = (
        f"<p>{escape(playlist.description)}</p>\n"
        f"<p class=\"meta\">{facts['songs']} songs · {duration(facts['seconds'])}"
        f" · with {escape(', '.join(facts['artists']))}</p>\n"
        f"<ol>\n{songs}\n</ol>"
    )
    return _page(playlist, body)


def broken_page(playlist: Playlist) -> str:
    """What is published when a playlist's page cannot be made."""
    return _page(playlist, '<p class="meta">This playlist can\'t be shown right now.</p>')


def _page(playlist: Playlist, body: str) -> str:
    return PAGE.format(
        id=escape(playlist.id),
        title=escape(playlist.title),
        description=escape(playlist.description),
        body=body,
    )
