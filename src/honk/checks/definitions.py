"""Files that decide what is verified: a change to one is named, and is unsure at best unless it was asked for.

Of files that also hold other things (pyproject.toml, setup.cfg, package.json) only the parts that
verifiers read count. "Asked for" is decided by words: the file's name, or a word of its kind.
"""

import configparser
import json
import re
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from honk.checks import node, paths, python
from honk.checks.instruction import Instruction
from honk.checks.judging import named
from honk.checks.plan import Verifier
from honk.checks.tree import Tree
from honk.domain.repository import FileChange
from honk.domain.repository_config import CONFIG_PATH
from honk.domain.verdict import Answer, Finding, Kind

NAME = "definition of verification"


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    #: words in an instruction that ask for a change of such a file
    words: tuple[str, ...]


def _about(*tools: str) -> tuple[str, ...]:
    """A tool's name alone asks for nothing: "fix the lint errors" is no leave to change the rules."""
    things = ("config", "configuration", "settings", "options", "rule", "rules", "setup", "plugin")
    return tuple(f"{tool} {thing}" for tool in tools for thing in things)


_TESTS = _about("test", "test runner", "pytest", "jest", "vitest", "mocha", "coverage")
_LINT = _about("lint", "linter", "linting", "ruff", "eslint", "flake8", "pylint", "prettier", "biome", "formatter")
_TYPES = _about("mypy", "pyright", "typescript", "type checker", "type checking")
_RULES = (
    _Rule(re.compile(r"(^|/)conftest\.py$"), ("conftest", "fixture", "fixtures", *_TESTS)),
    _Rule(
        re.compile(r"(^|/)(\.?pytest\.(ini|toml)|tox\.ini|noxfile\.py|\.coveragerc|\.testr\.conf)$"),
        ("tox", "nox", *_TESTS),
    ),
    _Rule(
        re.compile(
            r"(^|/)((jest|vitest|vite|karma|playwright|cypress|web-test-runner|ava|babel)[\w.-]*\.config\.[\w.]+|\.mocharc[\w.]*"
            r"|\.nycrc[\w.]*|\.c8rc[\w.]*|\.babelrc[\w.]*|\.taprc|(jest|vitest)\.setup\.\w+|setupTests\.\w+)$"
        ),
        (*_about("babel", "vite", "playwright", "cypress"), *_TESTS),
    ),
    _Rule(
        re.compile(
            r"(^|/)(\.?ruff\.toml|\.flake8|\.?pylintrc|\.eslintrc[\w.]*|eslint\.config\.\w+|\.eslintignore|biome\.jsonc?"
            r"|\.prettierrc[\w.]*|\.prettierignore|\.stylelintrc[\w.]*|\.golangci\.ya?ml|\.rubocop\.ya?ml"
            r"|\.pre-commit-config\.yaml)$"
        ),
        ("pre-commit", *_LINT),
    ),
    _Rule(
        re.compile(r"(^|/)(\.?mypy\.ini|pyrightconfig\.json|tsconfig[\w.-]*\.json|py\.typed)$"), ("tsconfig", *_TYPES)
    ),
    _Rule(
        re.compile(
            r"^(\.github/(workflows|actions)/|\.gitlab-ci|\.circleci/|\.ci/|ci/|\.buildkite/|\.travis\.yml|azure-pipelines"
            r"|Jenkinsfile|appveyor\.yml|\.drone\.yml|bitbucket-pipelines\.yml|\.woodpecker)"
        ),
        ("ci", "workflow", "workflows", "github actions", "ci pipeline", "continuous integration"),
    ),
    _Rule(
        re.compile(r"(^|/)(GNUmakefile|[Mm]akefile|.*\.mk|justfile|Taskfile\.ya?ml)$"),
        ("makefile", "make target", "justfile"),
    ),
    _Rule(re.compile(rf"^{re.escape(CONFIG_PATH)}$"), ("honk configuration", "honk config", CONFIG_PATH)),
    _Rule(re.compile(r"(^|/)(sitecustomize|usercustomize)\.py$|(^|/)node_modules/"), ()),
)
_PYPROJECT_TOOLS = (
    *("pytest", "coverage", "ruff", "mypy", "pyright", "basedpyright"),
    *("flake8", "pylint", "black", "isort", "tox"),
)
_SETUP_SECTIONS = re.compile(
    r"^(tool:pytest|pytest|mypy.*|flake8|coverage:.*|pycodestyle|pylint.*|isort|tox:.*|aliases)$"
)
_PACKAGE_KEYS = (
    *("jest", "mocha", "ava", "nyc", "c8", "tap", "vitest"),
    *("eslintConfig", "babel", "standard", "xo", "prettier"),
)
_PARTLY = {
    "pyproject.toml": (*_LINT, *_TYPES, *_TESTS),
    "setup.cfg": (*_LINT, *_TYPES, *_TESTS),
    "package.json": ("npm script", "npm scripts", "package script", *_LINT, *_TESTS),
}
_RUNNERS = frozenset(
    {"pytest", "_pytest", "pluggy", "iniconfig", "unittest", "packaging", "ruff", "mypy", "coverage", "xdist"}
)


