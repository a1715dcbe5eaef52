"""What every agent promises, and how Claude Code's adapter stands a process that misbehaves.

Real here: the sandbox (for `Command`) and the SDK. A stand-in process speaks Claude Code's side;
the real binary is tried in tests/e2e/test_claude_*.py.
"""

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import claude_agent_sdk
import pytest
from claude_agent_sdk import StreamEvent

from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.claude_code import ClaudeCode, Key, Patience
from honk.adapters.claude_code.command_line import command_line
from honk.adapters.claude_code.narrator import Narrator, shortened, summary
from honk.adapters.claude_code.options import options
from honk.adapters.claude_code.tools import may_end, server
from honk.adapters.command import Command
from honk.domain.event import AgentStarted, AgentWrote, EventData
from honk.domain.limits import Spending
from honk.errors import SandboxUnusable, Usage
from honk.ports import Box, Exit, Job, Process, Ran, Sandbox, Session, Tell, Tools

pytestmark = pytest.mark.anyio

JOB = Job(session="5e0a2f0e-6e55-4c2b-9b0c-0d6f1c1f9d11", guidance="Be brief.")


@dataclass
class Broker:
    """An exit that says what it is told to say."""

    socket: Path = Path("/nowhere")
    ended: tuple[str, str] | None = None

    def spent(self) -> Spending:
        return Spending()

    def ended_by(self) -> tuple[str, str] | None:
        return self.ended


async def _pass() -> str:
    return "pass"


async def _nothing() -> str:
    return ""


async def _asked(question: str, choices: tuple[str, ...]) -> str:
    return "passed on"


TOOLS = Tools(verify=_pass, may_end=_nothing, ask=_asked)


@dataclass
class Told:
    events: list[EventData] = field(default_factory=list)

    async def __call__(self, data: EventData) -> None:
        self.events.append(data)

    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, AgentWrote)]


# ── a command ──────────────────────────────────────────────────────────────────────────────────
@asynccontextmanager
async def command(folder: Path, told: Told, job: Job = JOB) -> AsyncIterator[Session]:
    sandboxes = Bubblewrap(folder)
    workspace = folder / "workspace"
    workspace.mkdir(exist_ok=True)
    sandboxes.own(workspace)
    agent = Command()
    await agent.requirements()
    mounts, variables = agent.box(job, None)
    async with (
        sandboxes.open(Box(workspace=workspace, mounts=mounts, environment=variables)) as sandbox,
        agent.open(job, sandbox, Broker(), TOOLS, told) as session,
    ):
        yield session


@pytest.mark.sandbox
async def test_a_command_changes_files_and_its_output_is_told(short_tmp: Path) -> None:
    told = Told()
    async with command(short_tmp, told) as session:
        report = await session.work('pwd; echo it\\\'s "$HOME" > made; echo to stderr >&2; read x || echo no input')
    assert (report.cut_short, report.summary) == ("", "/workspace\nto stderr\nno input")
    assert (short_tmp / "workspace" / "made").read_text() == "it's /home/honk\n"
    assert [(e.agent, e.attempt) for e in told.events if isinstance(e, AgentStarted)] == [("command", 1)]
    assert "".join(told.texts()).replace("\n", "") == "/workspaceto stderrno input"


@pytest.mark.sandbox
async def test_a_command_that_fails_says_so(short_tmp: Path) -> None:
    async with command(short_tmp, Told()) as session:
        report = await session.work("echo about to fail; exit 3")
    assert report.cut_short == "agent" and "exit code 3" in report.reason and "about to fail" in report.reason


@pytest.mark.sandbox
async def test_a_command_can_be_stopped_and_leaves_nothing(short_tmp: Path) -> None:
    told = Told()
    async with command(short_tmp, told) as session, anyio.create_task_group() as group:

        async def stop() -> None:
            while not told.texts():
                await anyio.sleep(0.01)
            await session.interrupt()

        group.start_soon(stop)
        report = await session.work("(sleep 60; touch survived) & echo begun; sleep 60; touch survived")
    assert report.cut_short == "stopped"
    assert not (short_tmp / "workspace" / "survived").exists()


@pytest.mark.sandbox
async def test_a_command_is_not_held_up_by_what_it_leaves_running(short_tmp: Path) -> None:
    async with command(short_tmp, Told()) as session:
        with anyio.fail_after(10):
            assert (await session.work("sleep 60 & echo done")).summary == "done"


