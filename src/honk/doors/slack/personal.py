"""What concerns one person alone, wherever they ask for it: their tasks, how to use Honk, and how to be linked."""

from collections.abc import Awaitable, Callable

from honk.domain.task import BUSY, State, Task
from honk.domain.text import shortened
from honk.doors.slack import writing as w
from honk.doors.slack.card import EMOJI
from honk.doors.slack.people import Caller, People
from honk.doors.slack.writing import Block
from honk.service import Query
from honk.service.approving import to_approve
from honk.views.standing import SAYS

#: What is said, as a notification and as blocks.
Says = tuple[str, list[Block]]

HELP = (
    (
        "/honk fix the crash when a playlist is empty",
        "asks; so does @honk, a message to me, or “Ask Honk” on a message",
    ),
    ("/honk here REPOSITORY", "this channel's repository; “off” forgets it"),
    ("/honk status", "what is at work, and what waits for you"),
    ("/honk stop [TASK]", "stops what is at work in this channel, or that task; the work is kept"),
    ("/honk link", "shows once who you are, so that you may merge"),
    ("/honk quiet 20:00-08:00", "when nothing new is said to you; “off” ends it"),
)

_OPTIONS = "Options in words: on branch release/8, plan first, use opus, no build, at most $3."
_REPLIES = "Reply in the thread to steer; “now: …” interrupts; “stop” stops."
_LISTED = 15
#: What waits for a person, and what is over.
WAITS = frozenset({State.PROPOSED, State.DRAFT, State.WAITING})
OPEN = WAITS | BUSY


async def help_says(_: Caller) -> Says:
    """How to use Honk."""
    return "How to use Honk", [*help_blocks(), w.rich(w.line(_OPTIONS), w.line(_REPLIES))]


def help_blocks() -> list[Block]:
    return [w.rich(*(w.line(w.code(one), "  ", w.faint(what)) for one, what in HELP))]


async def status_says(caller: Caller) -> Says:
    """What is at work for the person, and what waits for them."""
    listed = await caller.service.tasks(Query(states=tuple(sorted(OPEN)), mine=True, limit=100))
    mine = [*listed.tasks, *(await to_approve(caller.service.app, caller.person))]
    if not mine:
        return "Nothing is at work for you", [w.text("Nothing is at work for you, and nothing waits.")]
    said = "1 task" if len(mine) == 1 else f"{len(mine)} tasks"
    lines = [status_line(one) for one in mine[:_LISTED]]
    if len(mine) > _LISTED:
        lines.append(w.line(f"and {len(mine) - _LISTED} more"))
    return said, [w.rich(w.points(*lines))]


def status_line(task: Task) -> w.Mrkdwn:
    return w.line(
        w.emoji(EMOJI[task.state]),
        " ",
        shortened(task.called, 100),
        w.faint(f" ({SAYS[task.state]}, {task.repository.name})"),
    )


#: What somebody says who wants no change of a repository, and what is answered.
_QUESTIONS: dict[str, Callable[[Caller], Awaitable[Says]]] = {
    **dict.fromkeys(("help", "hello", "hi", "what can you do"), help_says),
    **dict.fromkeys(("status", "what is at work", "what is at work for me"), status_says),
}


async def answer_to(words: str, caller: Caller) -> Says | None:
    """The answer to a question about Honk itself; None for a request."""
    answers = _QUESTIONS.get(" ".join(words.lower().split()).rstrip(" .!?"))
    return None if answers is None else await answers(caller)


def link_blocks(people: People, caller: Caller, workspace: str, hint: str) -> list[Block]:
    """The way to show who one is: a page on which one is signed in, and the code that it shows."""
    address = people.address_of_link(caller, workspace)
    if address is None or hint:
        return [w.text("Linking needs Honk's pages, which a phone cannot open now: ", hint or "no server runs")]
    return [
        w.text("Open the page, sign in, and put the code that it shows in here. You need an access token of Honk."),
        w.row(
            w.button("Open the page", "honk:open", url=address, style="primary"),
            w.button("I have the code…", "honk:code"),
        ),
    ]
