"""Python: pytest or unittest, ruff and mypy in the version that the repository declares."""

import re
from collections.abc import Iterable

from honk.checks import paths
from honk.checks.plan import PYTHON, REPORTS, Recipe, Step, Verifier
from honk.checks.python_project import TEST_SETS, PythonProject, read_project
from honk.checks.tree import Tree
from honk.domain.verdict import Kind

#: pytest's configuration, without the tables of one file that another part owns
_PYTEST_FILES = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml")
_MANIFESTS = re.compile(
    r"(^|/)(pyproject\.toml|setup\.py|setup\.cfg|uv\.lock|poetry\.lock|pdm\.lock|Pipfile|Pipfile\.lock|tox\.ini)$"
    r"|(^|/)[\w.-]*requirements[\w.-]*\.(txt|in)$|(^|/)requirements/[\w./-]+\.(txt|in)$|(^|/)constraints[\w.-]*\.txt$"
)
_LOOKED_AT = 60
REPORT = f"{REPORTS}/pytest.xml"
_PIP = (PYTHON, "-m", "pip", "install", "-q")
_TOOLS = "/env/tools/bin"


def is_manifest(path: str) -> bool:
    """Whether a change of this file may change what has to be installed."""
    return bool(_MANIFESTS.search(path)) and path.count("/") < 4


async def detect(tree: Tree, python: str) -> tuple[list[Verifier], Recipe | None]:
    """`python` is the interpreter inside. Nothing when the tree holds no Python."""
    if not any(path.endswith(".py") for path in tree.paths):
        return [], None
    project = await read_project(tree)
    runner = await _runner(tree, project)
    verifiers = [*_tests(tree, runner), *await _linters(tree, project)]
    return verifiers, _recipe(tree, project, python, verifiers)


async def _runner(tree: Tree, project: PythonProject) -> str:
    """ "pytest", "unittest", or "" when there are no tests."""
    tests = sorted(path for path in tree.paths if paths.is_test_file(path) and path.endswith(".py"))
    if any(name in tree for name in _PYTEST_FILES) or "pytest" in project.declared or await _configures_pytest(tree):
        return "pytest" if tests else ""
    if any("pytest" in one for one in (*project.tests_require, *project.tox_deps)):
        return "pytest" if tests else ""
    found = ""
    for path in tests[:_LOOKED_AT]:
        text = await tree.text(path) or ""
        if re.search(
            r"^\s*(import pytest|from pytest)\b|^(async )?def test_|^class Test\w*(\(object\))?:", text, re.MULTILINE
        ):
            return "pytest"
        if re.search(r"\bTestCase\b", text):
            found = "unittest"
    return found or ("pytest" if tests and any(path.endswith("conftest.py") for path in tree.paths) else "")


async def _configures_pytest(tree: Tree) -> bool:
    pyproject = await tree.toml("pyproject.toml")
    tool = pyproject.get("tool")
    if isinstance(tool, dict) and "pytest" in tool:
        return True
    return "[tool:pytest]" in (await tree.text("setup.cfg") or "") or "[pytest]" in (await tree.text("tox.ini") or "")


def _tests(tree: Tree, runner: str) -> list[Verifier]:
    if runner == "pytest":
        argv: tuple[str, ...] = (
            *(PYTHON, "-m", "pytest", "--color=no", "--continue-on-collection-errors", "--maxfail=0", "-rfE"),
            *("-o", "junit_family=xunit1", f"--junitxml={REPORT}"),
        )
        return [Verifier(name="pytest", kind=Kind.TEST, argv=argv, reader="pytest", narrows=True)]
    if runner == "unittest":
        argv = (PYTHON, "-m", "unittest", "discover", "-v", *_discovery(tree))
        return [Verifier(name="unittest", kind=Kind.TEST, argv=argv, reader="unittest")]
    return []


def _discovery(tree: Tree) -> tuple[str, ...]:
    tests = sorted(path for path in tree.paths if paths.is_test_file(path) and path.endswith(".py"))
    folders = {path.rpartition("/")[0] for path in tests}
    names = [path.rpartition("/")[2] for path in tests]
    pattern = () if any(name.startswith("test") for name in names) else ("-p", "*_test.py")
    start = next(
        (one for one in ("tests", "test") if any((folder + "/").startswith(one + "/") for folder in folders)), ""
    )
    if not start or any(not (folder + "/").startswith(start + "/") for folder in folders):
        return pattern
    top = ("-t", ".") if f"{start}/__init__.py" in tree else ()
    return ("-s", start, *top, *pattern)