async def finding(
    base: Tree, change: Tree, files: Iterable[FileChange], verifiers: Iterable[Verifier], instruction: Instruction
) -> Finding | None:
    """None when nothing that defines verification changed."""
    defined = {path for verifier in verifiers for path in verifier.definition}
    asked: list[str] = []
    unasked: list[str] = []
    for one in files:
        words = await _changed(base, change, one, defined)
        if words is not None:
            wanted = instruction.asks_for_file(one.path) or instruction.asks_for(words)
            (asked if wanted else unasked).append(paths.shown(one.path))
    if unasked:
        summary = f"what verifies was changed, and nobody asked for it: {named(unasked, 20)}"
        return Finding(verifier=NAME, kind=Kind.RULE, answer=Answer.UNSURE, summary=summary)
    if asked:
        return Finding(
            verifier=NAME,
            kind=Kind.RULE,
            answer=Answer.PASS,
            summary=f"changed as the instruction asks: {named(asked, 20)}",
        )
    return None


async def _changed(base: Tree, change: Tree, one: FileChange, defined: set[str]) -> tuple[str, ...] | None:
    """The words that ask for this change, or None when the file does not define verification."""
    name = PurePosixPath(one.path).name
    if name in _PARTLY:
        before, after = _part(name, await base.text(one.path)), _part(name, await change.text(one.path))
        return _PARTLY[name] if before != after else None
    for rule in _RULES:
        if rule.pattern.search(one.path):
            return rule.words
    if one.path in defined:
        return ("script", "scripts") if not paths.is_code(one.path) or one.path.endswith(".sh") else ()
    return () if one.status == "A" and _shadows(one.path) else None


def decides(path: str) -> bool:
    """Whether such a file may decide what is verified, as far as its name tells; of some only parts do."""
    return PurePosixPath(path).name in _PARTLY or any(rule.pattern.search(path) for rule in _RULES)


def executed(files: Iterable[FileChange]) -> Finding | None:
    """Names what of the change the gate itself runs: its tests, and what set-up is made from."""
    found = [one.path for one in files if one.status != "D"]
    tests = [paths.shown(path) for path in found if paths.is_test(path)]
    manifests = [paths.shown(path) for path in found if python.is_manifest(path) or node.is_manifest(path)]
    parts = [f"tests: {named(tests, 20)}"] if tests else []
    parts += [f"set-up: {named(manifests, 20)}"] if manifests else []
    if not parts:
        return None
    summary = f"the gate ran these as the change has them: {'; '.join(parts)}"
    return Finding(verifier="changed and run", kind=Kind.RULE, answer=Answer.PASS, summary=summary, counts=False)


def _shadows(path: str) -> bool:
    """A new module at the root that Python would import in place of a test runner's or its own."""
    parts = PurePosixPath(path).parts
    if not path.endswith(".py") or len(parts) > 2 or (len(parts) == 2 and parts[1] != "__init__.py"):
        return False
    module = parts[0].removesuffix(".py")
    return module in _RUNNERS or (module in sys.stdlib_module_names and module not in {"test", "this"})


def _part(name: str, text: str | None) -> Any:
    """What verifiers read of the file; the whole text where it cannot be parsed."""
    if text is None:
        return {}
    try:
        if name == "pyproject.toml":
            tool = tomllib.loads(text).get("tool", {})
            return {key: tool[key] for key in _PYPROJECT_TOOLS if key in tool}
        if name == "package.json":
            package = json.loads(text)
            scripts = {
                k: v for k, v in package.get("scripts", {}).items() if not re.match(r"(start|dev|deploy|release)\b", k)
            }
            return {"scripts": scripts, **{key: package[key] for key in _PACKAGE_KEYS if key in package}}
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(text)
        return {key: dict(parser.items(key)) for key in parser.sections() if _SETUP_SECTIONS.match(key)}
    except (ValueError, AttributeError, TypeError, RecursionError, configparser.Error):
        return text
