"""What an agent says of itself (OTLP traces as JSON) → spans that Honk can answer for.

Anything inside the sandbox may have written it. Only names, times, kinds, results and short plain attributes
are read. Ids are not taken over: they are hashed with the task, so that they can neither meet a span of Honk's
nor of another task, and the trace is always the task's. The resource is Honk's to say. Values are bounded.
"""

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from honk.adapters.telemetry.spans import Span, Value, span_id
from honk.domain.task import TaskId

#: spans of one request
SPANS = 2000
_ATTRIBUTES = 64
_NAME = 128
_VALUE = 1024
#: nanoseconds by which a span may lie beside the present
_PAST, _FUTURE = 24 * 3600 * 10**9, 60 * 10**9
#: of the person who is signed in to the agent, or Honk's own to say
_NOT_TAKEN = ("honk.", "user.", "organization.", "enduser.", "service.", "host.")

_Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{16}$")]


class Refused(ValueError):
    """This is not a request that can be read."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Value(_Part):
    text: str | None = Field(None, alias="stringValue")
    flag: bool | None = Field(None, alias="boolValue")
    whole: int | None = Field(None, alias="intValue")
    number: float | None = Field(None, alias="doubleValue")

    def plain(self) -> Value | None:
        """The value, or None for lists and tables."""
        if self.text is not None:
            return _printable(self.text, _VALUE)
        return next((one for one in (self.flag, self.whole, self.number) if one is not None), None)


class _Attribute(_Part):
    key: str
    value: _Value = _Value.model_validate({})


class _Status(_Part):
    code: int = 0
    message: str = ""


class _Span(_Part):
    id: _Hex = Field(alias="spanId")
    parent: _Hex | None = Field(None, alias="parentSpanId")
    name: str
    kind: int = 0
    start: int = Field(alias="startTimeUnixNano")
    end: int = Field(alias="endTimeUnixNano")
    attributes: tuple[_Attribute, ...] = ()
    status: _Status = _Status()


class _Scope(_Part):
    spans: tuple[_Span, ...] = ()


class _Resource(_Part):
    scopes: tuple[_Scope, ...] = Field((), alias="scopeSpans")


class _Request(_Part):
    resources: tuple[_Resource, ...] = Field((), alias="resourceSpans")


def received(body: bytes, *, task: TaskId, parent: int, now: int) -> tuple[Span, ...]:
    """The spans of one request; those without a parent of their own hang below `parent`. Raises Refused.

    `now` is in nanoseconds since 1970; a span that lies far beside it is dropped.
    """
    try:
        request = _Request.model_validate_json(_without_empty_parents(body))
    except (ValidationError, RecursionError) as exc:
        raise Refused("not a request of OTLP traces in JSON") from exc
    found = [span for resource in request.resources for scope in resource.scopes for span in scope.spans]
    if len(found) > SPANS:
        raise Refused(f"more than {SPANS} spans")
    return tuple(_sane(span, task, parent) for span in found if now - _PAST < span.start <= span.end < now + _FUTURE)


def _without_empty_parents(body: bytes) -> bytes:
    """Some exporters write an absent parent as an empty string."""
    return body.replace(b'"parentSpanId":""', b'"parentSpanId":null').replace(
        b'"parentSpanId": ""', b'"parentSpanId":null'
    )


def _sane(span: _Span, task: TaskId, parent: int) -> Span:
    attributes: dict[str, Value] = {}
    for one in span.attributes[:_ATTRIBUTES]:
        value = one.value.plain()
        if value is not None and not one.key.startswith(_NOT_TAKEN):
            attributes[_printable(one.key, _NAME)] = value
    failed = span.status.code == 2
    return Span(
        task=task,
        id=_own(task, parent, span.id),
        parent=_own(task, parent, span.parent) if span.parent else parent,
        name=_printable(span.name, _NAME) or "unnamed",
        start=span.start,
        end=span.end,
        attributes=attributes,
        error=(_printable(span.status.message, _VALUE) or "failed") if failed else "",
        client=span.kind == 3,
        by_agent=True,
    )


def _own(task: TaskId, attempt: int, id: str) -> int:
    """An id of the agent as one that cannot be mistaken for Honk's."""
    return span_id(task, "agent", f"{attempt:x}", hashlib.sha256(id.lower().encode()).hexdigest())


def _printable(text: str, limit: int) -> str:
    return "".join(char if char.isprintable() else " " for char in text[:limit])
