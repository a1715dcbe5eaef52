"""What every door shows, made from the events and records of a task."""

from honk.views.branch import Branch, branch
from honk.views.card import EXITS, Card, as_json, card, elapsed, ends_following, line_type, settled_json
from honk.views.merging import Check, Deploying, Merging, merging
from honk.views.next_step import NextStep, next_steps
from honk.views.risk import ChangedFile, Risk, files_by_risk
from honk.views.sentences import checks_line, sentence
from honk.views.trying import what_changed, what_to_try

__all__ = [
    "EXITS",
    "Branch",
    "Card",
    "ChangedFile",
    "Check",
    "Deploying",
    "Merging",
    "NextStep",
    "Risk",
    "as_json",
    "branch",
    "card",
    "checks_line",
    "elapsed",
    "ends_following",
    "files_by_risk",
    "line_type",
    "merging",
    "next_steps",
    "sentence",
    "settled_json",
    "what_changed",
    "what_to_try",
]
