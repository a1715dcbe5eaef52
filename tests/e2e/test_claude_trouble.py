"""The real Claude Code when things go wrong: models that fail, processes that die, repositories that attack."""

import json
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from claude_world import CANARY, World, world

from honk.adapters.bubblewrap import Bubblewrap
from honk.domain.event import AgentStarted, AgentWaits, ModelFailed, TaskNoted
from honk.testing.scripted_model import Break, Call, Fail, Say, Scenario

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

LONG = Call("Bash", {"command": "echo begun > begun; python3 -c 'import time; time.sleep(90)'; touch survived"})

SCENARIOS = [
    Scenario("overloaded", [Fail(529, times=None)]),
    Scenario("limited", [Fail(429), Say("In the end.")]),
    Scenario("refused", [Fail(401, message="no such key", times=None)]),
    Scenario("torn", [Break("I begin to say", times=None)]),
    Scenario("torn-once", [Break("I begin to say"), Say("I say it."), Say("Again.", expects=("once more",))]),
    Scenario("killed", [Say("Long.", (LONG,)), Say("Back again.", expects=("go on",)), Say("And again.")]),
    Scenario("plain", [Say("Nothing loaded.", (Call("Bash", {"command": "env"}),)), Say("End.")]),
]


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[Bubblewrap]:
    with tempfile.TemporaryDirectory(prefix="hk", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Bubblewrap(Path(folder))


@pytest.fixture
async def claude(short_tmp: Path, sandboxes: Bubblewrap) -> AsyncIterator[World]:
    async with world(short_tmp, sandboxes, SCENARIOS) as made:
        yield made


@pytest.mark.parametrize(("scenario", "said"), [("overloaded", "529"), ("torn", ""), ("refused", "key")])
async def test_a_model_that_fails_for_good_ends_the_work(claude: World, scenario: str, said: str) -> None:
    async with claude.start() as (session, _):
        report = await session.work(f"[[{scenario}]]")
    assert report.cut_short == "model" and report.reason and said in report.reason
    assert claude.of(ModelFailed)
    assert bool(claude.of(AgentWaits)) == (scenario != "refused")
    assert not any("API Error" in text for text in claude.texts())


@pytest.mark.parametrize(("scenario", "end"), [("limited", "In the end."), ("torn-once", "I say it.")])
async def test_a_model_that_recovers_is_waited_for(claude: World, scenario: str, end: str) -> None:
    async with claude.start() as (session, _):
        report = await session.work(f"[[{scenario}]]")
    assert (report.summary, report.cut_short) == (end, "")
    waited = [event for event in claude.events if isinstance(event, AgentWaits)]
    assert len(waited) == 1 and waited[0].seconds and "try 1 of 1" in waited[0].reason


async def test_a_session_is_resumed_after_its_process_was_killed(claude: World) -> None:
    async with claude.start() as (session, _), anyio.create_task_group() as group:

        async def kill() -> None:
            # The agent writes its session down a moment after it acts; what is not in there is begun anew.
            written = claude.transcript().parent
            while not any("tool_use" in file.read_text() for file in written.glob("*.jsonl")):
                await anyio.sleep(0.02)
            while not (claude.workspace / "begun").exists():
                await anyio.sleep(0.02)
            await session._transport.kill()  # type: ignore[attr-defined]

        group.start_soon(kill)
        assert (await session.work("[[killed]]")).cut_short == "agent"
    with claude.transcript().open("a") as transcript:
        transcript.write('{"parentUuid":"torn off by kill -9')
    async with claude.start(attempt=2) as (session, _):
        report = await session.work("go on, the findings are these")
    assert (report.summary, report.cut_short) == ("Back again.", "")
    assert [event.resumed for event in claude.events if isinstance(event, AgentStarted)] == [False, True]
    assert not (claude.workspace / "survived").exists()
    async with claude.start(attempt=3) as (session, _):
        assert (await session.work("once again")).summary == "And again."


@pytest.mark.parametrize("rest", ["", '{"type":"queue-operation"}\n', '{"type":"user"}\n'])
async def test_a_transcript_that_cannot_be_resumed_is_given_up(claude: World, rest: str) -> None:
    claude.transcript().parent.mkdir(parents=True)
    claude.transcript().write_text(rest)
    for path in (claude.home / "home").rglob("*"):
        claude.sandboxes.own(path)
    async with claude.start() as (session, _):
        report = await session.work("[[limited]]")
    assert report.summary == "In the end."
    assert bool(claude.of(TaskNoted)) == ("user" in rest)


async def test_the_settings_of_a_repository_have_no_effect(claude: World) -> None:
    touch = "touch /workspace/executed"
    hook = [{"matcher": "", "hooks": [{"type": "command", "command": touch}]}]
    settings = {
        "env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "ANTHROPIC_UNIX_SOCKET": "", "PLANTED": "1"},
        "hooks": dict.fromkeys(("SessionStart", "UserPromptSubmit", "PreToolUse", "Stop"), hook),
        "apiKeyHelper": touch,
    }
    servers = {"mcpServers": {"planted": {"command": "sh", "args": ["-c", touch]}}}
    home = claude.home / "home" / ".claude"
    for folder in (claude.workspace / ".claude", home):
        folder.mkdir()
        for name in ("settings.json", "settings.local.json"):
            (folder / name).write_text(json.dumps(settings))
    claude.sandboxes.own(home)
    (claude.workspace / ".mcp.json").write_text(json.dumps(servers))
    (claude.workspace / "CLAUDE.md").write_text("PLANTED WORDS")
    claude.session = str(uuid.uuid4())
    async with claude.start() as (session, _):
        report = await session.work("[[plain]]")
    assert (report.summary, report.cut_short) == ("End.", "")
    assert not (claude.workspace / "executed").exists()
    last = claude.model.calls[-1]
    assert "PLANTED" not in json.dumps([last.system, list(last.messages)])
    assert "planted" not in str(last.tools)
    assert last.headers["x-api-key"] == CANARY
