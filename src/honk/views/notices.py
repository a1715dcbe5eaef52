"""What is said of an event to people who look at no page, and what they can do about it without one.

What is said fits a lock screen: a line, and the words that matter. What waits for a person is told apart from what is
only good to know. Merging, deploying and undoing are done on pages, which say what comes of it.
"""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from honk.domain import event as events
from honk.domain.event import Event, EventData
from honk.domain.notice import Deed, Notice, Offer
from honk.domain.task import State, Task
from honk.domain.text import shortened, visible

#: characters of a title, of a body and of a button
_TITLE, _BODY, _LABEL = 80, 240, 30
#: a lock screen has two buttons
_OFFERS = 2
_WORKS = frozenset({State.PREPARING, State.CODING, State.VERIFYING})
#: Outcomes of a turn after which a person is needed.
_NEEDS = {
    "fail": "The gate refused it",
    "unsure": "Not everything could be proven",
    "limit": "A limit ended the work",
    "error": "The work broke off",
    "no_change": "Nothing was changed",
    "question": "It waits for you",
}
#: Events of which somebody may want to be told.
TOLD: tuple[type[EventData], ...] = (
    events.QuestionAsked,
    events.QuestionReminded,
    events.PlanProposed,
    events.TaskSettled,
    events.TaskMoved,
    events.BuildReady,
    events.MergeDone,
    events.MergeRefused,
    events.DeploymentFinished,
    events.DeploymentWatched,
)


class _More(TypedDict, total=False):
    needs: bool
    offers: tuple[Offer, ...]
    decides: bool


def notice_of(event: Event, log: Sequence[Event], task: Task) -> Notice | None:
    """What is said of the event; None for nothing. `log` has the events of its turn that came before it."""
    match event.data:
        case events.QuestionAsked() | events.QuestionReminded() | events.PlanProposed():
            return _asked(event, task)
        case events.TaskSettled() as settled:
            return _settled(settled, event, log, task)
        case events.TaskMoved(state=State.CODING, before=State.PREPARING):
            stop = Offer(label="Stop", deed=Deed.STOP, of=str(event.turn))
            return _notice(event, task, "Honk is at work", task.called, offers=(stop,))
        case events.BuildReady() as ready:
            name = ready.name or task.repository.name
            page = f"/builds/{ready.build}"
            return _notice(event, task, f"{name} {ready.app_version} is ready to try", task.called, page=page)
        case events.MergeDone() | events.MergeRefused() | events.DeploymentFinished() | events.DeploymentWatched():
            return _landed(event, task)
    return None


def still_so(event: Event, task: Task) -> bool:
    """Whether it is worth saying as the task is now: nobody is asked what was answered meanwhile."""
    match event.data:
        case events.QuestionAsked() | events.QuestionReminded() | events.PlanProposed():
            # it is told before the turn has come to its end
            return task.turn == event.turn and task.state in _WORKS | {State.WAITING}
        case events.TaskMoved():
            return task.turn == event.turn and task.state in _WORKS
        case events.TaskSettled(state=state):
            return task.turn == event.turn and task.state == state
    return True


def _asked(event: Event, task: Task) -> Notice | None:
    match event.data:
        case events.QuestionAsked(question=question, choices=choices):
            offers = tuple(
                Offer(label=_line(choice, _LABEL), deed=Deed.ANSWER, of=str(event.seq), choice=number)
                for number, choice in enumerate(choices, 1)
            )
            # two of three answers would read as if there were no third
            few = offers if len(offers) <= _OFFERS else ()
            return _notice(event, task, f"A question: {task.called}", question, needs=True, offers=few)
        case events.QuestionReminded(question=question, hours=hours):
            said = f"Waiting for {hours:g} h: {task.called}"
            return _notice(event, task, said, question, needs=True)
        case events.PlanProposed(name=name, text=text):
            offers = (
                Offer(label="Go", deed=Deed.GO, of=name),
                Offer(label="Stop", deed=Deed.STOP, of=str(event.turn)),
            )
            return _notice(event, task, f"The plan: {task.called}", text, needs=True, offers=offers)
    return None


def _settled(settled: events.TaskSettled, event: Event, log: Sequence[Event], task: Task) -> Notice | None:
    turn = [one.data for one in log if one.turn == event.turn and one.seq < event.seq]
    review = f"/tasks/{task.id}/pull-request"
    if settled.outcome == "pass":
        if settled.state != State.PROPOSED:
            return None
        return _notice(event, task, "Ready to merge", task.called, needs=True, page=review, decides=True)
    asked = any(isinstance(one, events.QuestionAsked | events.PlanProposed) for one in turn)
    if settled.outcome not in _NEEDS or (settled.outcome == "question" and asked) or _told_already(turn):
        return None
    if settled.state in {State.MERGED, State.DEPLOYED}:
        if not settled.reason:
            return None
        undoes = settled.state == State.DEPLOYED
        said = "It was not undone" if undoes else "It is merged, and was not deployed"
        return _notice(event, task, f"{said}: {task.called}", settled.reason, needs=True)
    decides = settled.outcome == "unsure"
    said = f"{_NEEDS[settled.outcome]}: {task.called}"
    page = review if decides else ""
    return _notice(event, task, said, settled.reason or task.instruction, needs=True, page=page, decides=decides)


def _told_already(turn: Sequence[EventData]) -> bool:
    """Whether what ended with it was told: a refusal to merge, or how a deployment ended."""
    for one in reversed(turn):
        if isinstance(one, events.MergeRefused | events.DeploymentFinished):
            return True
        if isinstance(one, events.TaskSettled):
            return False
    return False


def _landed(event: Event, task: Task) -> Notice | None:
    match event.data:
        case events.MergeDone(base=base):
            return _notice(event, task, f"Merged into {base}", task.called)
        case events.MergeRefused(reason=reason):
            return _notice(event, task, f"Not merged: {task.called}", reason, needs=True)
        case events.DeploymentFinished(environment=where, state="live"):
            return _notice(event, task, f"Live in {where}", task.called)
        case events.DeploymentFinished(environment=where, state="undone"):
            return _notice(event, task, f"Undone: {where} has the version before", task.called)
        case events.DeploymentFinished(environment=where):
            return _notice(event, task, f"The deployment to {where} failed", task.called, needs=True)
        case events.DeploymentWatched(environment=where, state="healthy"):
            return _notice(event, task, f"{where} is healthy", task.called)
        case events.DeploymentWatched(environment=where, state="unhealthy", detail=detail):
            page = f"/tasks/{task.id}/undo" if task.state is State.DEPLOYED else ""
            return _notice(event, task, f"{where} is unhealthy: {task.called}", detail, needs=True, page=page)
    return None


def _notice(event: Event, task: Task, title: str, body: str, page: str = "", **more: Unpack[_More]) -> Notice:
    page = page or f"/tasks/{task.id}"
    said = {"title": _line(title, _TITLE), "body": _line(body, _BODY)}
    return Notice(task=task.id, seq=event.seq, at=event.at, page=page, **said, **more)


def _line(text: str, limit: int) -> str:
    """Words of agents and people, in which nothing is hidden or turned round."""
    return shortened(visible(text), limit)