@pytest.mark.sandbox
async def test_much_output_is_few_events_and_bounded(short_tmp: Path) -> None:
    told = Told()
    async with command(short_tmp, told) as session:
        report = await session.work("seq 1 100000")
    assert report.summary.endswith("100000")
    assert len(told.texts()) < 60 and 100_000 < sum(map(len, told.texts())) < 250_000
    assert "more output is not shown" in told.texts()[-1]


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("words", "attempt", "reason"),
    [("true", 2, "cannot correct itself"), ("a\0b", 1, "NUL"), ("# " + "x" * 140_000, 1, "longer")],
)
async def test_what_cannot_be_run_is_refused(short_tmp: Path, words: str, attempt: int, reason: str) -> None:
    async with command(short_tmp, Told(), replace(JOB, attempt=attempt)) as session:
        report = await session.work(words)
    assert report.cut_short == "agent" and reason in report.reason


# ── Claude Code: how it is started ─────────────────────────────────────────────────────────────
async def test_without_a_key_it_says_how_to_give_one() -> None:
    with pytest.raises(Usage, match="ANTHROPIC_API_KEY"):
        await ClaudeCode(lambda: Path("/x"), key=Key.NONE).requirements()
    await ClaudeCode(lambda: Path("/x"), key=Key.AUTH_TOKEN).requirements()


