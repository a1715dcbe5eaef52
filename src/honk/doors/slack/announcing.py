"""Which events are worth a message of their own, and what it says. Everything else is on the card.

A question, a plan, a build, a verdict that needs a person, merged, deployed, unhealthy. Each names the requester;
what somebody has to merge names besides whoever may, where the requester may not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from honk.domain import event as events
from honk.domain.event import Event
from honk.domain.task import State
from honk.domain.text import shortened
from honk.domain.thread import Thread
from honk.domain.verdict import Answer, Finding
from honk.doors.slack import writing as w
from honk.doors.slack.card import Shown, of_turn
from honk.doors.slack.markdown import shown_as
from honk.doors.slack.plain_words import reason_of, remedy_of
from honk.doors.slack.writing import Block
from honk.views import Card, what_changed, what_to_try
from honk.views.moves import mergeable, proposed

#: Outcomes of a turn after which a person is needed, and how that is said.
_NEEDS = {
    "fail": ("warning", "The gate refused it. What there is, is kept as a draft."),
    "unsure": ("grey_question", "Not everything could be proven. A person has to look."),
    "limit": ("hourglass", "A limit ended the work. What there is, is kept as a draft."),
    "error": ("x", "The work broke off."),
    "no_change": ("shrug", "Nothing was changed."),
    "question": ("raising_hand", "It waits for a person."),
}
_CHOICES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """A message, and the occasion that it is named after."""

    key: str
    #: of the event that it is about
    seq: int
    #: None where there is nothing but pictures
    shown: Shown | None = None
    pictures: tuple["Picture", ...] = ()
    #: what stands above the pictures
    comment: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture or a film to upload."""

    name: str
    title: str
    digest: str


def announcements(
    fresh: Sequence[Event], log: Sequence[Event], card: Card, thread: Thread, whom: Sequence[str] = ()
) -> Iterator[Announcement]:
    """What is to be said of the fresh events, in order; `whom` is who must act where something can be merged."""
    for event in fresh:
        key = f"event/{event.seq}"
        if isinstance(event.data, events.BuildPictured):
            yield _pictured(event.data, key, event.seq)
        elif (made := _announcement(event, log, card, thread, whom)) is not None:
            text, blocks = made
            yield Announcement(key=key, seq=event.seq, shown=Shown(text=w.notice(text), blocks=blocks))


def _pictured(data: events.BuildPictured, key: str, seq: int) -> Announcement:
    """Before, after and the film; one that is missing was not worth a word."""
    named = (("before", data.before), ("after", data.after))
    pictures = tuple(
        Picture(name=f"{when}.png", title=when.capitalize(), digest=digest) for when, digest in named if digest
    )
    comment = "Before and after" if len(pictures) == 2 else "How it looks"
    if data.errors:
        comment += f". The page told of an error: {shortened(data.errors[0], 300)}"
    if data.film:
        pictures += (Picture(name="film.mp4", title="Film", digest=data.film),)
    return Announcement(key=key, seq=seq, pictures=pictures, comment=w.notice(comment))


Made = tuple[str, list[Block]]


def _announcement(event: Event, log: Sequence[Event], card: Card, thread: Thread, whom: Sequence[str]) -> Made | None:
    match event.data:
        case events.QuestionAsked() as asked:
            return _question(asked, event, card, thread)
        case events.QuestionReminded(question=question, hours=hours):
            return _reminder(question, hours, thread)
        case events.PlanProposed() as plan:
            return _plan(plan, card, thread)
        case events.BuildReady() as ready:
            return _build(ready, event, log, card, thread, whom)
        case events.TaskSettled() as settled:
            return _settled(settled, event, log, card, thread, whom)
        case events.MergeDone() | events.MergeRefused() | events.DeploymentFinished():
            return _landed(event, log, card, thread)
        case events.DeploymentWatched(state="unhealthy") as watched:
            return _unhealthy(watched, card, thread)
    return None


def _to(thread: Thread) -> w.Mrkdwn:
    return w.person(thread.asked_by)


def _to_all(thread: Thread, whom: Sequence[str]) -> w.Mrkdwn:
    return w.line(*(part for user in whom or (thread.asked_by,) for part in (w.person(user), " ")))


def _question(asked: events.QuestionAsked, event: Event, card: Card, thread: Thread) -> Made:
    id = card.task.id
    lines = [w.line(_to(thread), " ", w.bold("A question"))]
    buttons = [
        w.button(choice, f"honk:choice:{number}", f"{id} {event.seq} {number}")
        for number, choice in enumerate(asked.choices[:_CHOICES], 1)
    ]
    buttons.append(w.button("Answer…", "honk:answer", id, style="" if asked.choices else "primary"))
    return f"A question: {asked.question}", [w.rich(*lines, w.quote(shortened(asked.question, 2500))), w.row(*buttons)]


def _reminder(question: str, hours: float, thread: Thread) -> Made:
    said = f"still waiting for an answer, for {hours:g} h:"
    lines = [w.line(_to(thread), f" {said}"), w.quote(shortened(question, 2500))]
    return f"{said.capitalize()} {question}", [w.rich(*lines)]


