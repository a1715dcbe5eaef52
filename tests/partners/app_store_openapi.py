"""Whether requests and answers are what Apple's OpenAPI description of App Store Connect says.

Apple publishes it at https://developer.apple.com/sample-code/app-store-connect/app-store-connect-openapi-specification.zip
and lets nobody pass it on, so it is not part of this repository. Unpack its JSON file to tests/partners/app_store.json,
which git ignores; without it there is nothing to compare with.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

FILE = Path(__file__).with_name("app_store.json")


def complaints(asked: Iterable[tuple[httpx.Request, httpx.Response]]) -> list[str] | None:
    """What is not as described; None where the description is not at hand."""
    if not FILE.is_file():
        return None
    whole = json.loads(FILE.read_text(encoding="utf-8"))
    return [one for request, answer in asked for one in _of(whole, request, answer)]


def _of(whole: Mapping[str, Any], request: httpx.Request, answer: httpx.Response) -> Iterable[str]:
    path = next((one for one in whole["paths"] if _is(one, request.url.path)), None)
    described = whole["paths"][path].get(request.method.lower()) if path else None
    if described is None:
        yield f"{request.method} {request.url.path} is not described"
        return
    known = {one["name"]: one["schema"] for one in described.get("parameters", ()) if one["in"] == "query"}
    for name, value in request.url.params.items():
        if name not in known:
            yield f"{path} has no parameter {name}"
            continue
        allowed = known[name].get("items", {}).get("enum")
        if allowed and not set(value.split(",")) <= set(allowed):
            yield f"{path} does not take {name}={value}"
        if (most := known[name].get("maximum")) and int(value) > most:
            yield f"{path} takes {name} up to {most}"
    if request.content:
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        yield from _valid(whole, schema, json.loads(request.content), f"the body of {path}")
    response = described["responses"].get(str(answer.status_code))
    if response is None:
        yield f"{path} does not answer {answer.status_code}"
    elif answer.content:
        schema = response["content"]["application/json"]["schema"]
        yield from _valid(whole, schema, answer.json(), f"the answer of {path}")


def _is(described: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", described), path) is not None


def _valid(whole: Mapping[str, Any], schema: Mapping[str, Any], value: object, what: str) -> Iterable[str]:
    validator = Draft202012Validator({**schema, "components": whole["components"]})
    for error in validator.iter_errors(value):
        yield f"{what}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
