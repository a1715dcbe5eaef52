"""Events are documented, and what is in somebody's store loads for ever."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import event_reference

from honk.domain import event as event_module
from honk.domain.codec import UnknownEvent, dump_event, event_line, load_event
from honk.domain.event import EVENT_TYPES, Event, EventData, TaskNoted
from honk.domain.task import TaskId

MAKE_IT = "run `.venv/bin/python tests/docs/event_reference.py`"


def test_the_page_is_up_to_date() -> None:
    assert event_reference.PAGE.read_text(encoding="utf-8") == event_reference.render(), MAKE_IT


def test_every_event_is_in_the_table_and_says_when_it_happens() -> None:
    classes = {
        kind
        for kind in vars(event_module).values()
        if isinstance(kind, type) and issubclass(kind, EventData) and kind is not EventData
    }
    assert set(EVENT_TYPES.values()) == classes
    assert all((kind.__doc__ or "").strip().endswith(".") for kind in classes)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_every_version_has_an_example(kind: type[EventData]) -> None:
    for version in range(1, kind.version + 1):
        assert event_reference.golden(kind, version).exists(), MAKE_IT


@pytest.mark.parametrize("path", sorted(event_reference.GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_old_events_always_load(path: Path) -> None:
    type_, version = path.stem.rsplit(".", 1)
    text = path.read_text(encoding="utf-8")
    data = load_event(type_, int(version), text)
    assert type(data) is EVENT_TYPES[type_]
    stored = json.loads(dump_event(data))
    assert stored == stored | json.loads(text)


def test_a_field_of_a_newer_release_is_ignored() -> None:
    assert load_event("task.noted", 1, '{"text": "x", "colour": "red"}') == TaskNoted(text="x")


@pytest.mark.parametrize(
    ("type_", "version", "text"),
    [
        ("task.sang", 1, '{"song":"la"}'),
        ("task.noted", 2, '{"words":"x"}'),
        ("task.noted", 1, '{"text":["not","text"]}'),
        ("task.noted", 1, "not even JSON"),
    ],
    ids=["another type", "another version", "another shape", "broken"],
)
def test_what_this_release_cannot_read_is_kept_as_it_is(type_: str, version: int, text: str) -> None:
    data = load_event(type_, version, text)
    assert isinstance(data, UnknownEvent)
    assert (data.type, data.version, dump_event(data)) == (type_, version, text)
    assert data == load_event(type_, version, text)
    event = Event(id="t.1", task=TaskId("t"), turn=1, seq=1, at=datetime.now(UTC), actor=None, data=data)
    assert json.loads(event_line(event))["type"] == type_


def test_a_line_holds_the_whole_event() -> None:
    line = json.loads(event_reference.render().split("```json\n")[1].split("\n```")[0])
    assert list(line) == ["id", "task", "turn", "seq", "at", "actor", "type", "version", "data"]
    assert event_line.__doc__ and all(name in event_line.__doc__ for name in line)