async def _linters(tree: Tree, project: PythonProject) -> list[Verifier]:
    pyproject = await tree.toml("pyproject.toml")
    tool = pyproject.get("tool") if isinstance(pyproject.get("tool"), dict) else {}
    ruff_used = "ruff" in project.declared or "ruff.toml" in tree or ".ruff.toml" in tree or "ruff" in (tool or {})
    mypy = (tool or {}).get("mypy", {})
    ini = "\n".join([await tree.text(name) or "" for name in ("mypy.ini", ".mypy.ini", "setup.cfg")])
    mypy_used = "mypy" in project.declared or "[mypy]" in ini or bool(mypy)
    result = []
    if ruff_used:
        argv: tuple[str, ...] = (
            PYTHON,
            "-m",
            "ruff",
            "check",
            "--no-fix",
            "--no-cache",
            "--output-format=concise",
            ".",
        )
        result.append(_linter("ruff", Kind.LINT, argv, project))
    if mypy_used:
        argv = (PYTHON, "-m", "mypy", "--no-error-summary", "--cache-dir=/tmp/mypy")
        targeted = bool(re.search(r"^(files|packages|modules)\s*=", ini, re.MULTILINE)) or any(
            key in mypy for key in ("files", "packages", "modules")
        )
        reason = "" if targeted else "its configuration names no files to check"
        result.append(_linter("mypy", Kind.TYPES, argv, project, reason))
    return result


def _linter(name: str, kind: Kind, argv: tuple[str, ...], project: PythonProject, reason: str = "") -> Verifier:
    not_run = reason if name in project.declared else f"the repository declares no version of {name}"
    return Verifier(name=name, kind=kind, argv=argv, reader="findings", not_run=not_run)


def _recipe(tree: Tree, project: PythonProject, python: str, verifiers: Iterable[Verifier]) -> Recipe:
    locked = _locked(tree, project)
    ways = [way for way in (locked, _editable(project), _requirements(project)) if way]
    runs_pytest = any(one.name == "pytest" for one in verifiers)
    afterwards: list[Step] = []
    if runs_pytest:
        afterwards.append(_missing("pytest", "pytest", optional=False))
        afterwards += [_missing(module, name, optional=True) for module, name in project.plugins]
    for one in verifiers:
        if one.name in {"ruff", "mypy"} and not one.not_run:
            afterwards.append(_missing(one.name, project.declared[one.name], optional=True))
    network = bool(ways or afterwards)
    venv = (python, "-m", "venv", "--clear", *(() if network else ("--without-pip",)), "/env/venv")
    make = Step(title="a virtual environment", argv=venv)
    return Recipe(
        toolchain="python",
        ways=tuple((make, *way) for way in ways) or ((make,),),
        afterwards=tuple(afterwards),
        manifests=tuple(sorted(path for path in tree.paths if is_manifest(path))),
        network=network,
    )


def _missing(module: str, requirement: str, *, optional: bool) -> Step:
    line = f'{PYTHON} -c "import {module}" 2>/dev/null || {PYTHON} -m pip install -q "$0"'
    return Step(title=requirement, argv=("sh", "-c", line, requirement), optional=optional)


def _chosen(project: PythonProject) -> str | None:
    return next((name for name in TEST_SETS if name in project.extras or name in project.groups), None)


def _tool(name: str) -> Step:
    line = f"{PYTHON} -m venv /env/tools && /env/tools/bin/python -m pip install -q {name}"
    return Step(title=f"{name}, which the lock file is for", argv=("sh", "-c", line))


def _locked(tree: Tree, project: PythonProject) -> tuple[Step, ...]:
    name = _chosen(project) or ""
    active = {"VIRTUAL_ENV": "/env/venv", "UV_PROJECT_ENVIRONMENT": "/env/venv", "POETRY_VIRTUALENVS_CREATE": "false"}
    if "uv.lock" in tree:
        argv = [f"{_TOOLS}/uv", "sync", "--frozen", "--inexact", "--python", PYTHON]
        argv += ["--extra", name] if name in project.extras else []
        argv += ["--group", name] if name in project.groups else []
        return (_tool("uv"), Step(title="what uv.lock names", argv=tuple(argv), environment=active))
    if "poetry.lock" in tree:
        argv = [f"{_TOOLS}/poetry", "install", "--no-interaction", "--no-ansi"]
        argv += ["--extras", name] if name in project.extras else []
        argv += ["--with", name] if name in project.groups else []
        return (_tool("poetry"), Step(title="what poetry.lock names", argv=tuple(argv), environment=active))
    if "pdm.lock" in tree:
        argv = [f"{_TOOLS}/pdm", "install", "--frozen-lockfile"]
        argv += ["-G", name] if name else []
        return (_tool("pdm"), Step(title="what pdm.lock names", argv=tuple(argv), environment=active))
    if project.compiled:
        steps = [Step(title=", ".join(project.compiled), argv=(*_PIP, *_files(project.compiled)))]
        if project.installable:
            steps.append(Step(title="the project", argv=(*_PIP, "--no-deps", "-e", ".")))
        return tuple(steps)
    return ()


def _files(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(argument for name in names for argument in ("-r", name))


def _editable(project: PythonProject) -> tuple[Step, ...]:
    if not project.installable:
        return ()
    name = _chosen(project)
    target = f".[{name}]" if name in project.extras else "."
    more: tuple[str, ...] = project.groups.get(name, ()) if name is not None else ()
    if name is None:
        more = (*_files(project.test_files[:1]), *project.tests_require)
        more = more or project.tox_deps
    install = Step(title="the project and what its tests need", argv=(*_PIP, "-e", target, *more))
    return (install,)


def _requirements(project: PythonProject) -> tuple[Step, ...]:
    files = (*project.base_files, *project.test_files[:1])
    if not files:
        return ()
    return (Step(title=", ".join(files), argv=(*_PIP, *_files(files))),)
