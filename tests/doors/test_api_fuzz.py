"""Whatever is sent to the API, it answers in words: never with a defect, and always."""

import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

import pytest
from anyio.from_thread import start_blocking_portal
from api_world import ApiWorld, api_world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from honk.doors.api import PREFIX
from honk.service import NewTask
from honk.testing.world import ADDRESS

#: seconds within which every route answers; none waits for work
PATIENCE = 60
#: what is known to hurt: bounds of integers, of databases and of parsers, digits that are none, names of other places
NASTY = (
    *("0", "-1", "1e400", "NaN", "2147483648", "9223372036854775808", "9" * 5000, "²", "٣", "1_000", "+1", " 1"),
    *("", " ", "last", "-", "%", "_", "*", "null", "true", "[]", "..", "../../etc/passwd", "%2e%2e%2f", "a" * 201),
    *("\0", "\ud800", "\u202e", "\r\nX-More: 1", "<script>", "' OR 1=1 --", "\ufeff", "é", "--upload-pack=touch"),
    *("file:///etc/passwd", "ext::sh -c true", "ssh://-oProxyCommand=x/y", "http://[", "//", "~", ADDRESS),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-11-21", "settled", "text/event-stream"),
)
words = st.one_of(st.sampled_from(NASTY), st.text(max_size=30))
#: no stream: it has no end
header_words = words.filter(lambda text: "event-stream" not in text)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str], dict[str, Any]]]:
    """Where the API is, a token for everything, and what the API says of itself; a finished task is there."""
    home: Path = tmp_path_factory.mktemp("fuzz")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(api_world(home)) as made:
        bearer = {"Authorization": f"Bearer {portal.call(made.token)}"}
        portal.call(_a_task, made)
        yield made.url, bearer, json.loads(ask(made.url, "GET", "/openapi.json", {}, None)[1])


async def _a_task(made: ApiWorld) -> None:
    accepted = await made.local(made.ada).submit(NewTask(repository=ADDRESS, instruction="fix the crash"))
    await made.world.settled(accepted.task)


def ask(origin: str, method: str, target: str, headers: dict[str, str], body: bytes | None) -> tuple[int, bytes]:
    """One request on a connection of its own; the standard library sends what others would put right."""
    connection = HTTPConnection(urlsplit(origin).netloc, timeout=PATIENCE)
    try:
        connection.request(method, PREFIX + target, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _value(schema: dict[str, Any], whole: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Sometimes what the schema asks for, at its bounds; sometimes anything."""
    if "$ref" in schema:
        schema = whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        return st.one_of(*(_value(one, whole) for one in schema["anyOf"]), anything)
    if "enum" in schema:
        return st.one_of(st.sampled_from(schema["enum"]), words)
    if schema.get("type") == "array":
        return st.one_of(st.lists(_value(schema["items"], whole), max_size=3), anything)
    if "properties" in schema:
        fields = {name: _value(one, whole) for name, one in schema["properties"].items()}
        must = {name: fields.pop(name) for name in schema.get("required", ())}
        return st.one_of(st.fixed_dictionaries(must, optional=fields), anything)
    return st.one_of(words, anything)


@st.composite
def requests(draw: st.DrawFn, whole: dict[str, Any]) -> tuple[str, str, dict[str, str], bytes | None]:
    """Method, target, headers and body for one of the routes."""
    path = draw(st.sampled_from(sorted(whole["paths"])))
    method = draw(st.sampled_from(sorted(whole["paths"][path])))
    route = whole["paths"][path][method]
    headers: dict[str, str] = {}
    query: list[tuple[str, str]] = []
    for parameter in route.get("parameters", ()):
        name, where = parameter["name"], parameter["in"]
        if where == "path":
            known = st.just("last") if name == "task" else words
            path = path.replace(f"{{{name}}}", _quoted(draw(st.one_of(known, words))))
        elif where == "query" and draw(st.booleans()):
            query.append((name, str(draw(_value(parameter["schema"], whole)))))
        elif where == "header" and draw(st.booleans()):
            headers[name] = draw(header_words).encode("utf-8", "replace").decode("latin-1")
    body = None
    if "requestBody" in route:
        headers["Content-Type"] = draw(
            st.sampled_from(["application/json"] * 5 + ["text/plain", "multipart/form-data"])
        )
        known = route["requestBody"]["content"].get("application/json", {"schema": {}})["schema"]
        made = st.builds(lambda value: json.dumps(value).encode(), _value(known, whole))
        body = draw(st.one_of(made, made, made, st.binary(max_size=200)))
    headers = {name: value.translate(_NO_CONTROLS) for name, value in headers.items()}
    return (
        method.upper(),
        path + "?" + urlencode([(n, v.encode("utf-8", "surrogatepass")) for n, v in query]),
        headers,
        body,
    )


#: what no header may have: such a request ends before it comes to Honk
_NO_CONTROLS = dict.fromkeys([*range(9), *range(10, 32), 127])


def _quoted(text: str) -> str:
    """A path with a line break belongs to no part of the server."""
    return quote(text.replace("\n", "").encode("utf-8", "surrogatepass"), safe="") or "%20"


def fuzzed(door: tuple[str, dict[str, str], dict[str, Any]], examples: int) -> None:
    """So many requests, each answered with something other than a defect."""
    origin, bearer, whole = door

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(request=requests(whole))
    def one(request: tuple[str, str, dict[str, str], bytes | None]) -> None:
        method, target, headers, body = request
        status, text = ask(origin, method, target, {**headers, **bearer}, body)
        assert status < 500, (status, text)
        assert status < 400 or method == "HEAD" or json.loads(text)["status"] == status, (status, text)

    cast(Callable[[], None], one)()


def test_no_request_meets_a_defect(door: tuple[str, dict[str, str], dict[str, Any]]) -> None:
    fuzzed(door, 150)


@pytest.mark.slow
def test_no_request_meets_a_defect_long(door: tuple[str, dict[str, str], dict[str, Any]]) -> None:
    fuzzed(door, 3_000)
