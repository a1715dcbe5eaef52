"""Modals: small forms over the thread. What each is about stands in its private metadata, as JSON."""

import json
from collections.abc import Sequence

from honk.domain.policy import Confirmation
from honk.domain.text import shortened
from honk.domain.verdict import Answer
from honk.doors.slack import writing as w
from honk.doors.slack.card import tests
from honk.doors.slack.plain_words import remedy_of
from honk.doors.slack.writing import Block, Mrkdwn
from honk.views.branch import Branch
from honk.views.merging import ChangedFile, Check, Merging, Promoting
from honk.views.standing import MARKS

_FILES, _CHECKS, _ENVIRONMENTS = 12, 10, 5
_SAYS = {
    Answer.PASS: "The gate passed it.",
    Answer.FAIL: "The gate refused it.",
    Answer.UNSURE: "Not everything is proven.",
}


def metadata(**about: str) -> str:
    """What a modal is about."""
    return json.dumps(about)


def about(text: str) -> dict[str, str]:
    """The same, when it comes back; nothing of what is none."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def loading(title: str) -> Block:
    """Shown at once, while what it will show is found out."""
    return w.modal("honk:none", title, [w.text(w.faint("One moment…"))])


def problem(title: str, message: str, remedy: str = "") -> Block:
    lines = [w.line(w.sentence(message, 1500)), *([w.line(w.faint(w.sentence(remedy)))] if remedy else [])]
    return w.modal("honk:none", title, [w.rich(*lines)])


def words(move: str, task: str, title: str, label: str, hint: str, submit: str) -> Block:
    """One field for words: an answer, a change, an interruption."""
    return w.modal(
        f"honk:{move}",
        title,
        [w.field("words", label, hint=hint, long=True)],
        submit=submit,
        metadata=metadata(task=task),
    )


def ask(text: str, asked: str) -> Block:
    """The shortcut on a message: its words may be changed before they are asked."""
    blocks = [
        w.field("words", "What should be different?", initial=text, long=True),
        {**w.search("repository", "Repository", "honk:find", "Found by its name"), "optional": True},
        w.small(
            w.escaped("Left out, it is found as in any message. Options in words: on branch x, plan first, no build.")
        ),
    ]
    return w.modal("honk:ask", "Ask Honk", blocks, submit="Ask", metadata=asked)


def which(asked: str) -> Block:
    """The search among all repositories that the person may use."""
    return w.modal(
        "honk:which",
        "Which repository?",
        [w.search("repository", "Repository", "honk:find", "Type a part of its name")],
        submit="Take it",
        metadata=metadata(ask=asked),
    )


def hand_over(task: str, agents: Sequence[str]) -> Block:
    blocks = [
        w.choice("agent", "Who goes on?", [(one, one) for one in agents], initial=agents[0]),
        w.field("model", "Model", hint="the same as now", optional=True),
        w.field("words", "What should it begin with?", hint="Go on with this task.", long=True, optional=True),
    ]
    return w.modal("honk:hand-over", "Hand over", blocks, submit="Hand over", metadata=metadata(task=task))


def code() -> Block:
    """Where the code goes that the page shows."""
    blocks = [w.field("code", "The code from the page", hint="8 digits")]
    return w.modal("honk:code", "Link yourself", blocks, submit="Link", metadata=metadata())


def branch(found: Branch) -> Block:
    blocks = [w.text("In a clone of the repository:"), w.rich(w.pre("\n".join(found.commands)))]
    if found.note:
        blocks.append(w.small(w.escaped(shortened(found.note, 300))))
    return w.modal("honk:none", "The branch", blocks)


# ── merge, review, undo ────────────────────────────────────────────────────────────────────────
def merge(view: Merging) -> Block:
    """Commit, checks, verdict, who asked, and what undo will do; a button only where it would be obeyed."""
    refused = view.refusal or ("" if view.allowed else view.policy)
    title = "Deploy" if view.landed else "Merge"
    blocks = [w.rich(*_what(view))]
    if view.checks:
        blocks.append(w.rich(w.points(*_checks(view.checks))))
    if view.not_proven:
        lines = [w.line(shortened(one, 250)) for one in view.not_proven[:6]]
        blocks += [w.text(w.bold("Not proven")), w.rich(w.points(*lines))]
    blocks.append(w.rich(*_afterwards(view)))
    if refused:
        blocks.append(w.rich(w.line(w.emoji("no_entry"), " ", w.bold("Not now. "), w.sentence(refused))))
        if remedy := remedy_of(view.remedy):
            blocks.append(w.small(w.escaped(w.sentence(remedy, 400))))
        return w.modal("honk:none", title, blocks)
    if view.needs_accept:
        blocks.append(w.boxes("accept", "Before you merge", [("I accept what was not proven", "accept")]))
        blocks[-1].pop("optional", None)
    if view.confirmation is Confirmation.TYPED:
        blocks.append(w.field("typed", f"Type {view.word} to confirm", hint=view.word))
    return w.modal("honk:merge", title, blocks, submit=title, metadata=metadata(task=view.task, head=view.head))


def _what(view: Merging) -> list[Mrkdwn]:
    head = w.code(view.head[:12])
    first = [w.bold(shortened(view.title, 200))]
    second: list[w.Part] = ["commit ", head, f" of {view.branch} into {view.base}"]
    lines = [w.line(*first), w.line(*second), w.line(f"asked by {view.asked_by}")]
    if view.answer is not None:
        lines.append(w.line(w.bold(_SAYS[view.answer])))
    if view.proof:
        lines.append(w.line("Red without the change, green with it: ", w.code(tests(view.proof, 2))))
    if view.approved_by:
        lines.append(w.line(f"Approved by {', '.join(view.approved_by)}"))
    return lines


def _checks(checks: Sequence[Check]) -> list[Mrkdwn]:
    counted = [one for one in checks if one.counts] or list(checks)
    lines = [w.line(f"{MARKS[one.answer]} {one.verifier}: {shortened(one.summary, 160)}") for one in counted[:_CHECKS]]
    return [*lines, w.line(f"and {len(counted) - _CHECKS} more")] if len(counted) > _CHECKS else lines


def _afterwards(view: Merging) -> list[Mrkdwn]:
    deploying = view.deploying
    lines = []
    if deploying.environment:
        lines.append(w.line(f"Then it is deployed to {deploying.environment}."))
    if deploying.waits:
        lines.append(w.line(w.sentence(shortened(deploying.waits, 400))))
    lines.append(_undoing(deploying.undo))
    for later in deploying.then[:_ENVIRONMENTS]:
        how = "goes on by itself once healthy" if later.itself else "may be promoted from there"
        lines.append(w.line(f"To {later.environment} it {how}. ", w.bold("Undo there: "), w.sentence(later.undo)))
    return lines


def _undoing(sentence: str) -> Mrkdwn:
    return w.line(w.bold("Undo: "), shortened(sentence.removeprefix("undo "), 400))


def review(view: Merging, links: Sequence[tuple[str, str]]) -> Block:
    """One minute: the verdict in a line, the proof, files by risk, what was not proven, and where more is."""
    blocks = [w.rich(*_what(view))]
    if view.files:
        blocks += [w.text(w.bold("Look at these first")), w.rich(w.points(*_files(view.files)))]
    if view.not_proven:
        lines = [w.line(shortened(one, 250)) for one in view.not_proven[:6]]
        blocks += [w.text(w.bold("Not proven")), w.rich(w.points(*lines))]
    if view.checks:
        blocks += [w.text(w.bold("Checks")), w.rich(w.points(*_checks(view.checks)))]
    if links:
        blocks.append(
            w.row(*(w.button(label, f"honk:open:{number}", url=url) for number, (label, url) in enumerate(links)))
        )
    if not view.head or view.landed:
        return w.modal("honk:none", "Review", blocks)
    blocks.append(w.field("words", "A remark for the pull request", long=True, optional=True))
    about = metadata(task=view.task, head=view.head)
    return w.modal("honk:approve", "Review", blocks, submit="Approve", metadata=about)


def _files(files: Sequence[ChangedFile]) -> list[Mrkdwn]:
    lines = [
        w.line(w.code(shortened(one.path, 120)), f" +{one.insertions} −{one.deletions}: {one.why}")
        for one in files[:_FILES]
    ]
    return [*lines, w.line(f"and {len(files) - _FILES} more")] if len(files) > _FILES else lines


def promote(view: Promoting, title: str) -> Block:
    """What goes where, and what undoing means there, before it is done."""
    lines = [w.line(w.bold(shortened(title, 200)))]
    if refused := view.refusal or ("" if view.allowed else view.policy):
        lines.append(w.line(w.emoji("no_entry"), " ", w.bold("Not now. "), w.sentence(refused)))
        return w.modal("honk:none", "Promote", [w.rich(*lines)])
    lines.append(w.line(w.code(view.commit[:12]), f" goes from {view.came_from} to {view.environment}"))
    if view.waits:
        lines.append(w.line(w.sentence(shortened(view.waits, 400))))
    lines.append(_undoing(view.undo))
    about = metadata(task=view.task, environment=view.environment)
    return w.modal("honk:promote", "Promote", [w.rich(*lines)], submit="Promote", metadata=about)


def undo(view: Merging) -> Block:
    """What undoing does, before it is done."""
    lines = [w.line(w.bold(shortened(view.title, 200))), _undoing(view.deploying.undo)]
    if not view.allowed:
        lines.append(w.line(w.emoji("no_entry"), " ", w.sentence(view.policy)))
        return w.modal("honk:none", "Undo", [w.rich(*lines)])
    return w.modal("honk:undo", "Undo", [w.rich(*lines)], submit="Undo", metadata=metadata(task=view.task))
