"""The house rules that a machine can hold: import contracts, sizes, names, nothing at import."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from honk import ports
from honk.domain import event

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
FILE_LINES, FUNCTION_LINES = 400, 50
#: What may be larger, with its size today: an entry may shrink or go, never grow or come.
LARGER: dict[str, int] = {}


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_imports_go_down_only() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_files_stay_small() -> None:
    too_long = {
        _relative(path): lines
        for path in SOURCES
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LARGER.get(_relative(path), FILE_LINES)
    }
    assert too_long == {}


def test_functions_stay_small() -> None:
    too_long = [
        f"{_relative(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        if "migrations" not in path.parts  # a schema is a list, and written once
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES + _signature(node)
    ]
    assert too_long == []


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the signature and docstring do not count as body."""
    return node.body[0].lineno - node.lineno


def test_no_module_is_named_for_nothing() -> None:
    nothing = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "core"}
    assert [_relative(path) for path in SOURCES if path.stem in nothing or path.parent.name in nothing] == []


@pytest.mark.parametrize("path", SOURCES, ids=_relative)
def test_every_module_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{_relative(path)} has no docstring"


def test_every_event_type_is_known() -> None:
    kinds = [kind for _, kind in inspect.getmembers(event, inspect.isclass) if issubclass(kind, event.EventData)]
    assert {kind.type for kind in kinds if kind is not event.EventData} == set(event.EVENT_TYPES)
    assert all(kind.__doc__ for kind in kinds)


def test_every_port_says_what_it_promises() -> None:
    protocols = [p for _, p in inspect.getmembers(ports, inspect.isclass) if getattr(p, "_is_protocol", False)]
    assert len(protocols) > 15
    assert [p.__name__ for p in protocols if p.__module__.startswith(f"{ports.__name__}.") and not p.__doc__] == []


def test_no_two_test_files_have_the_same_name() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
