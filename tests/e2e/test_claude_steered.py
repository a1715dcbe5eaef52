"""Steered, interrupted, asked: what the real Claude Code does. Real: binary, sandbox, broker. Scripted: the model."""

import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import anyio
import pytest
from claude_world import World, world

from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.claude_code.tools import ASK
from honk.domain.event import AgentCalledTool
from honk.domain.message import tag
from honk.ports import Attachment
from honk.testing.scripted_model import Call, Say, Scenario

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

WAITING = Call("Bash", {"command": "until [ -e go ]; do sleep 0.05; done"})
ENDLESS = Call("Bash", {"command": "python3 -c 'import time; time.sleep(90)'; touch survived"})
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f00050001ff89993d1d0000000049454e44ae426082"
)
SCENARIOS = [
    Scenario("steer", [Say("Slow.", (WAITING,)), Say("Ok.", expects=("in blue", "and red"))]),
    Scenario("text", [Say("A long story. " * 30, hold="story"), Say("Then.", expects=("in blue",))]),
    Scenario("cut", [Say("Long.", (ENDLESS,)), Say("Instead.", expects=("in blue",))]),
    Scenario("cut text", [Say("A long story. " * 30, hold="tale"), Say("Never.")]),
    Scenario("instead", [Say("Instead.")], words="take green"),
    Scenario("ask", [Say("Hm.", (Call(ASK, {"question": "Blue or red?", "choices": ["blue", "red"]}),)), Say("No.")]),
    Scenario("answer", [Say("Red it is.")], words="the answer is red"),
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


class Words:
    """A message with its name."""

    def __init__(self, text: str) -> None:
        self.id = str(uuid.uuid4())
        self.text = f"(message {tag(self.id)}) {text}"


async def test_two_messages_during_a_command_are_heard_in_order_and_remembered(claude: World) -> None:
    first, second, never = Words("rather in blue"), Words("and red"), Words("never said")
    got: list[str] = []
    async with claude.start() as (session, _):
        async with anyio.create_task_group() as group:

            async def say(words: Words, images: tuple[Attachment, ...] = ()) -> None:
                if await session.steer(words.text, images, id=words.id):
                    got.append(words.id)

            async def steer() -> None:
                await claude.model.called(1)
                group.start_soon(say, first, (Attachment(media_type="image/png", content=PNG),))
                group.start_soon(say, second)
                await anyio.wait_all_tasks_blocked()
                assert got == [], "a receipt before the agent has it"
                (claude.workspace / "go").touch()

            group.start_soon(steer)
            report = await session.work("[[steer]]")
        assert (report.summary, got) == ("Ok.", [first.id, second.id])
        assert await session.heard((first.id, never.id)) == {first.id}
        assert not await session.steer(never.text, id=never.id), "it has ended"
    news = claude.model.calls[-1].news
    assert news.index("in blue") < news.index("and red")
    assert len(claude.model.calls[-1].pictures) == 1
    async with claude.start() as (session, _):
        assert await session.heard((first.id, second.id, never.id)) == {first.id, second.id}, "after a restart"


async def test_a_message_during_the_final_text_is_worked_on_in_the_same_work(claude: World) -> None:
    words = Words("in blue")
    async with claude.start() as (session, _), anyio.create_task_group() as group:
        got: list[bool] = []

        async def steer() -> None:
            await claude.model.reached("story")
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            claude.model.release("story")

        async def wait() -> None:
            got.append(await session.steer(words.text, id=words.id))

        group.start_soon(steer)
        report = await session.work("[[text]]")
        assert (report.summary, report.cut_short) == ("Then.", "")
    assert got == [True]


async def test_an_interrupt_during_a_command_cuts_it_and_the_work_goes_on_with_the_words(claude: World) -> None:
    words = Words("rather in blue")
    async with claude.start() as (session, _), anyio.create_task_group() as group:

        async def cut() -> None:
            while not claude.of(AgentCalledTool):
                await anyio.sleep(0.02)
            assert await session.steer(words.text, id=words.id, now=True)

        group.start_soon(cut)
        report = await session.work("[[cut]]")
        assert (report.summary, report.cut_short) == ("Instead.", "")
        assert await session.heard((words.id,)) == {words.id}
    assert not (claude.workspace / "survived").exists()


async def test_an_interrupt_during_a_text_takes_what_waits_in_line_along(claude: World) -> None:
    queued, now = Words("and red"), Words("take green")
    async with claude.start() as (session, _):
        async with anyio.create_task_group() as group:

            async def cut() -> None:
                await claude.model.reached("tale")
                group.start_soon(partial(session.steer, queued.text, id=queued.id))
                await anyio.wait_all_tasks_blocked()
                assert await session.steer(now.text, id=now.id, now=True)

            group.start_soon(cut)
            report = await session.work("[[cut text]]")
        assert (report.summary, report.cut_short) == ("Instead.", "")
        said = str(claude.model.calls[-1].messages)
        assert 0 < said.find("and red") < said.find("take green"), "in the order in which they were said"
    async with claude.start() as (session, _):
        assert await session.heard((queued.id, now.id)) == {queued.id, now.id}


async def test_a_question_ends_the_work_and_the_answer_is_heard_in_the_same_session(claude: World) -> None:
    asked: list[object] = []

    async def ask(question: str, choices: tuple[str, ...]) -> str:
        asked.append((question, choices))
        return "passed on"

    async with claude.start(ask=ask) as (session, _):
        report = await session.work("[[ask]]")
        assert (report.cut_short, len(claude.model.calls)) == ("", 1), "nothing is worked on while it waits"
    assert asked == [("Blue or red?", ("blue", "red"))]
    async with claude.start() as (session, _):
        assert (await session.work("the answer is red")).summary == "Red it is."
    assert "Blue or red?" in str(claude.model.calls[-1].messages), "the same conversation"


async def test_a_message_that_was_said_to_a_process_which_dies_is_not_taken_for_heard(claude: World) -> None:
    words = Words("rather in blue")
    async with claude.start() as (session, _), anyio.create_task_group() as group:
        got: list[bool] = []

        async def steer() -> None:
            await claude.model.called(1)
            while not claude.of(AgentCalledTool):
                await anyio.sleep(0.02)
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await session._transport.kill()  # type: ignore[attr-defined]

        async def wait() -> None:
            got.append(await session.steer(words.text, id=words.id))

        group.start_soon(steer)
        assert (await session.work("[[steer]]")).cut_short == "agent"
    assert got == [False]
    async with claude.start() as (session, _):
        assert await session.heard((words.id,)) == frozenset()