def _plan(plan: events.PlanProposed, card: Card, thread: Thread) -> Made:
    id = card.task.id
    go = w.button("Go", "honk:go", f"{id} {plan.name}", style="primary")
    change, cancel = w.button("Change…", "honk:change", id), w.button("Cancel", "honk:cancel", id, style="danger")
    cancel = w.sure(cancel, "Give the plan up?", "The task is stopped. What was read and planned is kept.", "Cancel it")
    blocks = [w.rich(w.line(_to(thread), " ", w.bold("The plan"))), *w.sections(*shown_as(plan.text))]
    return f"The plan: {shortened(plan.text, 300)}", [*blocks, w.row(go, change, cancel)]


def _build(
    ready: events.BuildReady, event: Event, log: Sequence[Event], card: Card, thread: Thread, whom: Sequence[str]
) -> Made:
    name = shortened(ready.name or card.task.repository.name, 80)
    version = shortened(ready.app_version or ready.commit[:7], 60)
    changed, tried = _changed(log, event.turn), what_to_try(_summary(log, event.turn))
    lines = [w.line(_to_all(thread, whom), w.bold(f"{name} {version}"), " is ready to try")]
    lines += [w.line(one) for one in changed]
    if tried:
        lines.append(w.line(w.bold("What to try: "), shortened(tried, 300)))
    blocks = [w.rich(*lines)]
    page = card.page and f"{card.page.partition('/tasks/')[0]}/builds/{ready.build}"
    if ready.package:  # a phone that is not signed in installs it too
        page = ready.preview_url or page
    buttons = (
        [w.button("Install / Open", "honk:open", card.task.id, style="primary", url=page)]
        if _reaches(card) and page
        else []
    )
    buttons += _decide(card, style="" if buttons else "primary")
    if buttons:
        blocks.append(w.row(*buttons))
    if not _reaches(card):
        blocks.append(w.small(w.escaped(shortened(card.hint or ready.hint, 300))))
    return f"{name} {version} is ready to try", blocks


def _settled(
    settled: events.TaskSettled,
    event: Event,
    log: Sequence[Event],
    card: Card,
    thread: Thread,
    whom: Sequence[str],
) -> Made | None:
    turn = [one.data for one in log if one.turn == event.turn]
    if settled.outcome == "pass" and settled.state == State.PROPOSED:
        if any(isinstance(one, events.BuildReady) for one in turn):
            return None
        lines = [w.line(_to_all(thread, whom), w.emoji("white_check_mark"), " ", w.bold("Ready to merge"))]
        lines += [w.line(one) for one in _changed(log, event.turn)]
        return f"Ready to merge: {card.task.instruction}", [w.rich(*lines), *_rows(_decide(card))]
    said_already = any(isinstance(one, events.QuestionAsked | events.PlanProposed) for one in turn)
    if settled.outcome not in _NEEDS or (settled.outcome == "question" and said_already):
        return None
    if _told_already(log, event):
        return None
    if settled.state in {State.MERGED, State.DEPLOYED}:
        return _broke_off(settled, card, thread)
    mark, words = _NEEDS[settled.outcome]
    if settled.outcome == "no_change" and settled.state == State.PROPOSED:
        words = "Nothing more was changed."
    to = _to_all(thread, whom if mergeable(card) else ())
    lines = [w.line(to, w.emoji(mark), " ", w.bold(words)), *_why(settled, card)]
    buttons = [*_decide(card), w.button("Retry", "honk:retry", of_turn(card))]
    return f"{words} {settled.reason}", [w.rich(*lines), *_rows(buttons)]


def _told_already(log: Sequence[Event], event: Event) -> bool:
    """Whether what ended with this event has had a message: a refusal to merge, or how a deployment ended."""
    for one in reversed([each for each in log if each.seq < event.seq]):
        if isinstance(one.data, events.MergeRefused | events.DeploymentFinished):
            return True
        if isinstance(one.data, events.TaskSettled):
            return False
    return False


def _broke_off(settled: events.TaskSettled, card: Card, thread: Thread) -> Made | None:
    """A deployment or an undo of which nothing was begun."""
    if not settled.reason:
        return None
    undoes = settled.state == State.DEPLOYED
    words = "It was not undone" if undoes else "It is merged, and was not deployed"
    again = w.button("Undo…", "honk:undo", card.task.id, style="danger")
    if not undoes:
        again = w.button("Deploy", "honk:deploy", of_turn(card), style="primary")
    lines = [w.line(_to(thread), " ", w.emoji("x"), " ", w.bold(words)), w.quote(w.sentence(reason_of(settled.reason)))]
    return f"{words}: {settled.reason}", [w.rich(*lines), w.row(again)]


def _why(settled: events.TaskSettled, card: Card) -> list[w.Mrkdwn]:
    found = [w.line("• ", shortened(one.summary, 250)) for one in _refusing(card)][:4]
    found += [w.line("• not proven: ", shortened(one, 250)) for one in _unproven(card)][:3]
    if settled.reason and (not found or settled.outcome not in {"fail", "unsure"}):
        found.insert(0, w.quote(w.sentence(reason_of(settled.reason))))
    return found


