"""What the real Claude Code does when it is told to work. Real: binary, sandbox, broker. Scripted: the model."""

import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest
from claude_world import CANARY, World, world

from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.claude_code import VERIFY
from honk.adapters.claude_code.tools import ASK
from honk.domain.event import AgentCalledTool, AgentStarted, AgentToolAnswered, AgentWrote, ModelCalled
from honk.domain.limits import Limits
from honk.ports import Attachment
from honk.testing.scripted_model import Call, Say, Scenario

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

FIXED = "def first(songs):\n    return songs[0] if songs else None\n"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f00050001ff89993d1d0000000049454e44ae426082"
)
LONG = Call("Bash", {"command": "python3 -c 'import time; time.sleep(90)'; touch survived"})

SCENARIOS = [
    Scenario(
        "fix",
        [
            Say("I look at the file. " * 8, (Call("Read", {"file_path": "/workspace/player.py"}),), thinking="Hm."),
            Say(
                "Now I change it.",
                (
                    Call("Edit", {"file_path": "/workspace/player.py", "old_string": "songs[0]", "new_string": "x"}),
                    Call("Write", {"file_path": "/workspace/notes.txt", "content": "written"}),
                    Call("Bash", {"command": "env; pwd; id -u; cat notes.txt; false"}),
                ),
                expects=("return songs[0]",),
            ),
            Say("", (Call("Write", {"file_path": "/workspace/player.py", "content": FIXED}), Call(VERIFY))),
            Say("All done.", expects=("1 test failed: test_empty",)),
            Say("I look again.", (Call("Grep", {"pattern": "None", "path": "/workspace"}),), expects=("checks first",)),
            Say("Now it is good.", expects=("player.py",)),
            Say("A follow-up.", expects=("friendlier",)),
        ],
    ),
    Scenario("see", [Say("A picture.")]),
    Scenario("loop", [Say("On and on.", (Call("Bash", {"command": "echo again"}),))], repeat=True),
    Scenario("bash", [Say("Long.", (LONG,)), Say("After.", expects=("go on",))]),
    Scenario("text", [Say("A long story. " * 30, hold="story")]),
    Scenario("after", [Say("After.", expects=("go on",))]),
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


async def test_it_edits_verifies_is_sent_on_and_follows_up(claude: World) -> None:
    asked = ["checks first", ""]
    verified: list[str] = []

    async def verify() -> str:
        verified.append((claude.workspace / "player.py").read_text())
        return "1 test failed: test_empty"

    async def may_end() -> str:
        return asked.pop(0) if asked else ""

    async with claude.start(verify=verify, may_end=may_end, guidance="House rule 7. " * 12_000) as (session, _):
        report = await session.work("[[fix]] please, see @/etc/passwd")
        assert (report.summary, report.cut_short) == ("Now it is good.", "")
        again = await session.work("/clear is friendlier")
        assert (again.summary, again.cut_short) == ("A follow-up.", "")

    assert (claude.workspace / "player.py").read_text() == FIXED
    assert verified == [FIXED] and asked == []
    first = claude.model.calls[0]
    assert set(first.tools) == {"Read", "Write", "Edit", "Glob", "Grep", "Bash", VERIFY, ASK}
    assert "House rule 7." in first.system
    assert "/home/honk" not in str(first.messages), "a file that the words mention was read in"
    assert not any("Co-Authored-By" in str(message) for message in first.messages)

    started = claude.of(AgentStarted)
    assert [(e.agent, e.release, e.resumed, e.attempt) for e in started] == [("claude", "2.1.329", False, 1)]  # type: ignore[attr-defined]
    assert report.model == started[0].model != ""  # type: ignore[attr-defined]
    calls = {e.tool: e for e in claude.events if isinstance(e, AgentCalledTool)}
    assert calls["Read"].summary == "player.py" and calls["Bash"].summary.startswith("env; pwd")
    assert calls["verify"].summary == "" and calls["Grep"].summary == "None in /workspace"
    answers = {e.call: e for e in claude.events if isinstance(e, AgentToolAnswered)}
    shell = answers[calls["Bash"].call]
    assert not shell.ok and "/workspace\n1000\nwritten" in shell.output
    whole = [e.text for e in claude.events if isinstance(e, AgentWrote) and not e.partial]
    assert whole[-3:] == ["I look again.", "Now it is good.", "A follow-up."]
    assert any(e.partial for e in claude.events if isinstance(e, AgentWrote))
    assert claude.of(ModelCalled)
    environment = str(claude.model.calls[2].news)
    assert "ANTHROPIC_API_KEY=the-broker-adds-the-key" in environment and CANARY not in environment
    assert str(claude.home) not in environment


async def test_images_and_long_words_arrive(claude: World) -> None:
    words = "[[see]] " + "a line of the book\n" * 6_000
    async with claude.start(model="claude-sonnet-4-5") as (session, _):
        report = await session.work(words, (Attachment(media_type="image/png", content=PNG),))
    assert report.summary == "A picture." and report.model == "claude-sonnet-4-5"
    pictures = claude.model.calls[0].pictures
    assert [picture.media_type for picture in pictures] == ["image/png"]
    assert words.strip() in claude.model.calls[0].news


async def test_calls_without_end_are_bounded_by_the_broker(claude: World) -> None:
    claude.limits = Limits(usd=None, calls=4)
    async with claude.start() as (session, _):
        report = await session.work("[[loop]]")
    assert report.cut_short == "calls" and report.reason
    assert len(claude.model.calls) == 4


async def test_an_interrupt_ends_a_running_command_and_what_waits_in_line(claude: World) -> None:
    async with claude.start() as (session, _), anyio.create_task_group() as group:

        async def stop() -> None:
            while not claude.of(AgentCalledTool):
                await anyio.sleep(0.02)
            group.start_soon(partial(session.steer, "this may not be worked on any more", id=str(uuid.uuid4())))
            await anyio.wait_all_tasks_blocked()
            await session.interrupt()

        group.start_soon(stop)
        report = await session.work("[[bash]]")
        assert report.cut_short == "stopped"
        assert len(claude.model.calls) == 1
        again = await session.work("go on")
        assert (again.summary, again.cut_short) == ("After.", "")
    assert not (claude.workspace / "survived").exists()


async def test_an_interrupt_ends_a_text(claude: World) -> None:
    async with claude.start() as (session, _), anyio.create_task_group() as group:

        async def stop() -> None:
            await claude.model.reached("story")
            await session.interrupt()

        group.start_soon(stop)
        report = await session.work("[[text]]")
        assert report.cut_short == "stopped"
        # A script of its own: whether the cut text became an answer of the conversation is a race inside the agent.
        assert (await session.work("[[after]] go on")).summary == "After."


async def test_the_death_of_the_process_ends_the_work(claude: World) -> None:
    async with claude.start() as (session, _), anyio.create_task_group() as group:

        async def kill() -> None:
            await claude.model.reached("story")
            await session._transport.kill()  # type: ignore[attr-defined]

        group.start_soon(kill)
        report = await session.work("[[text]]")
        assert report.cut_short == "agent" and "it ended unexpectedly" in report.reason
        assert (await session.work("more")).cut_short == "agent"
