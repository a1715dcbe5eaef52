"""A task as it is now: the card, the settled line, and both as JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from honk.domain import event as events
from honk.domain.build import Build
from honk.domain.event import Event, TaskSettled
from honk.domain.limits import Spending
from honk.domain.policy import Confirmation
from honk.domain.pull_request import PullRequest
from honk.domain.repository import Base
from honk.domain.task import LANDING, State, Task
from honk.domain.turn import Outcome
from honk.domain.verdict import Verdict

#: Exit codes of a turn's outcomes (docs/reference/states-and-exits.md).
EXITS = {
    Outcome.PASS: 0,
    Outcome.FAIL: 3,
    Outcome.LIMIT: 3,
    Outcome.UNSURE: 4,
    Outcome.QUESTION: 4,
    Outcome.NO_CHANGE: 1,
    Outcome.STOPPED: 1,
    Outcome.ERROR: 1,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """Everything about one task that fits on a page."""

    task: Task
    requested_by: str
    base: Base | None
    verdict: Verdict | None
    pull_request: PullRequest | None
    build: Build | None
    spent: Spending
    settled: TaskSettled | None
    notes: tuple[str, ...]
    production: str | None
    #: the task's own page; None while no server runs
    page: str | None
    #: why a phone cannot open these addresses now, and what to do
    hint: str
    #: files and lines of the latest change that was taken
    files: tuple[str, ...]
    insertions: int
    deletions: int
    #: such as "deleted on 2026-11-21: artifacts (at rest for 90 days)"
    deleted: tuple[str, ...] = ()
    #: names of those who approved exactly the pull request's head
    approved_by: tuple[str, ...] = ()
    #: what a merge needs besides the right to it
    confirmation: Confirmation = Confirmation.PRESS
    #: what the forge's own checks said of the head last; None where it has none
    checks: events.ChecksSeen | None = None
    #: merged or to be promoted, and begun by itself once its environment is open and it is its turn
    waits_to_deploy: bool = False
    #: the environment to which it may be promoted; "" where it may not
    promotes_to: str = ""

    @property
    def to_type(self) -> str:
        """What must be typed to merge it; "" where nothing must."""
        asked = self.confirmation is Confirmation.TYPED and self.task.state not in LANDING
        return self.pull_request.word if asked and self.pull_request is not None else ""

    #: the plan that waits for a Go
    plan: events.PlanProposed | None = None


def deleted(log: tuple[Event, ...]) -> tuple[str, ...]:
    """What of the task was deleted since it was last at work, when and why."""
    latest = max((event.turn for event in log), default=0)
    return tuple(
        f"deleted on {event.at:%Y-%m-%d}: {', '.join(event.data.what)} ({event.data.reason})"
        for event in log
        if isinstance(event.data, events.RecordsDeleted) and event.turn in {0, latest}
    )


def as_json(shown: Card) -> dict[str, Any]:
    """The card in the words of the settled line, for `--json`."""
    task, settled, pull_request = shown.task, shown.settled, shown.pull_request
    return {
        "task": task.id,
        "state": str(task.state),
        "reason": task.reason,
        "plan": shown.plan.text if shown.plan else None,
        "outcome": settled.outcome if settled else None,
        "instruction": task.instruction,
        "requested_by": shown.requested_by,
        "repository": task.repository.url,
        "created_at": task.created_at.isoformat(),
        "turns": task.turn,
        "base": {"branch": shown.base.branch, "commit": shown.base.commit} if shown.base else None,
        "verdict": verdict_json(shown.verdict),
        "pull_request": pull_request_json(pull_request),
        "build": build_json(shown.build),
        "production_url": shown.production,
        "page_url": shown.page,
        "hint": shown.hint,
        "files": list(shown.files),
        "insertions": shown.insertions,
        "deletions": shown.deletions,
        "notes": list(shown.notes),
        "deleted": list(shown.deleted),
        "approved_by": list(shown.approved_by),
        "checks": checks_json(shown.checks),
        "confirmation": str(shown.confirmation),
        "cost_usd": round(shown.spent.usd, 6),
        "model_calls": shown.spent.calls,
        "seconds": round(settled.seconds, 3) if settled else None,
        "seconds_verifying": round(settled.seconds_verifying, 3) if settled else None,
    }


def line_type(name: str) -> dict[str, str]:
    """What a line of JSON is. `event` is what scripts read before there was an API."""
    return {"event": name, "type": name}


def settled_json(shown: Card) -> dict[str, Any]:
    """The last line of `honk run --json`."""
    facts = as_json(shown)
    keys = (
        *("task", "state", "reason", "outcome", "plan", "verdict", "pull_request", "build"),
        *("production_url",),
        *("cost_usd", "model_calls", "seconds", "seconds_verifying", "notes"),
    )
    line = {**line_type(TaskSettled.type), **{key: facts[key] for key in keys}}
    if line["pull_request"] is not None:
        line["pull_request"].pop("body")
    return line


def verdict_json(verdict: Verdict | None) -> dict[str, Any] | None:
    """A verdict with its findings and proof, without the logs."""
    if verdict is None:
        return None
    return {
        "answer": str(verdict.answer),
        "commit": verdict.commit,
        "tree": verdict.tree,
        "findings": [
            {
                "verifier": finding.verifier,
                "kind": str(finding.kind),
                "answer": str(finding.answer),
                "summary": finding.summary,
                "counts": finding.counts,
                "failing_before": list(finding.failing_before),
                "evidence": [
                    {
                        "command": one.command,
                        "exit_code": one.exit_code,
                        "seconds": round(one.seconds, 3),
                        "output": one.condensed,
                        "log": one.log,
                    }
                    for one in finding.evidence
                ],
            }
            for finding in verdict.findings
        ],
        "proof": {"tests": list(verdict.proof.tests)} if verdict.proof else None,
        "not_proven": list(verdict.not_proven),
        "seconds": round(verdict.seconds, 3),
    }


def checks_json(seen: events.ChecksSeen | None) -> dict[str, Any] | None:
    """Names of the forge's checks, by what they say."""
    if seen is None:
        return None
    return {
        "head": seen.head,
        "passed": list(seen.passed),
        "failed": list(seen.failed),
        "running": list(seen.running),
        "failing_before": list(seen.failing_before),
        "awaited": list(seen.awaited),
    }


def pull_request_json(pull_request: PullRequest | None) -> dict[str, Any] | None:
    """A pull request as the settled line has it."""
    if pull_request is None:
        return None
    return {
        "number": pull_request.number,
        "branch": pull_request.branch,
        "head": pull_request.head,
        "base": pull_request.base,
        "url": pull_request.url,
        "state": str(pull_request.state),
        "title": pull_request.title,
        "body": pull_request.body,
    }


def build_json(build: Build | None) -> dict[str, Any] | None:
    """A build as the settled line has it."""
    if build is None:
        return None
    return {
        "id": build.id,
        "kind": build.kind,
        "commit": build.commit,
        "digest": build.digest,
        "size": build.size,
        "preview_url": build.preview_url,
    }


def elapsed(since: datetime, now: datetime) -> str:
    """Such as "4 s", "12 min", "3 h", "2 d"."""
    seconds = max(int((now - since).total_seconds()), 0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def ends_following(event: Event, task: Task) -> bool:
    """Whether nothing more is to come by itself after this event."""
    if not isinstance(event.data, TaskSettled):
        return False
    lands_next = task.options.merge and event.data.outcome == Outcome.PASS and event.data.state == State.PROPOSED
    return not lands_next
