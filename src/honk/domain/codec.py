"""Records, events and errors as JSON and back: for the store, the journal and whoever prints events.

Only ASCII is written, so that NUL and the bytes of file names that are not UTF-8 (kept as lone
surrogates) survive every database. Fields that a newer release added are ignored by an older one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, TypeVar, cast

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from honk.domain.event import EVENT_TYPES, Event, EventData
from honk.domain.person import PersonId
from honk.domain.task import TaskId
from honk.errors import Defect, HonkError

T = TypeVar("T")


@cache
def _made(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _adapter(kind: Any) -> TypeAdapter[Any]:
    return _made(kind)


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def dump(kind: type[T], value: T) -> str:
    """The value as one line of JSON. `kind` is a noun, a builtin, or a union, tuple or list of them.

    Raises Defect when the value is not of that kind.
    """
    try:
        return _line(_adapter(kind).dump_python(value, mode="json", warnings="error"))
    except PydanticSerializationError as exc:
        raise Defect(f"not a {getattr(kind, '__name__', kind)}: {exc}") from exc


def jsonable(value: object) -> Any:
    """A noun as plain JSON values, for those who print it."""
    return _adapter(type(value)).dump_python(value, mode="json")


def load(kind: type[T], text: str) -> T:
    """What `dump` was given. Raises Defect when the text is not such a value."""
    try:
        value: T = _adapter(kind).validate_python(json.loads(text))
    except ValueError as exc:
        raise Defect(f"stored {getattr(kind, '__name__', kind)} cannot be read: {exc}") from exc
    return value


def maybe(kind: type[T]) -> type[T | None]:
    """The kind of what may be missing."""
    return cast("type[T | None]", kind | None)


# ── events ─────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownEvent(EventData):
    """An event that another release of Honk wrote. It has its own type and version; only its JSON is known."""

    type: ClassVar[str] = ""
    version: ClassVar[int] = 0
    json: str


@cache
def _unknown(type_: str, version: int) -> type[UnknownEvent]:
    return type("UnknownEvent", (UnknownEvent,), {"__slots__": (), "type": type_, "version": version})


def dump_event(data: EventData) -> str:
    """The event's data as one line of JSON, without its type and version."""
    return data.json if isinstance(data, UnknownEvent) else dump(type(data), data)


def load_event(type_: str, version: int, text: str) -> EventData:
    """The data of a stored event. Never fails: what this release cannot read becomes an UnknownEvent."""
    kind = EVENT_TYPES.get(type_)
    if kind is not None and version <= kind.version:
        try:
            data: EventData = _adapter(kind).validate_python(json.loads(text))
        except ValueError:
            return _unknown(type_, version)(json=text)
        return data
    return _unknown(type_, version)(json=text)


def event_line(event: Event) -> str:
    """The whole event as one line of JSON: id, task, turn, seq, at, actor, type, version, data."""
    return _line(
        {
            "id": event.id,
            "task": event.task,
            "turn": event.turn,
            "seq": event.seq,
            "at": event.at.isoformat(),
            "actor": event.actor,
            "type": event.type,
            "version": event.data.version,
            "data": _shown(event.data),
        }
    )


def event_of(line: str) -> Event:
    """The event of such a line. Raises Defect when it is none; fields that a newer release added are ignored."""
    try:
        facts = json.loads(line)
        text = facts["data"] if isinstance(facts["data"], str) else _line(facts["data"])
        return Event(
            id=str(facts["id"]),
            task=TaskId(facts["task"]),
            turn=int(facts["turn"]),
            seq=int(facts["seq"]),
            at=datetime.fromisoformat(facts["at"]),
            actor=None if facts["actor"] is None else PersonId(facts["actor"]),
            data=load_event(facts["type"], int(facts["version"]), text),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise Defect(f"not an event: {exc!r}") from exc


def _shown(data: EventData) -> object:
    text = dump_event(data)
    try:
        return json.loads(text)
    except ValueError:  # only in an event that this release could not read
        return text


# ── errors ─────────────────────────────────────────────────────────────────────────────────────
def _kinds(root: type[HonkError] = HonkError) -> Iterator[type[HonkError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else str(value)


def dump_error(error: BaseException) -> str:
    """The facts of an error. One that is not Honk's own becomes a Defect that names it."""
    if not isinstance(error, HonkError):
        error = Defect(f"{type(error).__name__}: {error}")
    return _line(
        {
            "kinds": [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, HonkError)],
            "args": _plain(error.args),
            "facts": {name: _plain(value) for name, value in vars(error).items() if not name.startswith("__")},
        }
    )


def load_error(text: str) -> HonkError:
    """An error of the same class with the same attributes; of the nearest known class where that one is gone."""
    facts = json.loads(text)
    known = {kind.__name__: kind for kind in _kinds()}
    kind = next((known[name] for name in facts["kinds"] if name in known), HonkError)
    error = kind.__new__(kind)
    error.args = tuple(facts["args"])
    vars(error).update(facts["facts"])
    return error
