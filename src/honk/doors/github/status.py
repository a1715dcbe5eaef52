"""The one status comment of a task in a place: how it stands, and what can be said to it."""

import re
from collections.abc import Sequence

from honk.domain.event import QuestionAsked
from honk.domain.task import LANDING, State
from honk.domain.text import plain, shortened
from honk.domain.verdict import Answer, Finding, Verdict
from honk.doors.github.plain_words import reason_of, sentence
from honk.views import Card, checks_line
from honk.views.moves import Move, moves
from honk.views.standing import MARKS, SAYS

_ORDER = {Answer.FAIL: 0, Answer.UNSURE: 1, Answer.PASS: 2}
_CHECKS, _NOTES = 8, 3
#: What can be said, by what can be done.
_WORDS = {
    Move.GO: "`@{0} go` carries the plan out",
    Move.CHANGE: "`@{0} …` has it changed",
    Move.CANCEL: "`@{0} stop` gives it up",
    Move.ANSWER: "`@{0} …` answers",
    Move.STOP: "`@{0} stop` ends the work",
    Move.INTERRUPT: "`@{0} …` is heard at the next step",
    Move.REVIEW: "review it, or say `@{0} …`, and it is worked on",
    Move.MERGE: "`@{0} merge` merges it",
    Move.UNDO: "`@{0} undo` brings the version before back",
    Move.RETRY: "`@{0} retry` tries again",
    Move.UPDATE: "`@{0} update` merges the base into it",
    Move.REVERT: "`@{0} revert` takes the change back",
}


def status_of(card: Card, name: str, hint: str = "", asked: QuestionAsked | None = None) -> str:
    """The comment, in Markdown. Foreign words in it name nobody and hold no HTML."""
    parts = [f"**{_standing(card)}** · {_words(card.task.called, 200)}"]
    details = [*_pull_request(card), *_verdict(card.verdict, card.task.state), *_at_the_forge(card)]
    if card.task.state is State.DEPLOYED and card.production and not hint:
        details.append(f"Live at {card.production}")
    details += [_words(one, 300) for one in card.notes[-_NOTES:] if one]
    if details:
        parts.append("\n".join(f"- {one}" for one in details))
    if said := _says(card, name, asked):
        parts.append(said)
    if helps := _helps(card, name):
        parts.append(helps)
    parts.append(_small(card, hint))
    return "\n\n".join(part for part in parts if part)


def _standing(card: Card) -> str:
    if card.task.state is State.WAITING and card.plan:
        return "The plan waits for a go"
    return SAYS[card.task.state]


def _pull_request(card: Card) -> list[str]:
    there = card.pull_request
    if there is None:
        return []
    draft = " (draft)" if there.state == "draft" else ""
    return [f"Pull request #{there.number}{draft} at `{there.head[:7]}`"]


def _verdict(verdict: Verdict | None, state: State) -> list[str]:
    if verdict is None or state in {State.CODING, State.PREPARING, State.VERIFYING}:
        return []
    counted: list[Finding] = sorted((one for one in verdict.findings if one.counts), key=lambda one: _ORDER[one.answer])
    lines = [" · ".join(f"{MARKS[one.answer]} {_words(one.verifier, 60)}" for one in counted[:_CHECKS])]
    if more := len(counted) - _CHECKS:
        lines[0] += f" and {more} more" if more > 0 else ""
    lines += [f"{_words(one.verifier, 60)}: {_words(one.summary, 250)}" for one in counted if one.answer is Answer.FAIL]
    if verdict.proof is not None:
        lines.append("Red without the change, green with it: " + _words(", ".join(verdict.proof.tests), 200))
    lines += [f"Not proven: {_words(one, 250)}" for one in verdict.not_proven[:_NOTES]]
    if verdict.pending:
        lines.append("Not answered yet: " + _words(", ".join(verdict.pending), 200))
    return [one for one in lines if one]


def _at_the_forge(card: Card) -> list[str]:
    """Its checks, while there is something to say of them, and who approved the head."""
    seen = card.checks
    open_ = seen is not None and card.task.state not in LANDING and bool(seen.running or seen.failed)
    lines = [f"Checks: {_words(checks_line(seen), 300)}"] if seen is not None and open_ else []
    return [*lines, *([f"Approved by {_words(', '.join(card.approved_by), 200)}"] if card.approved_by else [])]


def _says(card: Card, name: str, asked: QuestionAsked | None) -> str:
    """The question or the reason that stands in the way."""
    task = card.task
    if task.state is State.WAITING and asked is not None and not card.plan:
        return question_of(asked)
    if task.reason and not card.plan:
        return quoted(reason_of(task.reason, name))
    return ""


def question_of(asked: QuestionAsked) -> str:
    """A question with its choices."""
    choices = [f"{place}. {_words(one, 300)}" for place, one in enumerate(asked.choices, 1)]
    return "\n\n".join([quoted(plain(asked.question)[:3000]), *(["\n".join(choices)] if choices else [])])


def _helps(card: Card, name: str) -> str:
    now: Sequence[Move] = moves(card)
    said = [_WORDS[one].format(name) for one in now if one in _WORDS]
    if Move.MERGE in now and card.to_type:
        said = [one.replace(" merge`", f" merge {card.to_type}`") for one in said]
    return sentence(", ".join(said)) if said else ""


def _small(card: Card, hint: str) -> str:
    money = f"${card.spent.usd:.2f}"
    parts = [f"for {_words(card.requested_by, 80)}", money, f"task `{card.task.id}`"]
    if card.page and not hint:
        parts.append(f"[details]({card.page})")
    return f"<sub>{' · '.join(parts)}</sub>"


def quoted(text: str) -> str:
    """As a quotation of Markdown."""
    return "\n".join(f"> {line}".rstrip() for line in text.strip().split("\n"))


def _words(text: str, limit: int) -> str:
    """Foreign words in one line, in which nothing has a meaning."""
    return re.sub(r"([\\`*_{}\[\]|~#])", r"\\\1", plain(shortened(text, limit)))
