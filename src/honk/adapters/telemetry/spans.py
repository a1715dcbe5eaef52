"""Spans as plain facts, and their names: derived from the task, so that restarts and processes join one trace."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from honk.domain.task import TaskId

Value = str | bool | int | float


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """Something that happened within a span."""

    name: str
    #: nanoseconds since 1970
    at: int
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """One finished span of a task's trace."""

    task: TaskId
    id: int
    #: None for the root
    parent: int | None
    name: str
    #: nanoseconds since 1970
    start: int
    end: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    #: "" or what went wrong
    error: str = ""
    #: whether it is a call of another service
    client: bool = False
    #: made by the agent in its sandbox, not by Honk
    by_agent: bool = False


def trace_id(task: TaskId) -> int:
    """The one trace of the task: 128 bits, never 0."""
    return int.from_bytes(_digest("trace", task)[:16]) or 1


def span_id(task: TaskId, *parts: str) -> int:
    """The span of the task with that name: 64 bits, never 0. Without parts it is the root."""
    return int.from_bytes(_digest("span", task, *parts)[:8]) or 1


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(("honk", *parts)).encode("utf-8", "surrogatepass")).digest()
