"""What a pull request says: asked, done, proven, not proven, how to try it, what it cost."""

import re
from dataclasses import dataclass

from honk.domain.address import canonical
from honk.domain.attempt import Attempt
from honk.domain.build import Build
from honk.domain.event import AgentFinished, AgentStarted, ChangeTaken, Event
from honk.domain.message import Message
from honk.domain.plan import latest
from honk.domain.pull_request_text import REST
from honk.domain.remote_check import NOT_SAID
from honk.domain.repository import Repository
from honk.domain.task import Task
from honk.domain.text import closing_nothing, one_line, plain
from honk.domain.turn import Turn
from honk.domain.verdict import Answer, Finding, Verdict
from honk.ports import Ports

_MARKS = {Answer.PASS: "pass", Answer.FAIL: "**fail**", Answer.UNSURE: "*unsure*"}
#: characters of one part
_PART = 12_000
_ISSUE = re.compile(r"https?://(?P<place>[^?#]+?)/(?:-/)?issues/(?P<number>\d+)(?:[#?].*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What the agent did in the turn that the text is about."""

    summary: str
    cut_short: str = ""
    reason: str = ""
    agent: str = ""
    model: str = ""

    @staticmethod
    def of(attempt: Attempt) -> "Work":
        """As the attempt says."""
        return Work(
            summary=attempt.summary,
            cut_short=attempt.cut_short,
            reason=attempt.reason,
            agent=attempt.agent,
            model=attempt.model,
        )

    @staticmethod
    def told(log: tuple[Event, ...]) -> "Work":
        """As the events say: the latest attempt."""
        started = next((one.data for one in reversed(log) if isinstance(one.data, AgentStarted)), None)
        ended = next((one.data for one in reversed(log) if isinstance(one.data, AgentFinished)), None)
        return Work(
            summary=ended.summary if ended else "",
            cut_short=ended.cut_short if ended else "",
            reason=ended.reason if ended else "",
            agent=started.agent if started else "",
            model=started.model if started else "",
        )


def worked(log: tuple[Event, ...], head: str) -> int:
    """The number of the turn whose work the head is; 0 where a person made it."""
    taken = (one.turn for one in log if isinstance(one.data, ChangeTaken) and one.data.commit == head)
    return next(taken, 0)


async def parts(
    task: Task, turn: Turn, work: Work, verdict: Verdict | None, build: Build | None, *, ports: Ports
) -> dict[str, str]:
    """The parts of the text (Markdown), by the names that `pull_request_text` knows."""
    person = await ports.tasks.get_person(task.requested_by)
    spent = await ports.records.spent(task.id)
    plan = latest(await ports.events.read(task.id)) if turn.message.approves else None
    by = f"Claude Code {work.model}".strip() if work.agent == "claude" else f"the {work.agent} agent"
    page = ports.previews.page(f"/tasks/{task.id}")
    named = f"[`{task.id}`]({page})" if page else f"`{task.id}`"
    asked = [
        _quote(task.instruction),
        *([_quote(turn.message.text)] if turn.number > 1 and plan is None and by_a_person(turn.message) else []),
        *(["### Planned", _quote(plan.text)] if plan else []),
        *_where(task, plain(person.name)),
    ]
    done = [
        _foreign(work.summary) or "(the agent left no summary)",
        *([f"Ended early ({work.cut_short}): {_foreign(work.reason)}"] if work.cut_short else []),
    ]
    footer = (
        f"Made by {by} for {plain(person.name)}, Honk task {named}, turn {turn.number}. "
        f"Estimated cost so far: ${spent.usd:.2f} in {spent.calls} model calls."
    )
    texts = {"asked": asked, "done": done, "proof": _verdict(verdict), "try": _trying(build), REST: ["---", footer]}
    return {name: _bounded("\n\n".join(pieces)) for name, pieces in texts.items()}


def _bounded(text: str) -> str:
    """Together they fit into what a forge takes (65,536 characters at GitHub), with the template."""
    return text if len(text) <= _PART else text[:_PART].rstrip() + "\n\n[…]"


def by_a_person(message: Message) -> bool:
    """Whether somebody said it, and it is not the forge's checks that sent the work back."""
    return not message.id.startswith(NOT_SAID)


def closes(task: Task) -> str:
    """The number of the issue of the same repository in which it was asked for; "" where it was not."""
    match = _ISSUE.fullmatch(task.options.asked_at)
    return match["number"] if match and _same(match["place"], task.repository) else ""


def _same(place: str, repository: Repository) -> bool:
    return place.lower() == (canonical(repository.url) or "").lower()


def _where(task: Task, person: str) -> list[str]:
    if number := closes(task):
        return [f"Closes #{number}"]
    # An address with characters that end a link is no address that a door gave.
    if task.options.asked_at and not re.search(r"[\s()<>]", task.options.asked_at):
        return [f"Asked for by {person} in [this conversation]({task.options.asked_at})."]
    return []


def _trying(build: Build | None) -> list[str]:
    if build is None:
        return []
    name = plain(one_line(f"{build.name} {build.version}")) or f"the {build.kind} build"
    if build.preview_url:
        return [f"[Open {name}]({build.preview_url}), built from `{build.commit[:12]}`."]
    return [f"{name} was built from `{build.commit[:12]}`; it can be opened while `honk serve` runs."]


def _verdict(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return ["Not verified."]
    rows = ["| verifier | answer | |", "|---|---|---|", *(_row(finding) for finding in verdict.findings)]
    said = [f"**{verdict.answer}** on tree `{verdict.tree[:12]}`", "\n".join(rows)]
    if verdict.pending:
        said.append(f"Waits for the repository's own checks: {', '.join(map(_cell, verdict.pending))}.")
    if verdict.proof:
        tests = ", ".join(f"`{plain(test)}`" for test in verdict.proof.tests)
        said.append(f"Red without the change, green with it: {tests}")
    said.append("### Not proven")
    said.append("\n".join(f"- {_foreign(line)}" for line in verdict.not_proven) or "Nothing known.")
    return said


def _row(finding: Finding) -> str:
    answer = _MARKS[finding.answer] if finding.counts else "not run"
    return f"| {_cell(finding.verifier)} | {answer} | {_cell(finding.summary)} |"


def _cell(text: str) -> str:
    return _foreign(one_line(text)).replace("|", "\\|")


def _quote(text: str) -> str:
    cut = text if len(text) <= 4000 else text[:4000] + "\n[…]"
    return "\n".join(f"> {line}" for line in _foreign("\n".join(cut.splitlines())).split("\n"))


def _foreign(text: str) -> str:
    """Somebody else's words: they mention nobody, and close no issue."""
    return closing_nothing(plain(text))
