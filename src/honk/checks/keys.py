"""What decides whether an environment still fits a tree."""

import hashlib
import json
import re
import tomllib

from honk.checks.plan import Plan
from honk.checks.tree import Tree

#: Changed with the form of an environment, so that an upgrade makes new ones.
_FORM = 1
#: What is compiled at set-up; without its own commit in the key, a changed source would run as it was.
_COMPILED = re.compile(
    r"\.(c|cc|cpp|cxx|h|hpp|pyx|pxd|pxi|rs|f|f90|go|proto|cu)$|(^|/)(CMakeLists\.txt|meson\.build|Cargo\.lock)$"
)
_BUILDS = re.compile(
    r"ext_modules|cythonize|Extension\(|maturin|setuptools-rust|scikit-build|meson-python|ext-modules|node-gyp|grpc_tools"
)
#: Tables of pyproject.toml that tools read when they run, and set-up never does.
_TOOL_TABLES = re.compile(
    "ruff|mypy|pytest|coverage|black|isort|pylint|pyright|basedpyright|flake8|bandit|towncrier|codespell|commitizen"
    "|semantic_release|ty|interrogate|vulture|tox|nox|mutmut|djlint|bumpversion|tbump"
)
_LIFECYCLE = frozenset({"preinstall", "install", "postinstall", "prepare", "prepublish"})
_NOT_INSTALLED = frozenset({"scripts", "jest", "eslintConfig", "prettier", "mocha", "ava", "nyc", "c8", "lint-staged"})


async def content_key(tree: Tree, plan: Plan, interpreter: str) -> str:
    recipes = [
        (recipe.toolchain, [[(s.argv, dict(s.environment)) for s in way] for way in (*recipe.ways, recipe.afterwards)])
        for recipe in plan.recipes
    ]
    contents = []
    builds = False
    for path in sorted({path for recipe in plan.recipes for path in recipe.manifests}):
        text = await tree.text(path) or ""
        builds = builds or bool(_BUILDS.search(text))
        contents.append((path, _relevant(path, text)))
    # Every source may be compiled in; the commit is the one thing that surely names them all.
    sources = tree.commit if builds and any(_COMPILED.search(path) for path in tree.paths) else ""
    whole = json.dumps([_FORM, interpreter, recipes, contents, sources], sort_keys=True)
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def _relevant(path: str, text: str) -> str:
    """The part of a manifest that says what is installed; all of it where that cannot be told."""
    if path.endswith("pyproject.toml"):
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return text
        tool = table.get("tool")
        if isinstance(tool, dict):
            table["tool"] = {name: value for name, value in tool.items() if not _TOOL_TABLES.fullmatch(name)}
        return json.dumps(table, sort_keys=True, default=str)
    if path.endswith("package.json"):
        try:
            package = json.loads(text)
        except (ValueError, RecursionError):
            return text
        if not isinstance(package, dict):
            return text
        scripts = package.get("scripts")
        kept = {name: line for name, line in scripts.items() if name in _LIFECYCLE} if isinstance(scripts, dict) else {}
        return json.dumps(
            {**{k: v for k, v in package.items() if k not in _NOT_INSTALLED}, "scripts": kept}, sort_keys=True
        )
    return text
