"""What the demo says of the events, and what it takes for an answer."""

import asyncio
import contextlib
import io
import json
import os
import pty
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from honk.demo import script
from honk.demo.keyboard import Keyboard, in_hand
from honk.demo.telling import Telling
from honk.demo.verbs import at_page
from honk.domain import event as events
from honk.domain.codec import load
from honk.domain.event import EVENT_TYPES, Event, EventData
from honk.domain.task import TaskId

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "events"


def told(*happened: EventData, replay: bool = True) -> str:
    """What the demo says of these, piped."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        telling = Telling()
        telling.replay = replay
        for seq, data in enumerate(happened, 1):
            telling.event(
                Event(id=str(seq), task=TaskId("t"), turn=1, seq=seq, at=datetime.now(UTC), actor=None, data=data)
            )
        telling.gap()
    return said.getvalue()


def golden() -> Iterator[Any]:
    for path in sorted(GOLDEN.glob("*.json")):
        kind = path.name.rsplit(".", 2)[0]
        yield pytest.param(kind, json.loads(path.read_text(encoding="utf-8")), id=kind)


@pytest.mark.parametrize(("kind", "facts"), list(golden()))
def test_every_event_can_be_told(kind: str, facts: dict[str, Any]) -> None:
    answers = {"verdict.given": {"answer": "fail"}, "verifier.finished": {"answer": "unsure"}}
    states = {"task.moved": {"state": "coding"}}
    data = load(EVENT_TYPES[kind], json.dumps({**facts, **answers.get(kind, {}), **states.get(kind, {})}))
    said = told(data)
    assert said.endswith("\n") and "EventData" not in said


def called(tool: str, summary: str) -> EventData:
    return events.AgentCalledTool(call=summary, tool=tool, summary=summary)


def test_calls_of_one_tool_are_one_line() -> None:
    said = told(called("Read", "a.py"), called("Read", "b.py"), called("Read", "a.py"), called("Edit", "a.py"))
    assert said.splitlines() == ["code      · Read a.py, b.py", "          · Edit a.py", ""]


def test_nothing_changed_is_not_verified() -> None:
    taken = events.ChangeTaken(attempt=1, commit="c", tree="t", files=(), insertions=0, deletions=0)
    assert told(taken).strip() == ""


def test_a_stranger_cannot_move_the_cursor() -> None:
    said = told(events.AgentWrote(text="\x1b[2Jgone\x07"), called("Bash", "echo \x1b]0;title\x07"))
    assert "\x1b" not in said and "\x07" not in said


def test_a_replay_names_no_model() -> None:
    started = events.AgentStarted(
        agent="claude", release="2.1", model="some-model", session="s", resumed=False, attempt=1
    )
    assert "replayed" in told(started) and "some-model" not in told(started)
    assert "some-model" in told(started, replay=False)


def test_a_page_of_its_own_goes_before_the_demos() -> None:
    assert at_page("http://h/preview/x/") == f"http://h/preview/x/{script.PAGE}"
    assert at_page("http://h/preview/x/#/first") == "http://h/preview/x/#/first"


@pytest.mark.anyio
async def test_what_was_typed_early_is_no_answer() -> None:
    master, terminal = pty.openpty()
    try:
        with Keyboard(terminal) as keyboard:
            os.write(master, b"\nmerge it\n")
            assert await keyboard.line() == ""
            assert keyboard.forget() == "merge it"
            os.write(master, "grüße\n".encode())
            assert await keyboard.line() == "grüße"
            os.write(master, b"\x04")
            assert await asyncio.wait_for(keyboard.line(), 5) is None
        assert os.get_blocking(terminal)
        assert not in_hand(terminal)
    finally:
        os.close(master)
        os.close(terminal)
