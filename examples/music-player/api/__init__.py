"""Overtone's API: the catalogue and its playlists as JSON, and the web app beside them."""

VERSION = "1.0.0"
