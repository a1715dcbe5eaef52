"""The door at GitHub: asking in an issue, talking in a review, merging by a comment.

How a thing gets in and out:

    GitHub ──▶ webhooks (signed, kept) ─┐
    GitHub ──▶ polling (what is new)   ─┴▶ intake ──▶ hearing, reviewing, noticing: read it at GitHub, then ──▶ service
    store ──▶ telling (what is new since the place was told) ──▶ status, announcing, answering ──▶ GitHub

What GitHub delivers is a hint, never a fact: what counts is read afterwards, so that a forged, replayed or reordered
delivery causes reads and nothing else. Everything goes through the ports Discussions, Service and Chats; nothing in
this folder knows how GitHub is reached.
"""

from honk.doors.github.backstage import Backstage, Choices, Waits
from honk.doors.github.door import GithubDoor
from honk.doors.github.hints import hints_of

__all__ = ["Backstage", "Choices", "GithubDoor", "Waits", "hints_of"]
