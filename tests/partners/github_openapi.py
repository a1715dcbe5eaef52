"""Whether requests and answers are what GitHub's OpenAPI description says.

The description in tests/data/github is made by scripts/github-openapi; it has what the fake serves.
"""

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from honk.testing.fake_github import Request, World

_DATA = Path(__file__).resolve().parents[1] / "data" / "github" / "openapi.json.gz"
#: answered at any endpoint, though the description names them at few: a redirect of a renamed repository, something
#: unchanged, refusals for want of rights or limits, an unreadable body, GitHub's own failures
EVERYWHERE = frozenset({301, 304, 307, 400, 401, 403, 404, 429, 500, 502, 503})
#: GraphQL is no part of the description, and the root folder is only there with a path
_ELSEWHERE = {"/graphql": "", "/repos/{owner}/{repo}/contents": "/repos/{}/{}/contents/{}"}
#: statuses that GitHub's pages document and its description leaves out, with what the pages say
LEFT_OUT: Mapping[tuple[str, str], frozenset[int]] = {
    # a body that is not valid, as at every other endpoint that takes one; or a ref that is no commit
    ("POST", "/repos/{}/{}/check-runs"): frozenset({422}),
    ("PATCH", "/repos/{}/{}/check-runs/{}"): frozenset({422}),
    ("POST", "/repos/{}/{}/statuses/{}"): frozenset({422}),
    ("POST", "/repos/{}/{}/actions/workflows/{}/dispatches"): frozenset({422}),
    ("POST", "/repos/{}/{}/actions/runs/{}/pending_deployments"): frozenset({422}),
    ("POST", "/repos/{}/{}/pulls/{}/comments/{}/replies"): frozenset({422}),
    ("PATCH", "/repos/{}/{}/pulls/comments/{}"): frozenset({422}),
    ("GET", "/repos/{}/{}/actions/artifacts/{}/{}"): frozenset({410}),
    ("GET", "/repos/{}/{}/commits/{}/check-runs"): frozenset({422}),
    ("GET", "/repos/{}/{}/commits/{}/check-suites"): frozenset({422}),
    ("GET", "/repos/{}/{}/commits/{}/status"): frozenset({422}),
    ("GET", "/repos/{}/{}/commits/{}/statuses"): frozenset({422}),
    ("GET", "/repos/{}/{}/commits/{}/pulls"): frozenset({422}),
}
#: where the description contradicts itself: an account is said to be a person and an enterprise at once
MISDESCRIBED: Mapping[tuple[str, str], Any] = {
    ("GET", "/app/installations"): {"type": "array", "items": {"$ref": "#/$defs/installation"}},
}


#: what GitHub answers with null, as its webhook payloads are described: the place of a comment on code that moved on
NULLS: Mapping[str, tuple[str, ...]] = {"pull-request-review-comment": ("line", "position")}


@cache
def _whole() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(_DATA.read_bytes()))
    for kind, names in NULLS.items():
        for name in names:
            fields = found["$defs"][kind]["properties"]
            fields[name] = {"anyOf": [fields[name], {"type": "null"}]}
    return found


def paths() -> Iterable[str]:
    """The paths that it has, with "{}" for each parameter."""
    return tuple(_whole()["paths"])


@cache
def _validator(words: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(words), "$defs": _whole()["$defs"]})


def _wrong(schema: Any, value: object, what: str) -> Iterable[str]:
    for error in _validator(json.dumps(schema)).iter_errors(value):
        yield f"{what}{error.json_path[1:]}: {' / '.join(dict.fromkeys(_causes(error)))}"


def _causes(error: ValidationError) -> Iterable[str]:
    """What each variant of a schema found wrong; the error itself where there are none."""
    for one in error.context or ():
        yield from _causes(one)
    if not error.context:
        yield f"{error.json_path[1:]} {error.message[:150]}"


def _key(route: str) -> str:
    if route in _ELSEWHERE:
        return _ELSEWHERE[route]
    return re.sub(r"\{[^}]*\}", "{}", route)


def request_faults(one: Request) -> list[str]:
    """What is wrong with a request: its path, its query, its body."""
    what = f"{one.method} {one.path}"
    if not one.route:
        # a refusal before the endpoint was looked for says nothing about the request
        return [] if one.status in EVERYWHERE - {404} | {0} else [f"{what}: no such endpoint"]
    key = _key(one.route)
    if not key:
        return []
    operation = _whole()["paths"].get(key, {}).get(one.method)
    if operation is None:
        return [f"{what}: the description has no {one.method} {key}"]
    return [*_query_faults(operation, one, what), *_body_faults(operation, one, what)]


def _query_faults(operation: Any, one: Request, what: str) -> Iterable[str]:
    for name, text in one.query.items():
        if name not in operation["query"]:
            yield f"{what}: unknown parameter {name!r}"
            continue
        schema = operation["query"][name]
        choices: list[Any] = [text]
        if re.fullmatch(r"-?\d+", text):
            choices.append(int(text))
        if text in ("true", "false"):
            choices.append(text == "true")
        if all(list(_wrong(schema, each, "")) for each in choices):
            yield f"{what}: parameter {name}={text!r} is not {schema}"
    for name in operation["needed"]:
        if name not in one.query:
            yield f"{what}: parameter {name!r} is missing"


def _body_faults(operation: Any, one: Request, what: str) -> Iterable[str]:
    schema = operation["body"]
    if one.body is None:
        if operation["body_needed"] and one.method != "DELETE":
            yield f"{what}: no body"
        return
    if schema is None:
        if one.body != {}:
            yield f"{what}: a body is not taken: {one.body!r:.200}"
        return
    yield from _wrong(schema, one.body, f"{what} body")
    known = set(_properties(schema))
    if isinstance(one.body, dict) and known:
        for name in one.body:
            if name not in known:
                yield f"{what} body: unknown field {name!r}"


def _properties(schema: Any) -> Iterable[str]:
    """The names that any variant of a schema has."""
    if "$ref" in schema:
        yield from _properties(_whole()["$defs"][schema["$ref"].rsplit("/", 1)[1]])
    yield from schema.get("properties", {})
    for word in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(word, []):
            yield from _properties(each)


def answer_faults(one: Request) -> list[str]:
    """What is wrong with an answer of the fake: a status that is not documented, a body that is not as it should be."""
    what = f"{one.method} {one.path} -> {one.status}"
    key = _key(one.route) if one.route else ""
    if not key or not one.status:
        return []
    operation = _whole()["paths"].get(key, {}).get(one.method)
    if operation is None:
        return [f"{what}: the description has no {one.method} {key}"]
    status = str(one.status)
    if status not in operation["responses"]:
        if one.status in EVERYWHERE or one.status in LEFT_OUT.get((one.method, key), ()):
            return []
        return [f"{what}: not documented; documented are {sorted(operation['responses'])}"]
    schema = MISDESCRIBED.get((one.method, key), operation["responses"][status])
    if schema is None or one.answer is None:
        return []
    return list(_wrong(schema, one.answer, what))


def check_requests(world: World) -> None:
    """AssertionError that lists every request that GitHub does not document, and what the fake itself found."""
    found = [fault for one in world.requests for fault in request_faults(one)]
    assert not found + world.violations(), "\n".join(found + world.violations())


def check_answers(world: World) -> None:
    """AssertionError that lists what in the fake's answers is not as documented."""
    found = [fault for one in world.requests for fault in answer_faults(one)]
    assert not found, "\n".join(found)