def _refusing(card: Card) -> list[Finding]:
    return [one for one in card.verdict.findings if one.counts and one.answer is Answer.FAIL] if card.verdict else []


def _unproven(card: Card) -> tuple[str, ...]:
    return card.verdict.not_proven if card.verdict and card.verdict.answer is Answer.UNSURE else ()


def _landed(event: Event, log: Sequence[Event], card: Card, thread: Thread) -> Made | None:
    match event.data:
        case events.MergeDone(commit=commit, base=base):
            said = f"Merged into {shortened(base, 120)} as {commit[:7]}"
            return said, [w.text(w.emoji("twisted_rightwards_arrows"), " ", w.bold(said))]
        case events.MergeRefused(reason=reason, remedy=remedy):
            lines = [
                w.line(_to(thread), " ", w.emoji("no_entry"), " ", w.bold("Not merged")),
                w.quote(w.sentence(reason)),
            ]
            helps = remedy_of(remedy)
            return f"Not merged: {reason}", [w.rich(*lines, *([w.line(w.sentence(helps))] if helps else []))]
        case events.DeploymentFinished() as finished:
            return _undone(finished.environment) if _went_back(event, log) else _deployed(finished, card, thread)
    return None


def _went_back(event: Event, log: Sequence[Event]) -> bool:
    """Whether what is live now is another version than the one that was merged."""
    before = [one.data for one in log if one.seq < event.seq]
    merged = [one.commit for one in before if isinstance(one, events.MergeDone)]
    begun = [one.commit for one in before if isinstance(one, events.DeploymentStarted)]
    live = isinstance(event.data, events.DeploymentFinished) and event.data.state == "live"
    return live and bool(merged and begun) and begun[-1] != merged[-1]


def _undone(environment: str) -> Made:
    said = f"Undone: {shortened(environment, 80)} has the version before"
    return said, [w.text(w.emoji("rewind"), " ", w.bold(said))]


def _deployed(finished: events.DeploymentFinished, card: Card, thread: Thread) -> Made | None:
    where = shortened(finished.environment, 80)
    if finished.state == "live":
        parts: list[w.Part] = [w.emoji("rocket"), " ", w.bold(f"Deployed to {where}")]
        address = card.production or finished.url
        if address and (_reaches(card) or not address.startswith((card.page or "-").partition("/tasks/")[0])):
            parts += [" · ", w.link(address, "open it")]
        undo = w.button("Undo…", "honk:undo", card.task.id, style="danger")
        rows = [w.row(undo)] if card.task.state is State.DEPLOYED else []
        return f"Deployed to {where}", [w.text(*parts), *rows]
    if finished.state == "undone":
        return _undone(where)
    said = f"The deployment to {where} is unhealthy: the version before is still live"
    blocks = [w.rich(w.line(_to(thread), " ", w.emoji("rotating_light"), " ", w.bold(said)))]
    if finished.output.strip():
        blocks.append(w.rich(w.pre(finished.output.strip()[-800:])))
    return said, [*blocks, w.row(w.button("Deploy again", "honk:deploy", of_turn(card)))]


def _unhealthy(watched: events.DeploymentWatched, card: Card, thread: Thread) -> Made:
    """What is live is not well; undo is a press away, where it is still live."""
    said = f"{shortened(watched.environment, 80)} is unhealthy since {watched.since}"
    lines = [w.line(_to(thread), " ", w.emoji("rotating_light"), " ", w.bold(said))]
    lines += [w.quote(shortened(watched.detail, 800)), w.line(w.sentence(shortened(watched.undo, 300)))]
    undo = w.button("Undo…", "honk:undo", card.task.id, style="danger")
    return said, [w.rich(*lines), *([w.row(undo)] if card.task.state is State.DEPLOYED else [])]


# ── parts ──────────────────────────────────────────────────────────────────────────────────────
def _decide(card: Card, style: str = "primary") -> list[Block]:
    """Merge and review, where there is something to decide."""
    if not proposed(card):
        return []
    merge = [w.button("Merge…", "honk:merge", card.task.id, style=style)] if mergeable(card) else []
    return [*merge, w.button("Review", "honk:review", card.task.id)]


def _rows(buttons: list[Block]) -> list[Block]:
    return [w.row(*buttons)] if buttons else []


def _reaches(card: Card) -> bool:
    """Whether a phone can open Honk's own addresses, as far as is known."""
    return bool(card.page) and not card.hint


def _summary(log: Sequence[Event], turn: int) -> str:
    found = [one.data.summary for one in log if one.turn == turn and isinstance(one.data, events.AgentFinished)]
    return found[-1] if found else ""


def _changed(log: Sequence[Event], turn: int) -> list[str]:
    """Two lines: what the agent says it did, and how much that is."""
    taken = [one.data for one in log if isinstance(one.data, events.ChangeTaken)]
    if not taken:
        return []
    last = taken[-1]
    return [one for one in what_changed(_summary(log, turn), len(last.files), last.insertions, last.deletions) if one]
