"""The one card of a task: what was asked, how it stands, what is being done now, and what can be done."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from honk.domain.task import BUSY, State
from honk.domain.text import shortened
from honk.domain.thread import Thread
from honk.domain.verdict import Answer, Finding, Verdict
from honk.doors.slack import writing as w
from honk.doors.slack.plain_words import reason_of
from honk.doors.slack.writing import Block
from honk.views import Card, checks_line, elapsed
from honk.views.moves import Move, moves
from honk.views.standing import MARKS, SAYS

#: What stands before the instruction, and in notifications.
EMOJI = {
    State.ACCEPTED: "inbox_tray",
    State.QUEUED: "hourglass",
    State.PREPARING: "package",
    State.CODING: "hammer_and_wrench",
    State.VERIFYING: "mag",
    State.PROPOSED: "white_check_mark",
    State.DRAFT: "warning",
    State.WAITING: "raising_hand",
    State.MERGING: "twisted_rightwards_arrows",
    State.MERGED: "twisted_rightwards_arrows",
    State.DEPLOYING: "rocket",
    State.DEPLOYED: "rocket",
    State.STOPPED: "octagonal_sign",
    State.FAILED: "x",
}
#: Label and style of a button. What is not here is behind the three dots.
_BUTTONS = {
    Move.GO: ("Go", "primary"),
    Move.CHANGE: ("Change…", ""),
    Move.CANCEL: ("Cancel", "danger"),
    Move.ANSWER: ("Answer…", "primary"),
    Move.STOP: ("Stop", "danger"),
    Move.INTERRUPT: ("Interrupt…", ""),
    Move.MERGE: ("Merge…", "primary"),
    Move.REVIEW: ("Review", ""),
    Move.DEPLOY: ("Deploy", "primary"),
    Move.PROMOTE: ("Promote…", "primary"),
    Move.UNDO: ("Undo…", "danger"),
    Move.RETRY: ("Retry", ""),
}
_MENU = {
    Move.BRANCH: "Give me the branch",
    Move.HAND_OVER: "Hand over to…",
    Move.APPROVE: "Approve",
    Move.UPDATE: "Bring it up to date",
    Move.REVERT: "Revert by a pull request",
}
_CHECKS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A message as it is to be seen."""

    text: str
    blocks: Sequence[Block]

    @property
    def digest(self) -> str:
        """The same for what looks the same."""
        return hashlib.sha256(json.dumps([self.text, list(self.blocks)]).encode()).hexdigest()[:32]


def marker(task: str, key: str) -> str:
    """The name of a block by which a message of Honk's is found again."""
    return f"honk/{task}/{key}"[:255]


def card_of(card: Card, thread: Thread, *, doing: str = "", now: datetime | None = None) -> Shown:
    """The card; `doing` is what is being done at this moment."""
    task = card.task
    heading = w.line(w.emoji(EMOJI[task.state]), " ", w.bold(shortened(task.called, 200)))
    lines = [heading, w.line(*_standing(card, doing))]
    if card.verdict is not None:
        lines.append(w.line(*_checks(card.verdict)))
    lines += [w.line(shortened(one, 250)) for one in _at_the_forge(card)]
    blocks = [w.rich(*lines, id=marker(task.id, "card"))]
    if task.state is State.WAITING and not card.plan and task.reason:
        blocks.append(w.rich(w.quote(reason_of(task.reason)[:1000])))
    blocks.append(w.small(*_small(card, now)))
    blocks += [w.small(w.escaped(one)) for one in (shortened(each, 300) for each in card.notes[-2:]) if one]
    if row := _row(card, thread):
        blocks.append(row)
    said = f"{SAYS[task.state]}: {shortened(task.called, 200)}"
    return Shown(text=w.notice(said), blocks=blocks)


def _standing(card: Card, doing: str) -> list[w.Part]:
    task = card.task
    parts: list[w.Part] = [SAYS[task.state]]
    if task.state is State.WAITING and card.plan:
        parts = ["The plan waits for a Go"]
    if doing and task.state in BUSY:
        parts += [" · ", w.code(shortened(doing, 120))]
    elif task.reason and task.state is not State.WAITING:
        parts = [_with_reason(SAYS[task.state], shortened(reason_of(task.reason), 250))]
    if task.state is State.DEPLOYED and card.production:
        parts += [" · ", w.link(card.production, "open it")]
    return parts


def _with_reason(says: str, reason: str) -> str:
    """ "Stopped by a person" says it all; "Merged" needs its reason."""
    if reason.lower().startswith(f"{says.lower()} "):
        return w.sentence(reason).removesuffix(".")
    return f"{says}. {w.sentence(reason)}" if ":" in says else f"{says}: {reason}"


