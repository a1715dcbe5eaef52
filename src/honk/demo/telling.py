"""The journey as a story: one label a step, the agent's tools in few lines, what matters in full."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import singledispatchmethod

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from honk.domain import event as events
from honk.domain.event import Event, EventData, VerifierFinished
from honk.domain.task import State
from honk.domain.text import one_line
from honk.doors.cli.output import Output, printable
from honk.views import Card, sentence

#: width of the labels; what is said begins after it
_LABELS = 10
_MARKS = {"pass": ("✓", "green"), "fail": ("✗", "red"), "unsure": ("?", "yellow")}
_STEPS = {State.PREPARING: "prepare", State.CODING: "code", State.VERIFYING: "verify", State.MERGING: "merge"}
_NOW = {
    State.PREPARING: "preparing a workspace, and trying the tests before any change",
    State.CODING: "Claude Code is at work",
    State.VERIFYING: "verifying in a fresh sandbox",
    State.MERGING: "merging",
    State.DEPLOYING: "deploying",
}
#: what events that are told as any door tells them look like
_TROUBLE = (events.LimitHit, events.NetworkDenied, events.ModelFailed, events.AgentWaits, events.MergeRefused)


class Telling(Output):
    """What `honk demo` says. On a terminal it wraps at words and shows what goes on; piped it is plain lines."""

    def __init__(self) -> None:
        super().__init__(watched=True)
        #: whether the model's answers are replayed
        self.replay = False
        self._state = ""
        #: whether what is deployed is the version before
        self._back = False
        self._label = ""
        self._tool: tuple[str, list[str]] = ("", [])
        self._now = _Now()

    def say(self, label: str, text: str, style: str = "") -> None:
        """A paragraph under a label, which is shown once where several follow each other."""
        self._say_tools()
        self._paragraph(label, text, style)

    def link(self, label: str, url: str, style: str = "") -> None:
        """An address, never broken over lines where it fits on one."""
        self._say_tools()
        shown, self._label = ("" if label == self._label else label), label
        name = Text(f"{shown:<{_LABELS}}", style="bold")
        if self.terminal and _LABELS + len(url) > self._out.width:
            if shown:
                self._out.print(name)
            name = Text("  " if len(url) + 2 <= self._out.width else "")
        self._out.print(name + Text(url, style=style), soft_wrap=True)

    def gap(self) -> None:
        """An empty line; the next paragraph shows its label again."""
        self._say_tools()
        self._label = ""
        self._out.print()

    def ask(self) -> None:
        """Shows that it is the person's turn to type."""
        self._label = ""
        self._out.print(Text("> ", style="bold"), end="")

    def shape(self, shape: RenderableType) -> None:
        """Something larger than a paragraph."""
        self.gap()
        self._out.print(shape, soft_wrap=False)

    def event(self, event: Event) -> None:
        """An event as it happens."""
        self._tell(event.data)
        if isinstance(event.data, _TROUBLE):
            self.say(self._step(), sentence(event) or "", "yellow")

    def settled(self, card: Card) -> None:
        """The journey says itself how a turn ended."""
        self._say_tools()

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """Shows below the story what is at work, and for how long."""
        if not self.terminal:
            yield
            return
        self._now.does(text)
        with self._out.status(self._now, spinner="dots"):
            try:
                yield
            except asyncio.CancelledError:
                self._out.print(Text("ending …", style="dim"))
                raise

    def _paragraph(self, label: str, text: str, style: str = "") -> None:
        shown, self._label = ("" if label == self._label else label), label
        body = Text(printable(text), style=style)
        if not self.terminal:
            self._out.print(Text(f"{shown:<{_LABELS}}") + body)
            return
        row = Table.grid()
        row.add_column(width=_LABELS, no_wrap=True, style="bold")
        row.add_column(overflow="fold")
        row.add_row(shown, body)
        self._out.print(row, soft_wrap=False)

    def _say_tools(self) -> None:
        """Calls of the same tool one after the other are one line."""
        tool, what = self._tool
        self._tool = ("", [])
        if tool:
            self._paragraph("code", f"· {tool} {', '.join(dict.fromkeys(what))}".rstrip(), "dim")

    def _step(self) -> str:
        return _STEPS.get(State(self._state), "") if self._state else ""

    @singledispatchmethod
    def _tell(self, data: EventData) -> None:
        """Most events are for machines, or are told by `journey`."""

    @_tell.register
    def _(self, data: events.TaskMoved) -> None:
        self._state, self._back = data.state, data.reason == "undo"
        if data.state in _NOW:
            self._now.does(_NOW[State(data.state)])
        if data.state == State.QUEUED and data.reason:
            self.say("wait", data.reason, "yellow")

    @_tell.register
    def _(self, data: events.TaskNoted) -> None:
        self.say(self._step(), data.text)

    @_tell.register
    def _(self, data: events.StepProgressed) -> None:
        self._now.does(f"{data.step}: {data.detail}")

    @_tell.register
    def _(self, data: events.BaseChosen) -> None:
        self.say("prepare", f"a workspace of its own, from {data.branch} at {data.commit[:12]}", "dim")

    @_tell.register
    def _(self, data: events.EnvironmentReady) -> None:
        if not data.ok:
            self.say(self._step(), f"environment for {data.toolchain} cannot be made: {data.detail}", "yellow")

    @_tell.register
    def _(self, data: events.AgentStarted) -> None:
        who = f"Claude Code {data.release}" if data.agent == "claude" else f"the {data.agent} agent"
        model = "its model replayed" if self.replay else data.model
        again = ", the same session again" if data.resumed else ""
        self.say("code", f"attempt {data.attempt}: {who}, {model}, in a sandbox{again}", "bold")

    @_tell.register
    def _(self, data: events.AgentWrote) -> None:
        if not data.partial and data.text.strip():
            self.say("code", _short(data.text, 600))
            self._now.does(_NOW[State.CODING])

    @_tell.register
    def _(self, data: events.AgentCalledTool) -> None:
        tool, what = self._tool
        if tool and tool != data.tool:
            self._say_tools()
            what = []
        self._tool = (data.tool, [*what, _short(data.summary, 110)])
        self._now.does(f"Claude Code: {data.tool} {data.summary}")

    @_tell.register
    def _(self, data: events.VerifierStarted) -> None:
        self._now.does(f"{data.verifier}: {data.command}")

    @_tell.register
    def _(self, data: VerifierFinished) -> None:
        mark, style = _MARKS[data.answer]
        line = f"{data.verifier}: {_short(data.summary, 160)}"
        if data.on == "base" and self._state in {State.CODING, State.VERIFYING}:
            # Without the change its tests are to be red. What the agent had tried is tried again for the verdict.
            if self._state == State.VERIFYING:
                found = f"{data.verifier.split(' (')[0]}, {_short(data.summary.split(':')[0], 80)}"
                self.say("verify", f"{'✓ red' if data.answer == 'fail' else '? not red'} without the change: {found}")
        elif data.on == "base":
            self.say("prepare", f"{mark} {line}", "dim" if data.answer == "pass" else style)
        elif data.on == "agent" or data.answer == "pass":  # what refuses is said with the verdict
            self.say("code" if data.on == "agent" else "verify", f"{mark} {line}", style)

    @_tell.register
    def _(self, data: events.ChangeTaken) -> None:
        if not data.files:
            return
        files = "1 file" if len(data.files) == 1 else f"{len(data.files)} files"
        self.say("verify", f"{files} changed, +{data.insertions} -{data.deletions}; again, in a fresh sandbox:", "bold")

    @_tell.register
    def _(self, data: events.ChangeRefused) -> None:
        self.say("verify", f"handed back and refused: {data.reason}", "red")

    @_tell.register
    def _(self, data: events.VerdictGiven) -> None:
        mark, style = _MARKS[data.answer]
        proven = ": red without the change, green with it" if data.proof else ""
        self.say("verify", f"{mark} verdict: {data.answer}{proven}", f"bold {style}")
        for one in (*data.refusing, *(f"not proven: {one}" for one in data.not_proven)):
            self.say("verify", f"  {_short(one, 240)}", style)

    @_tell.register
    def _(self, data: events.PullRequestOpened) -> None:
        kind = "draft pull request" if data.draft else "pull request"
        self.say("propose", f"{kind} #{data.number}: {data.branch} → {data.base}")

    @_tell.register
    def _(self, data: events.PullRequestUpdated) -> None:
        self.say("propose", f"pull request #{data.number} is at {data.head[:12]} ({data.state})")

    @_tell.register
    def _(self, data: events.BuildReady) -> None:
        self.say("build", f"the app with the change, {data.size / 1000:,.0f} kB")

    @_tell.register
    def _(self, data: events.BuildFailed) -> None:
        self.say("build", f"failed: {data.reason}\n{data.output[-400:]}", "red")

    @_tell.register
    def _(self, data: events.MergeDone) -> None:
        self.say("merge", f"into {data.base}, as {data.commit[:12]}")

    @_tell.register
    def _(self, data: events.DeploymentStarted) -> None:
        if self._back:
            self.say("undo", f"the version before, {data.commit[:12]}, goes to {data.environment} again")
        else:
            self.say("deploy", f"{data.commit[:12]} to {data.environment}; {data.undo}")

    @_tell.register
    def _(self, data: events.DeploymentFinished) -> None:
        if data.state != "live":
            self.say("deploy", f"{data.state}\n{data.output[-400:]}", "red")


class _Now:
    """What is at work at this moment, and for how many seconds; drawn anew by the spinner."""

    def __init__(self) -> None:
        self._what = ""
        self._since = time.monotonic()

    def does(self, what: str) -> None:
        if what != self._what:
            self._what, self._since = what, time.monotonic()

    def __rich__(self) -> Text:
        seconds = time.monotonic() - self._since
        took = f"{seconds:.0f} s" if seconds >= 1 else ""
        line = f"{took:<{_LABELS - 2}}{_short(printable(self._what), 300)}"
        return Text(line, style="dim", overflow="ellipsis", no_wrap=True)


def _short(text: str, limit: int) -> str:
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1] + "…"