@pytest.mark.parametrize("key", [Key.API_KEY, Key.AUTH_TOKEN])
def test_what_stands_in_place_of_the_key_is_of_its_kind(key: Key) -> None:
    mounts, variables = ClaudeCode(lambda: Path("/host/claude"), key=key).box(JOB, Path("/host/exit.sock"))
    assert [(str(mount.source), mount.target, mount.writable) for mount in mounts] == [
        ("/host/claude", "/honk/agent/claude", False)
    ]
    assert [name for name in variables if name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")] == [key.value]
    assert "/host" not in json.dumps(dict(variables))


def test_the_arguments_are_those_that_were_tried() -> None:
    """The SDK builds them by a private method; a new version is to be tried before it is used."""
    assert claude_agent_sdk.__version__ == "0.2.186"
    chosen = options(JOB, resume=False, server=server(TOOLS), may_end=may_end(TOOLS))
    assert command_line(chosen) == (
        *("/honk/agent/claude", "--output-format", "stream-json", "--verbose"),
        *("--tools", "Read,Write,Edit,Glob,Grep,Bash", "--allowedTools", "mcp__honk__verify,mcp__honk__ask"),
        *("--permission-mode", "bypassPermissions", f"--session-id={JOB.session}"),
        *("--settings", '{"includeCoAuthoredBy": false}'),
        *("--mcp-config", '{"mcpServers": {"honk": {"type": "sdk", "name": "honk"}}}'),
        *("--include-partial-messages", "--strict-mcp-config", "--setting-sources="),
        *("--append-system-prompt-file", "/home/honk/.claude/honk-guidance.md"),
        *("--input-format", "stream-json"),
    )
    resumed = command_line(
        options(replace(JOB, model="m", guidance=""), resume=True, server=server(TOOLS), may_end=may_end(TOOLS))
    )
    assert f"--resume={JOB.session}" in resumed and f"--session-id={JOB.session}" not in resumed
    assert resumed[resumed.index("--model") + 1] == "m" and "--append-system-prompt-file" not in resumed


def test_who_plans_is_offered_nothing_that_writes_or_runs() -> None:
    plans = replace(JOB, plans=True)
    chosen = options(plans, resume=False, server=server(TOOLS, plans=True), may_end=may_end(TOOLS))
    arguments = command_line(chosen)
    assert arguments[arguments.index("--tools") + 1] == "Read,Glob,Grep"
    assert arguments[arguments.index("--allowedTools") + 1] == "mcp__honk__ask"


# ── Claude Code: a process that misbehaves ─────────────────────────────────────────────────────
Frame = dict[str, Any]


class FakeClaude:
    """A process that answers the handshake, and each message with the frames of its script."""

    def __init__(self, script: list[Frame | bytes], *, greets: bool = True, ends: bool = False) -> None:
        self._script = script
        self._greets = greets
        self._ends = ends
        self._send, self._lines = anyio.create_memory_object_stream[bytes](1000)
        self.killed = anyio.Event()

    def _say(self, frame: Frame | bytes) -> None:
        self._send.send_nowait(frame if isinstance(frame, bytes) else json.dumps(frame).encode() + b"\n")

    async def send(self, data: bytes) -> None:
        if self.killed.is_set():
            raise BrokenPipeError
        frame = json.loads(data)
        if frame["type"] == "control_request" and frame["request"]["subtype"] == "initialize" and self._greets:
            answer = {"subtype": "success", "request_id": frame["request_id"], "response": {}}
            self._say({"type": "control_response", "response": answer})
        elif frame["type"] == "user":
            for step in self._script:
                self._say({**step, "command_uuid": frame["uuid"]} if isinstance(step, dict) else step)
            if self._ends:
                self._send.close()

    async def close_input(self) -> None:
        self._send.close()

    async def lines(self) -> AsyncIterator[bytes]:
        with self._lines:
            async for line in self._lines:
                yield line

    async def errors(self) -> bytes:
        return b"a last word on stderr\n"

    async def wait(self) -> int:
        return 7

    async def kill(self) -> None:
        self.killed.set()
        self._send.close()


@dataclass
class FakeSandbox:
    process: FakeClaude

    async def run(self, argv: tuple[str, ...], **_: Any) -> Ran:
        return Ran(exit_code=0, stdout=b"", stderr=b"", seconds=0.0)

    async def start(self, argv: tuple[str, ...], *, environment: Mapping[str, str] | None = None) -> Process:
        return self.process

    def inbound(self, name: str) -> Path:
        raise NotImplementedError


def result(**more: Any) -> Frame:
    base = {"type": "result", "subtype": "success", "is_error": False, "result": "done", "num_turns": 1}
    return base | {"duration_ms": 1, "duration_api_ms": 1, "session_id": "s", "uuid": "u"} | more


def system(subtype: str, **more: Any) -> Frame:
    return {"type": "system", "subtype": subtype, "uuid": str(uuid.uuid4()), "session_id": "s"} | more


DEALT_WITH: Frame = {"type": "command_lifecycle", "state": "completed"}
IDLE = system("session_state_changed", state="idle")
TEXT: Frame = {
    "type": "assistant",
    "message": {"model": "m", "content": [{"type": "text", "text": "half"}]},
    "session_id": "s",
}
QUICK = Patience(start=0.2, quiet=0.05, grace=0.1)


@asynccontextmanager
async def claude(process: FakeClaude, *, exit: Exit | None = None, told: Tell | None = None) -> AsyncIterator[Session]:
    agent = ClaudeCode(lambda: Path("/x"), key=Key.API_KEY, patience=QUICK)
    sandbox: Sandbox = FakeSandbox(process)
    async with agent.open(JOB, sandbox, exit or Broker(), TOOLS, told or Told()) as session:
        yield session
    assert process.killed.is_set()


async def test_the_work_ends_when_nothing_more_is_owed() -> None:
    """A first result does not end it while a message waits in line (facts: pitfall 1)."""
    first, last = result(result="first"), result(result="last")
    running = system("session_state_changed", state="running")
    async with claude(FakeClaude([running, first, IDLE, running, DEALT_WITH, last, IDLE])) as session:
        assert (await session.work("x")).summary == "last"


async def test_a_result_without_idle_ends_the_work_after_a_while() -> None:
    async with claude(FakeClaude([TEXT, result()])) as session:
        assert (await session.work("x")).summary == "done"


NOISE: list[Frame | bytes] = [b"not json\n", b"[1]\n", b"\xff\xfe\n", b"\n", {"type": "unknown"}, system("unknown")]


async def test_lines_that_are_no_messages_are_skipped() -> None:
    async with claude(FakeClaude([*NOISE, DEALT_WITH, result(), IDLE])) as session:
        assert (await session.work("x")).summary == "done"


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "assistant"},
        {"type": "assistant", "message": "x"},
        {"type": "assistant", "message": {"model": 1, "content": [{"type": "text", "text": 5}]}},
        {"type": "stream_event", "uuid": "u", "session_id": "s", "event": "x"},
        {"type": "result"},
        {"type": "user", "message": []},
        {"type": "result"}
        | {"subtype": "x", "duration_ms": 1, "duration_api_ms": 1, "is_error": True}
        | {"num_turns": 1, "session_id": "s", "errors": [1], "state": "idle"},
    ],
)
async def test_a_forged_frame_ends_the_work_and_breaks_nothing(frame: Frame) -> None:
    process = FakeClaude([TEXT, DEALT_WITH, frame, IDLE])
    async with claude(process) as session:
        report = await session.work("x")
        assert process.killed.is_set(), "it would go on spending"
    assert (report.cut_short, report.summary) == ("agent", "half")


