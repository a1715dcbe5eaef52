"""What every door shows of a task, as records and in words; `shown` makes it from the store."""

from honk.views.branch import Branch
from honk.views.card import EXITS, Card, as_json, elapsed, ends_following, line_type, settled_json
from honk.views.merging import ChangedFile, Check, Deploying, Later, Merging, Promoting, Risk
from honk.views.next_step import NextStep, next_steps
from honk.views.risk import compared_by_risk
from honk.views.sentences import checks_line, sentence
from honk.views.trying import what_changed, what_to_try

__all__ = [
    "EXITS",
    "Branch",
    "Card",
    "ChangedFile",
    "Check",
    "Deploying",
    "Later",
    "Merging",
    "NextStep",
    "Promoting",
    "Risk",
    "as_json",
    "checks_line",
    "compared_by_risk",
    "elapsed",
    "ends_following",
    "line_type",
    "next_steps",
    "sentence",
    "settled_json",
    "what_changed",
    "what_to_try",
]