def _checks(verdict: Verdict) -> list[w.Part]:
    """The verifiers and what each said, then whether the defect was shown."""
    counted = [one for one in verdict.findings if one.counts]
    order = {Answer.FAIL: 0, Answer.UNSURE: 1, Answer.PASS: 2}
    shown: list[Finding] = sorted(counted, key=lambda one: order[one.answer])[:_CHECKS]
    parts: list[w.Part] = [" · ".join(f"{MARKS[one.answer]} {shortened(one.verifier, 40)}" for one in shown)]
    if more := len(counted) - len(shown):
        parts.append(f" and {more} more")
    if verdict.proof:
        parts.append(f" · red without the change, green with it: {tests(verdict.proof.tests)}")
    return [part for part in parts if part] or [f"verdict: {verdict.answer}"]


def _at_the_forge(card: Card) -> list[str]:
    """What its own checks say, while there is something to say of them, and who approved the head."""
    seen = card.checks
    open_ = seen is not None and bool(seen.running or seen.failed or seen.awaited)
    said = [f"Checks: {checks_line(seen)}"] if seen is not None and open_ else []
    return [*said, *([f"Approved by {', '.join(card.approved_by)}"] if card.approved_by else [])]


def tests(names: Sequence[str], most: int = 1) -> str:
    """Tests by the last part of their names, as far as one line of a phone has room; the rest as a number."""
    shown = [shortened(re.split(r"[.:/]+(?=[\w \[\]-]+$)", one)[-1], 60) for one in names[:most]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _small(card: Card, now: datetime | None) -> list[str]:
    task = card.task
    where = w.escaped(shortened(task.repository.name + (f" @ {card.base.branch}" if card.base else ""), 120))
    limit = task.options.limits.usd
    money = f"${card.spent.usd:.2f}" + (f" of ${limit:.2f}" if limit is not None else "")
    parts = [where, w.escaped(f"for {shortened(card.requested_by, 80)}"), money, _taken(card, now)]
    if card.pull_request is not None:
        number, url = f"pull request {card.pull_request.number}", card.pull_request.url
        parts.append(w.anchor(url, number) if url and _open(card, url) else number)
    if card.page and _open(card, card.page):
        parts.append(w.anchor(card.page, "details"))
    elif card.hint:
        parts.append(w.escaped(shortened(card.hint, 200)))
    return parts


def _open(card: Card, address: str) -> bool:
    """Whether a phone can follow the link, as far as is known: one of Honk's own, or of somebody else's."""
    return not card.hint or not address.startswith((card.page or "-").partition("/tasks/")[0])


def _taken(card: Card, now: datetime | None) -> str:
    """For how long it was, or has been, worked on."""
    if card.settled is not None and (card.task.state not in BUSY or now is None):
        minutes = card.settled.seconds / 60
        return f"{card.settled.seconds:.0f} s" if minutes < 2 else f"{minutes:.0f} min"
    return "" if now is None else f"since {elapsed(card.task.created_at, now)}"


def _row(card: Card, thread: Thread) -> Block | None:
    now = moves(card)
    elements = [_button(one, card) for one in now if one in _BUTTONS]
    rest = [(_MENU[one], f"{one}:{card.task.id}") for one in now if one in _MENU]
    rest.append(("Unmute" if thread.muted else "Mute", f"{'unmute' if thread.muted else 'mute'}:{card.task.id}"))
    listens = "Hear only what names me" if thread.listens else "Hear every reply"
    rest.append((listens, f"{'unlisten' if thread.listens else 'listen'}:{card.task.id}"))
    elements.append(w.menu("honk:menu", rest))
    return w.row(*elements)


def _button(move: Move, card: Card) -> Block:
    label, style = _BUTTONS[move]
    if move is Move.DEPLOY and card.waits_to_deploy:
        made = w.button("Deploy now", "honk:now", of_turn(card), style=style)
        return w.sure(made, "Deploy it now?", f"In spite of this: {shortened(card.task.reason, 200)}", "Deploy now")
    made = w.button(label, f"honk:{move}", _value(move, card), style=style)
    if move is Move.CANCEL:
        return w.sure(made, "Give the plan up?", "The task is stopped. What was read and planned is kept.", "Cancel it")
    return made


def _value(move: Move, card: Card) -> str:
    """What the press is about: the task, for a Go the plan that was read, for what is done at once its turn."""
    if move is Move.GO and card.plan:
        return f"{card.task.id} {card.plan.name}"
    return of_turn(card) if move in {Move.STOP, Move.RETRY, Move.DEPLOY} else card.task.id


def of_turn(card: Card) -> str:
    """The value of a button that is about the turn that people saw: a press that comes late is for no other."""
    return f"{card.task.id} {card.task.turn}"
