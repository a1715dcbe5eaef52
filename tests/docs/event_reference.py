"""docs/reference/events.md, made from the events themselves.

`.venv/bin/python tests/docs/event_reference.py` writes it anew, and an example of every event that has none yet.
"""

import inspect
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from honk.domain.codec import event_line, load_event
from honk.domain.event import EVENT_TYPES, Event, EventData
from honk.domain.task import TaskId

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "events.md"
#: one file for every type and version that ever was: what is in somebody's store must always load
GOLDEN = ROOT / "tests" / "golden" / "events"
_HEAD = """# Events

Made from the events themselves (`tests/docs/event_reference.py`).

What happened to a task is its list of events; cards, pages and the command line are views of it.
The [API](api.md) answers with one event a line:

```json
{example}
```

| | |
|---|---|
| `id` | Names the event. |
| `task`, `turn` | What it belongs to. |
| `seq` | 1, 2, 3 … without a gap within the task: ask for what comes after the last one that you have. |
| `at` | When, in UTC (ISO 8601). |
| `actor` | The id of the person who acted, or null for Honk itself. |
| `type`, `version` | Which of the events below. |
| `data` | Its fields. |

A release may add events, and add fields that have a default. Anything else changes an event's `version`. Ignore
the types and the fields that you do not know.

`honk run`, `honk follow` and `honk log` print the same lines with `--json`, each with the key `event` besides: the same
as `type`, for scripts that read it before there was an API. The last line of `honk run` is no event of the log but
the whole outcome: `type` is `task.settled`, beside `state`, `outcome`, `verdict`, `pull_request`, `build`, `cost_usd`
and `seconds`. What went wrong is a line of `type` `error` with `message` and `remedy`.
"""


def render() -> str:
    """The whole page."""
    return "\n".join([_HEAD.format(example=_example()), *(_section(EVENT_TYPES[name]) for name in EVENT_TYPES)])


def golden(kind: type[EventData], version: int) -> Path:
    """The file with an example of the event."""
    return GOLDEN / f"{kind.type}.{version}.json"


def _example() -> str:
    kind = EVENT_TYPES["task.moved"]
    data = load_event(kind.type, kind.version, golden(kind, kind.version).read_text(encoding="utf-8"))
    event = Event(
        id="jolly-lark.7",
        task=TaskId("jolly-lark"),
        turn=1,
        seq=7,
        at=datetime(2026, 11, 21, 8, tzinfo=UTC),
        actor=None,
        data=data,
    )
    return event_line(event)


def _section(kind: type[EventData]) -> str:
    schema = TypeAdapter(kind).json_schema()
    words = _words(kind)
    rows = [
        f"| `{name}` | {_type(field, schema)} | {_default(field)} | {words.get(name, '')} |"
        for name, field in schema["properties"].items()
    ]
    version = f" (version {kind.version})" if kind.version > 1 else ""
    table = ["| field | type | default | |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {kind.type}{version}", "", " ".join((kind.__doc__ or "").split()), "", *table, ""])


def _words(kind: type[EventData]) -> dict[str, str]:
    """What the comments above the fields say."""
    found = re.findall(r"((?:^ +#: .*\n)+) +(\w+):", inspect.getsource(kind), re.MULTILINE)
    return {name: " ".join(line.strip(" #:\n") for line in comment.splitlines()) for comment, name in found}


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(one, schema) for one in field["anyOf"])
    if "$ref" in field:
        noun = schema["$defs"][field["$ref"].rsplit("/", 1)[1]]
        inside = ", ".join(f"`{name}`: {_type(one, schema)}" for name, one in noun["properties"].items())
        return f"object ({inside})"
    if field["type"] == "array":
        return f"list of {_type(field['items'], schema)}s"
    return str(field["type"])


def _default(field: dict[str, Any]) -> str:
    return f"`{json.dumps(field['default'])}`" if "default" in field else ""


def _sample(field: dict[str, Any], name: str, schema: dict[str, Any]) -> object:
    if "anyOf" in field:
        return _sample(field["anyOf"][0], name, schema)
    if "$ref" in field:
        noun = schema["$defs"][field["$ref"].rsplit("/", 1)[1]]
        return {inner: _sample(one, inner, schema) for inner, one in noun["properties"].items()}
    if field["type"] == "array":
        return [_sample(field["items"], name, schema), "name with \udcff byte"]
    return {"string": f"some {name}", "number": 1.5, "integer": 3, "boolean": True}[field["type"]]


def write_missing_examples() -> None:
    """An example of every event in its present version, where there is none yet."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for kind in EVENT_TYPES.values():
        schema = TypeAdapter(kind).json_schema()
        data = {name: _sample(field, name, schema) for name, field in schema["properties"].items()}
        if not golden(kind, kind.version).exists():
            golden(kind, kind.version).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_missing_examples()
    PAGE.write_text(render(), encoding="utf-8")
