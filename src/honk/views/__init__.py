"""What every door shows, made from the events and records of a task."""

from honk.views.card import EXITS, Card, as_json, card, elapsed, ends_following, line_type, settled_json
from honk.views.next_step import NextStep, next_steps
from honk.views.sentences import sentence

__all__ = [
    "EXITS",
    "Card",
    "NextStep",
    "as_json",
    "card",
    "elapsed",
    "ends_following",
    "line_type",
    "next_steps",
    "sentence",
    "settled_json",
]
