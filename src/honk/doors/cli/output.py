"""How the command line speaks: lines for people, JSON for machines, little when piped."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from honk.domain.codec import event_line
from honk.domain.event import Event, TaskMoved, TaskSettled, VerdictGiven
from honk.domain.pull_request import PullRequest
from honk.domain.verdict import Answer, Verdict
from honk.errors import HonkError
from honk.views import Card, as_json, checks_line, line_type, next_steps, sentence, settled_json

_COLOURS = {"pass": "green", "fail": "red", "unsure": "yellow"}
#: width of the names before a card's values
_NAMES = 14
_QUIET_STYLES = {"agent.wrote": "default", "verdict.given": "bold", "pull_request.opened": "bold"}


class Output:
    """Writes results to stdout and trouble to stderr.

    `json_lines` turns every line into JSON. Progress is shown on a terminal, or always when `watched`.
    """

    def __init__(self, *, json_lines: bool = False, watched: bool = False) -> None:
        self.json = json_lines
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._live = (self._out.is_terminal or watched) and not json_lines

    def silence(self) -> None:
        """Says nothing from now on but errors."""
        self._out.quiet = True
        self._live = False

    @property
    def terminal(self) -> bool:
        """Whether a person sits before it."""
        return self._out.is_terminal and not self.json

    def line(self, text: str, style: str = "") -> None:
        """One line for a person; nothing with --json."""
        if not self.json:
            self._out.print(Text(printable(text), style=style))

    def farewell(self, text: str) -> None:
        """What a person must know at an early end; beside the documents with --json."""
        (self._err if self.json else self._out).print(Text(printable(text)))

    def progress(self, text: str) -> None:
        """A line that only someone who watches wants."""
        if self._live:
            self._out.print(Text(printable(text), style="dim"))

    def data(self, value: Any) -> None:
        """One JSON document on one line."""
        sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
        sys.stdout.flush()

    def error(self, error: HonkError) -> None:
        """What went wrong, and what to do next."""
        if self.json:
            kind = type(error).__name__
            self.data({**line_type("error"), "kind": kind, "message": error.message, "remedy": error.remedy})
            return
        self._err.print(f"[bold red]error:[/] {escape(printable(error.message))}")
        if error.remedy:
            self._err.print(escape(printable(f"  {error.remedy}")))

    def event(self, event: Event) -> None:
        """An event as it happens: a line when somebody watches, JSON when asked for, nothing when piped."""
        if self.json:
            if not isinstance(event.data, TaskSettled):
                self.data(_line(event))
            return
        text = sentence(event)
        if text and self._live:
            self._out.print(self._styled(event, text))

    def logged(self, event: Event) -> None:
        """An event of the past: JSON, or number, time and line."""
        if self.json:
            self.data(_line(event))
            return
        text = sentence(event)
        if text:
            self._out.print(Text(f"{event.seq:>4} {event.at:%H:%M:%S} ", style="dim") + Text(printable(text)))

    def _styled(self, event: Event, text: str) -> Text:
        if isinstance(event.data, VerdictGiven):
            return Text(printable(text), style=f"bold {_COLOURS[event.data.answer]}")
        if isinstance(event.data, TaskMoved):
            return Text(printable(text), style="yellow")
        return Text(printable(text), style=_QUIET_STYLES.get(event.type, "dim"))

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """A moving sign that something is at work."""
        if self.terminal and self._live:
            with self._out.status(escape(text), spinner="dots"):
                yield
        else:
            yield

    def settled(self, card: Card) -> None:
        """The end of a turn: the settled line, or the card."""
        if self.json:
            self.data(settled_json(card))
        else:
            self.card(card)

    def card(self, card: Card) -> None:
        """One task as it is now."""
        if self.json:
            self.data(as_json(card))
            return
        for name, value in _rows(card):
            text = value if isinstance(value, Text) else Text(printable(value))
            for number, line in enumerate(text.split("\n", allow_blank=True)):
                self._out.print(Text(f"{'' if number else name:<{_NAMES}}", style="dim") + line)

    def table(self, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        """Aligned columns for people; tab-separated when piped."""
        if not self._out.is_terminal:
            for row in rows:
                self.raw("\t".join(" ".join(cell.split()) for cell in row) + "\n")
            return
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for column in columns:
            table.add_column(column, overflow="ellipsis", no_wrap=True)
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        self._out.print(table)

    def bytes(self, content: bytes) -> None:
        """Bytes for another program."""
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()

    def raw(self, text: str) -> None:
        """Text as it is, such as a diff; terminal control characters are shown, not sent."""
        sys.stdout.write(printable(text) if sys.stdout.isatty() else text.encode("utf-8", "replace").decode())
        sys.stdout.flush()


def _rows(card: Card) -> Iterator[tuple[str, str | Text]]:
    task = card.task
    yield "task", Text(task.id, style="bold")
    state = f"{task.state}: {task.reason}" if task.reason else str(task.state)
    yield "state", state
    if card.plan:
        yield "plan", card.plan.text + ("\n[…]" if card.plan.shortened else "")
    if card.verdict:
        yield "verdict", _verdict(card.verdict)
    if card.files:
        yield "change", f"{len(card.files)} files, +{card.insertions} -{card.deletions}"
    if card.pull_request:
        yield from _pull_request(card.pull_request, card.approved_by)
    if card.checks:
        yield "checks", checks_line(card.checks)
    if card.build:
        yield "build", card.build.preview_url or _gone(card) or card.hint
    if card.production:
        yield "live", card.production
    if card.page:
        yield "page", card.page
    if card.page and card.hint:
        yield "", card.hint
    yield from (("note", note) for note in card.notes)
    yield from (("records", line) for line in card.deleted)
    seconds = f"{card.settled.seconds:.0f} s, " if card.settled else ""
    yield "cost", f"{seconds}${card.spent.usd:.2f} in {card.spent.calls} model calls"
    yield "next", " · ".join(step.command for step in next_steps(card))


def _pull_request(shown: PullRequest, approved_by: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    yield "pull request", f"#{shown.number} {shown.branch} → {shown.base} at {shown.head[:12]} ({shown.state})"
    if shown.url:
        yield "", shown.url
    if approved_by:
        yield "", f"{shown.head[:12]} is approved by {', '.join(approved_by)}"


def _gone(card: Card) -> str:
    return next((line for line in reversed(card.deleted) if "artifacts" in line), "")


def _verdict(verdict: Verdict) -> Text:
    text = Text(str(verdict.answer), style=f"bold {_COLOURS[verdict.answer]}")
    for finding in verdict.findings:
        if finding.answer is not Answer.PASS or not finding.counts:
            text.append(f"\n{finding.verifier}: {' '.join(finding.summary.split())[:300]}", style="default")
    if verdict.proof:
        text.append(f"\nred without the change, green with it: {', '.join(verdict.proof.tests)[:300]}", style="default")
    for line in verdict.not_proven:
        text.append(f"\nnot proven: {line[:300]}", style="default")
    return Text(printable(text.plain), spans=text.spans)


def printable(text: str) -> str:
    """Foreign text without terminal control sequences."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def _line(event: Event) -> dict[str, Any]:
    return {**line_type(event.type), **json.loads(event_line(event))}