async def test_an_error_of_honks_own_is_not_taken_for_the_agents() -> None:
    async def tell(_: EventData) -> None:
        raise KeyError("the store is broken")

    with pytest.raises(KeyError, match="the store is broken"):
        async with claude(FakeClaude([TEXT]), told=tell) as session:
            await session.work("x")


async def test_the_end_of_the_process_ends_the_work_with_its_last_words() -> None:
    async with claude(FakeClaude([TEXT], ends=True)) as session:
        report = await session.work("x")
    assert report.cut_short == "agent" and "exit code 7" in report.reason and "a last word" in report.reason


async def test_an_interrupt_that_is_not_heard_kills() -> None:
    process = FakeClaude([TEXT])
    told = Told()
    async with claude(process, told=told) as session, anyio.create_task_group() as group:

        async def stop() -> None:
            while not told.texts():
                await anyio.sleep(0.005)
            await session.interrupt()
            assert process.killed.is_set()

        group.start_soon(stop)
        report = await session.work("x")
    assert (report.cut_short, report.summary) == ("stopped", "half")


async def test_a_process_that_never_greets_is_given_up() -> None:
    process = FakeClaude([], greets=False)
    with pytest.raises(SandboxUnusable, match="a last word on stderr"):
        async with claude(process):
            pass
    assert process.killed.is_set()


@pytest.mark.parametrize(
    ("frame", "ended", "cut_short", "reason"),
    [
        ({"is_error": True, "api_error_status": 529, "result": "API Error: 529"}, None, "model", "API Error: 529"),
        ({"is_error": True, "api_error_status": 529}, ("calls", "300 calls"), "calls", "300 calls"),
        ({"is_error": True, "terminal_reason": "api_error", "result": "cut"}, None, "model", "cut"),
        (
            {"is_error": True, "subtype": "error_during_execution", "errors": ["bad"], "result": None},
            None,
            "agent",
            "bad",
        ),
        ({}, ("money", "5 dollars"), "", ""),
    ],
)
async def test_how_the_work_ended_is_judged(
    frame: Frame, ended: tuple[str, str] | None, cut_short: str, reason: str
) -> None:
    """By `is_error`, never by the subtype, which is "success" even when the model failed (facts: pitfall 4)."""
    async with claude(FakeClaude([DEALT_WITH, result(**frame), IDLE]), exit=Broker(ended=ended)) as session:
        report = await session.work("x")
    assert (report.cut_short, report.reason) == (cut_short, reason)


# ── what is told ───────────────────────────────────────────────────────────────────────────────
def _delta(text: str) -> StreamEvent:
    event = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    return StreamEvent(uuid="u", session_id="s", event=event)


def test_partial_text_comes_at_most_ten_times_a_second() -> None:
    events, now = [], 0.0
    narrator = Narrator(JOB, resumed=False, now=lambda: now)
    for number in range(1000):
        now = number / 1000
        events += narrator.hear(_delta("x"))
    assert 9 <= len(events) <= 11
    assert all(isinstance(event, AgentWrote) and event.partial for event in events)


@pytest.mark.parametrize(
    ("tool", "input", "line"),
    [
        ("Bash", {"command": "make\n  test\x1b[31m"}, "make test [31m"),
        ("Edit", {"file_path": "/workspace/a/b.py", "old_string": "x"}, "a/b.py"),
        ("Grep", {"pattern": "x+", "path": "/workspace/src"}, "x+ in src"),
        ("verify", {}, ""),
        ("Other", {"a": 1}, '{"a": 1}'),
        ("Bash", {"command": "y" * 500}, "y" * 159 + "…"),
        ("Bash", {}, ""),
    ],
)
def test_a_tool_call_fits_on_one_line(tool: str, input: Mapping[str, Any], line: str) -> None:
    assert summary(tool, input) == line


def test_long_output_keeps_its_beginning_and_its_end() -> None:
    short = shortened("a" * 5000 + "z")
    assert len(short) < 1300 and short.startswith("aaa") and short.endswith("z") and "3801 characters" in short
