"""Which events are worth a comment of their own: changing one that is there tells nobody. Everything else is status."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from honk.domain import event as events
from honk.domain.event import Event
from honk.domain.task import State
from honk.domain.text import plain
from honk.domain.thread import Thread
from honk.doors.github.plain_words import reason_of, remedy_of, sentence
from honk.doors.github.status import question_of, quoted

_PLAN = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """A comment, and the occasion that it is named after."""

    key: str
    text: str


def announcements(fresh: Sequence[Event], log: Sequence[Event], thread: Thread, name: str) -> Iterator[Announcement]:
    """A question, a plan, a refused merge, a deployment that waits, failed or did not begin; for whoever asked."""
    to = f"@{thread.asked_by} " if thread.asked_by and not thread.asked_by.endswith("[bot]") else ""
    for event in fresh:
        text = _broke_off(event, log, name) or _text(event, name)
        if text:
            yield Announcement(key=f"event/{event.seq}", text=to + text)


def _text(event: Event, name: str) -> str:
    match event.data:
        case events.QuestionAsked() as asked:
            number = " The number of a choice will do." if asked.choices else ""
            return f"I have a question:\n\n{question_of(asked)}\n\n`@{name} …` answers it.{number}"
        case events.QuestionReminded(question=question, hours=hours):
            return f"I still wait for an answer, for {hours:g} h:\n\n{quoted(plain(question)[:3000])}"
        case events.PlanProposed() as plan:
            ways = f"`@{name} go` carries it out, `@{name} …` has it changed, `@{name} stop` gives it up."
            return f"This is the plan:\n\n{quoted(plain(plan.text)[:_PLAN])}\n\n{ways}"
        case events.MergeRefused(reason=reason, remedy=remedy):
            helps = remedy_of(remedy, name)
            return " ".join(["Not merged:", sentence(plain(reason)), *([sentence(helps)] if helps else [])])
        case events.DeploymentWaits(reason=reason, url=url) as waits if reason:
            where = f"\n\n{url}" if url else ""
            return f"The deployment to {plain(waits.environment)} {plain(reason)}.{where}"
        case events.DeploymentFinished(state="failed") as finished:
            where = plain(finished.environment)
            return f"The deployment to {where} failed: the version before is still live."
        case events.DeploymentWatched(state="unhealthy") as watched:
            where, why = plain(watched.environment), plain(watched.detail)
            return f"{where} is unhealthy since {watched.since}: {why}. {plain(watched.undo)}"
    return ""


def _broke_off(event: Event, log: Sequence[Event], name: str) -> str:
    """A deployment or an undo that ended before it began."""
    settled = event.data
    if not isinstance(settled, events.TaskSettled) or not settled.reason:
        return ""
    words = {State.DEPLOYED: "It was not undone", State.MERGED: "It is merged, and was not deployed"}
    said = words.get(State(settled.state), "")
    for one in reversed([each for each in log if each.seq < event.seq]):
        if isinstance(one.data, events.TaskSettled):
            break
        if isinstance(one.data, events.MergeRefused | events.DeploymentFinished):
            return ""
    return f"{said}. {reason_of(settled.reason, name)}" if said else ""
