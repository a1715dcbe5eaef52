"""docs/reference/api.md, made from the API's own description.

`.venv/bin/python tests/docs/api_reference.py` writes it anew.
"""

from pathlib import Path
from typing import Any

from honk.doors.api import PREFIX, Backstage, api

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "api.md"
_HEAD = """# The API

Made from the API itself (`tests/docs/api_reference.py`). `honk serve` serves it below `{prefix}`, and its whole
description, with every field, at `{prefix}/openapi.json` (OpenAPI 3.1). [Drive a server from your
laptop](../howto/drive-a-server.md) begins with it; the command line does everything through it when `HONK_URL` is set.

## Who you are

Send `Authorization: Bearer honk_…`. `honk token create` makes a token; it belongs to a person and has scopes. A token
is let in where it has the scope of the route, and then the [policy](../howto/people-and-rights.md) is asked whether its
person may do this now. There are no cookies here and no CORS: a page in a browser cannot use the API of another host.

## What comes back

JSON, as the [codec](events.md) writes it. Times are UTC in ISO 8601. Ignore fields that you do not know: a release may
add some. Every answer has a header `Honk-Version`. A body may have 8 MiB at most, that of `POST /files` 100 MiB,
that of `PATCH /uploads/{{upload}}` what was announced.

Errors are problem details (RFC 9457, `application/problem+json`): `type` (such as `urn:honk:error:not-now`), `title`,
`status`, `detail` (what went wrong, for a person) and `remedy` (what to do next).

| status | when |
|---|---|
{statuses}

A request may have to be sent twice, because the answer was lost on the way. Where the table says so, send an
`Idempotency-Key` of your own (up to 200 characters): sent again with the same key by the same person, the request has
no second effect and gets the same answer. Stop, resume, edits, withdrawals and an undo that is at work may be repeated
as they are; without a key, a retry repeated after its work has ended is another retry.

## Events as they happen

`GET {prefix}/tasks/{{task}}/events` gives a page of [events](events.md); with `Accept: text/event-stream` the same
route streams them as Server-Sent Events. `id:` is the event's `seq`, so that a browser's `EventSource`, or any client
that sends `Last-Event-ID`, goes on where it was and misses nothing. A comment comes every 15 seconds while nothing
happens. The stream ends when the server does (with a `retry:`), when the client is too slow to take what happens
(it comes back with `Last-Event-ID`), or after `task.settled` with `?until=settled`.

```sh
curl -N -H "Authorization: Bearer $HONK_TOKEN" -H "Accept: text/event-stream" $HONK_URL{prefix}/tasks/last/events
```

A proxy between must not gather the stream: nginx obeys the answer's `X-Accel-Buffering: no`, others need a setting.

## Uploads

`/uploads` takes [builds](../howto/upload-builds.md) in the protocol tus 1.0.0: begin, ask with `HEAD` how far it has
come, append with `PATCH` at exactly that offset. A token that is bound to one task (`honk build token`) opens these
routes and no others; any other token needs the scope `steer`. An upload is known to the person who began it alone.

## Workers

The routes below `/jobs` are for [workers elsewhere](../howto/workers.md), whose token (`honk workers token`) has no
scope and opens these routes and `/uploads` alone. A worker asks for a job, and names the job's `lease` in the header
`Honk-Lease` from then on. It says every few seconds that it lives; after a minute without a word another one may have
the job. What it made it uploads with `job` and `lease` in place of task and commit: with the last byte the job is done.

## Routes

`{{task}}` is the beginning of a task's id, or `last`.

| | scope | | answers with |
|---|---|---|---|
{routes}
"""


def schema() -> dict[str, Any]:
    """The description, of an API that nobody can ask anything."""
    return api(Backstage(tokens=None, service=None)).openapi()  # type: ignore[arg-type]


def render() -> str:
    """The whole page."""
    paths = schema()["paths"]
    routes = [(path, method, route) for path, methods in paths.items() for method, route in methods.items()]
    found: dict[str, str] = {}
    for _, _, route in routes:
        for code, answer in route["responses"].items():
            if not code.startswith("2"):
                found[code] = answer["description"]
    statuses = "\n".join(f"| {code} | {words} |" for code, words in sorted(found.items()) if code.isdigit())
    rows = "\n".join(_row(path, method, route) for path, method, route in routes)
    return _HEAD.format(prefix=PREFIX, statuses=statuses, routes=rows)


def _row(path: str, method: str, route: dict[str, Any]) -> str:
    scopes = ", ".join(f"`{scope}`" for one in route.get("security", ()) for scopes in one.values() for scope in scopes)
    named = any(one["name"].lower() == "idempotency-key" for one in route.get("parameters", ()))
    summary = route["summary"] + (" (`Idempotency-Key`)" if named else "")
    answer = next(one for code, one in route["responses"].items() if code.startswith("2"))
    return f"| `{method.upper()} {path}` | {scopes} | {summary} | {_answer(answer)} |"


def _answer(answer: dict[str, Any]) -> str:
    content = answer.get("content", {})
    if "application/json" not in content:
        return ", ".join(f"`{kind}`" for kind in content)
    shape = content["application/json"].get("schema", {})
    if shape.get("type") == "array":
        return f"list of {_name(shape['items'])}"
    return _name(shape)


def _name(shape: dict[str, Any]) -> str:
    return f"`{shape['$ref'].rsplit('/', 1)[1]}`" if "$ref" in shape else str(shape.get("type", "JSON"))


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
