"""What every door shows, made from the events and records of a task."""

from honk.views.card import EXITS, Card, as_json, card, elapsed, ends_following, settled_json
from honk.views.sentences import sentence

__all__ = ["EXITS", "Card", "as_json", "card", "elapsed", "ends_following", "sentence", "settled_json"]
