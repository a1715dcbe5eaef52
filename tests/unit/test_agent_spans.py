"""What an agent says of itself is read anew: it cannot speak for Honk, for another task, or without bounds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.adapters.telemetry.otlp import SPANS, Refused, received
from honk.adapters.telemetry.spans import span_id, trace_id
from honk.domain.task import TaskId

T, OTHER = TaskId("t1"), TaskId("t2")
NOW = 1_800_000_000_000_000_000
ATTEMPT = span_id(T, "attempt")
FIRST, SECOND = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"


def span(**changed: Any) -> dict[str, Any]:
    return {
        "traceId": "0" * 31 + "1",
        "spanId": FIRST,
        "name": "claude_code.interaction",
        "kind": 1,
        "startTimeUnixNano": str(NOW - 10**9),
        "endTimeUnixNano": str(NOW),
        "attributes": [],
        "status": {"code": 0},
    } | changed


def body(*spans: dict[str, Any], resource: Any = None) -> bytes:
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}).encode()


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def test_a_tree_hangs_below_the_attempt() -> None:
    root, child = received(body(span(), span(spanId=SECOND, parentSpanId=FIRST)), task=T, parent=ATTEMPT, now=NOW)
    assert root.parent == ATTEMPT and child.parent == root.id
    assert root.by_agent and root.task == T


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_parent_is_none(empty: str | None) -> None:
    (root,) = received(body(span(parentSpanId=empty)), task=T, parent=ATTEMPT, now=NOW)
    assert root.parent == ATTEMPT


def test_ids_of_honk_and_of_other_tasks_cannot_be_taken() -> None:
    """A span that calls itself the root, or names a span of another task as its parent, gets an id of its own."""
    own, foreign = f"{span_id(T):016x}", f"{span_id(OTHER):016x}"
    forged = span(spanId=own, parentSpanId=foreign, traceId=f"{trace_id(OTHER):032x}")
    (made,) = received(body(forged), task=T, parent=ATTEMPT, now=NOW)
    assert made.id not in {span_id(T), ATTEMPT} and made.parent not in {span_id(OTHER), span_id(T), ATTEMPT}
    assert made.task == T
    (elsewhere,) = received(body(forged), task=OTHER, parent=ATTEMPT, now=NOW)
    assert elsewhere.id != made.id


def test_what_honk_says_and_who_is_signed_in_is_not_taken_over() -> None:
    told = [
        attribute("honk.task", stringValue="t2"),
        attribute("user.email", stringValue="ada@example.org"),
        attribute("service.name", stringValue="honk"),
        attribute("model", stringValue="opus"),
        attribute("tokens", intValue="12"),
        attribute("ok", boolValue=True),
        attribute("share", doubleValue=0.5),
        attribute("list", arrayValue={"values": []}),
    ]
    (made,) = received(body(span(attributes=told), resource={"attributes": told}), task=T, parent=1, now=NOW)
    assert made.attributes == {"model": "opus", "tokens": 12, "ok": True, "share": 0.5}


def test_texts_are_bounded_and_printable() -> None:
    told = [attribute(f"key-{number}", stringValue="x" * 100_000) for number in range(1000)]
    (made,) = received(body(span(name="a\x1b[31m" + "b" * 999, attributes=told)), task=T, parent=1, now=NOW)
    assert len(made.name) <= 128 and made.name.isprintable()
    assert len(made.attributes) == 64 and {len(str(one)) for one in made.attributes.values()} == {1024}


def test_what_lies_outside_of_its_time_is_dropped() -> None:
    future, past = str(NOW + 10**12), str(NOW - 10**15)
    wrong = (
        span(startTimeUnixNano=past),
        span(endTimeUnixNano=future),
        span(startTimeUnixNano=str(NOW), endTimeUnixNano=str(NOW - 5)),
    )
    assert received(body(*wrong), task=T, parent=1, now=NOW) == ()


def test_a_failed_span_says_why() -> None:
    (made,) = received(body(span(status={"code": 2, "message": "no"})), task=T, parent=1, now=NOW)
    assert made.error == "no"


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"resourceSpans": 3}',
        body(span(spanId="short")),
        body(span(startTimeUnixNano="x")),
        body(span(startTimeUnixNano="9" * 5000)),
        b'{"resourceSpans":' + b"[" * 100_000,
        body(*[span()] * (SPANS + 1)),
    ],
)
def test_what_cannot_be_read_is_refused(wrong: bytes) -> None:
    with pytest.raises(Refused):
        received(wrong, task=T, parent=1, now=NOW)


@given(
    st.binary(max_size=300)
    | st.builds(
        lambda value: json.dumps(value).encode(),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["resourceSpans", "scopeSpans", "spans", "spanId", "name"]), inner, max_size=3
                )
            ),
            max_leaves=12,
        ),
    )
)
def test_nothing_else_is_ever_raised(wrong: bytes) -> None:
    try:
        received(wrong, task=T, parent=1, now=NOW)
    except Refused:
        return
