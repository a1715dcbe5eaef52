"""Overtone's API: the catalogue and its playlists as JSON, and the web app beside them."""
