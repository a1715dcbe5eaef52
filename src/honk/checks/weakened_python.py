"""What a change takes away from Python tests, read from their syntax.

Compared are the test functions by their qualified names: whether they are there, how many assertions
they make that can be reached and can fail, and how often they skip. A function that is found again
under another name, in this or another file, with (nearly) the same body was moved, not removed.
"""

import ast
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SKIPS = frozenset(
    {"skip", "skipif", "skipIf", "skipUnless", "skipTest", "xfail", "expectedFailure", "SkipTest", "importorskip"}
)
#: calls that can fail a test: of unittest, pytest, mock, and helpers that are named like them
_FAILS = re.compile(r"_*(assert|check|verify|expect)|(raises|warns|fail)$", re.IGNORECASE)
_ALIKE = 0.8
#: bounds of the search for a moved test, which otherwise takes time with the square of a file's size
_COMPARED, _LONGEST_BODY = 50, 4000
_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True, slots=True)
class TestFunction:
    __test__ = False

    assertions: int
    skips: int
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TestModule:
    __test__ = False

    functions: Mapping[str, TestFunction]
    #: skips that hold for the module or a class as a whole
    skips: int


def read_module(text: str) -> TestModule | None:
    """None when it cannot be parsed, which the test run will say."""
    functions: dict[str, TestFunction] = {}
    try:
        skips = _collect(_with_helpers_named(ast.parse(text)).body, "", functions)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return TestModule(functions=functions, skips=skips)


def _with_helpers_named(tree: ast.Module) -> ast.Module:
    """The module with its own asserting helpers renamed, so that a call of one counts as an assertion."""
    helpers = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, _FunctionNode) and not node.name.startswith("test") and _assertions(node.body)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in helpers:
            node.id = f"assert_{node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in helpers:
            node.attr = f"assert_{node.attr}"
    return tree


def _collect(body: Iterable[ast.stmt], prefix: str, functions: dict[str, TestFunction]) -> int:
    """Adds the functions; returns the number of skips beside them. A later definition hides an earlier one."""
    skips = 0
    for node in body:
        if isinstance(node, _FunctionNode):
            if node.name.startswith("test"):
                functions[prefix + node.name] = _function(node)
        elif isinstance(node, ast.ClassDef):
            skips += sum(_is_skip(one) for one in node.decorator_list)
            skips += _collect(node.body, f"{prefix}{node.name}.", functions)
        elif isinstance(node, ast.If | ast.Try | ast.With):
            skips += _collect([*node.body, *getattr(node, "orelse", [])], prefix, functions)
        else:
            skips += sum(_is_skip(one) for one in ast.walk(node)) + _not_collected(node)
    return skips


def _not_collected(node: ast.stmt) -> int:
    """`__test__ = False`, `collect_ignore = [...]`."""
    names = (
        {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.Assign)
        else set()
    )
    return int(bool(names & {"__test__", "collect_ignore", "collect_ignore_glob"}))


def _function(node: _FunctionNode) -> TestFunction:
    skips = sum(_is_skip(one) for decorator in node.decorator_list for one in ast.walk(decorator))
    skips += sum(_is_skip(one) for statement in node.body for one in ast.walk(statement))
    body = "\n".join(ast.unparse(statement) for statement in node.body)
    return TestFunction(assertions=_assertions(node.body), skips=skips, body=body)


def _is_skip(node: ast.AST) -> bool:
    """One mark or call counts once: by its last name."""
    return (isinstance(node, ast.Attribute) and node.attr in _SKIPS) or (
        isinstance(node, ast.Name) and node.id in _SKIPS
    )


def _assertions(body: list[ast.stmt]) -> int:
    count = 0
    for node in body:
        if isinstance(node, ast.Return | ast.Raise):
            break
        count += _in_statement(node)
    return count


def _in_statement(node: ast.stmt) -> int:
    if isinstance(node, ast.Assert):
        return int(not isinstance(node.test, ast.Constant))
    if isinstance(node, ast.If) and isinstance(node.test, ast.Constant):
        return _assertions(node.body if node.test.value else node.orelse)
    if isinstance(node, ast.Try):
        inner = 0 if any(_swallows(handler) for handler in node.handlers) else _assertions(node.body)
        rest = [statement for handler in node.handlers for statement in handler.body]
        return inner + _assertions(rest) + _assertions(node.orelse) + _assertions(node.finalbody)
    if isinstance(node, ast.With | ast.AsyncWith):
        return sum(_calls(item.context_expr) for item in node.items) + _assertions(node.body)
    if isinstance(node, ast.For | ast.AsyncFor | ast.While | ast.If):
        return _assertions(node.body) + _assertions(node.orelse)
    if isinstance(node, _FunctionNode):
        return _assertions(node.body)
    return _calls(node)


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether a failed assertion would end here in silence."""
    if any(isinstance(one, ast.Raise) for one in ast.walk(handler)) or _assertions(handler.body):
        return False
    caught = ast.unparse(handler.type) if handler.type is not None else "BaseException"
    return any(name in caught for name in ("AssertionError", "BaseException")) or caught.rstrip(")").endswith(
        "Exception"
    )


def _calls(node: ast.AST) -> int:
    """Calls that fail a test: `self.assertX`, `pytest.raises`, `mock.assert_called`, `fail`, helpers named so."""
    count = 0
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            name = one.func.attr if isinstance(one.func, ast.Attribute) else getattr(one.func, "id", "")
            trivial = name in {"assertTrue", "assert_"} and bool(one.args) and isinstance(one.args[0], ast.Constant)
            count += int(bool(_FAILS.match(name)) and not trivial)
    return count


def removed(
    old: Mapping[str, TestModule], new: Mapping[str, TestModule]
) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """((path, name) of removed tests, the new function's name by the old one's for those only moved or renamed)."""
    fresh = {
        (path, name): function
        for path, module in new.items()
        for name, function in module.functions.items()
        if path not in old or name not in old[path].functions
    }
    gone: list[tuple[str, str]] = []
    moved: dict[str, str] = {}
    for path, module in old.items():
        now = new[path].functions if path in new else {}
        for name, function in module.functions.items():
            if name in now:
                continue
            near = [key for key in fresh if key[0] == path or key[1].rpartition(".")[2] == name.rpartition(".")[2]]
            match = next((key for key in near[:_COMPARED] if _same(function, fresh[key])), None)
            if match is None:
                gone.append((path, name))
            else:
                del fresh[match]
                moved[name.rpartition(".")[2]] = match[1].rpartition(".")[2]
    return gone, moved


def _same(old: TestFunction, new: TestFunction) -> bool:
    if old.body == new.body:
        return new.skips <= old.skips
    if new.assertions < old.assertions or new.skips > old.skips or max(len(old.body), len(new.body)) > _LONGEST_BODY:
        return False
    matcher = difflib.SequenceMatcher(None, old.body, new.body, autojunk=False)
    return matcher.real_quick_ratio() > _ALIKE and matcher.quick_ratio() > _ALIKE and matcher.ratio() > _ALIKE


def weaker(path: str, old: TestModule, new: TestModule) -> list[str]:
    """Sentences about tests that are still there and do less."""
    found = []
    for name, before in old.functions.items():
        after = new.functions.get(name)
        if after is None:
            continue
        if after.skips > before.skips:
            found.append(f"{path}: {name} is skipped or expected to fail")
        elif after.assertions < before.assertions:
            found.append(f"{path}: {name} makes {after.assertions} assertions instead of {before.assertions}")
    if new.skips > old.skips:
        found.append(f"{path}: tests are skipped or no longer collected")
    return found
