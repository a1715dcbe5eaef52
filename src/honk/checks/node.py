"""Node: the scripts test, lint, typecheck and build, by the package manager of the lock file."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from honk.checks.plan import REPORTS, Recipe, Step, Verifier
from honk.checks.tree import Tree
from honk.domain.verdict import Kind

REPORT = f"{REPORTS}/javascript.json"
_MANIFESTS = re.compile(
    r"(^|/)(package\.json|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|pnpm-workspace\.yaml"
    r"|\.npmrc|\.yarnrc|\.yarnrc\.yml|\.pnp\.cjs)$"
)
#: script names by what they answer, the first that exists is run
_SCRIPTS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.TEST, ("test",)),
    (Kind.LINT, ("lint", "lint:check")),
    (Kind.TYPES, ("typecheck", "type-check", "types", "check-types", "tsc")),
    (Kind.BUILD, ("build",)),
)
_PLACEHOLDER = re.compile(r"no test specified")
#: downloads outside the registry, which set-up could not reach
_NO_DOWNLOADS = {
    "PUPPETEER_SKIP_DOWNLOAD": "1",
    "CYPRESS_INSTALL_BINARY": "0",
    "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
    "ELECTRON_SKIP_BINARY_DOWNLOAD": "1",
    "HUSKY": "0",
    "CI": "true",
    "YARN_ENABLE_GLOBAL_CACHE": "false",
    "YARN_ENABLE_TELEMETRY": "0",
}


#: there is no network where scripts run: an audit must not try for minutes
_RUN = {
    "CI": "true",
    "NO_COLOR": "1",
    "FORCE_COLOR": "0",
    "npm_config_fetch_retries": "0",
    "npm_config_update_notifier": "false",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Manager:
    name: str
    #: "" where any version serves
    version: str
    locked: bool


def is_manifest(path: str) -> bool:
    return bool(_MANIFESTS.search(path)) and "node_modules/" not in path


async def detect(tree: Tree) -> tuple[list[Verifier], Recipe | None]:
    """Nothing when the root holds no package.json."""
    package = await _package(tree)
    if package is None:
        return [], None
    manager = _manager(tree, package)
    return _verifiers(package, manager), await _recipe(tree, package, manager)


async def _package(tree: Tree, path: str = "package.json") -> dict[str, Any] | None:
    text = await tree.text(path)
    if text is None:
        return None
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return package if isinstance(package, dict) else {}


def scripts(package: Mapping[str, Any]) -> dict[str, str]:
    table = package.get("scripts")
    return {str(name): line for name, line in table.items() if isinstance(line, str)} if isinstance(table, dict) else {}


def _manager(tree: Tree, package: Mapping[str, Any]) -> _Manager:
    declared = re.match(r"^(npm|pnpm|yarn)@([\w.-]+)", str(package.get("packageManager", "")))
    locks = {"pnpm": ("pnpm-lock.yaml",), "yarn": ("yarn.lock",), "npm": ("package-lock.json", "npm-shrinkwrap.json")}
    by_lock = next((name for name, files in locks.items() if any(file in tree for file in files)), "npm")
    name = declared[1] if declared else by_lock
    return _Manager(
        name=name, version=declared[2] if declared else "", locked=any(file in tree for file in locks[name])
    )


def _verifiers(package: Mapping[str, Any], manager: _Manager) -> list[Verifier]:
    lines = scripts(package)
    result = []
    for kind, names in _SCRIPTS:
        name = next((one for one in names if one in lines), None)
        if name is None or _PLACEHOLDER.search(lines[name]):
            continue
        result.append(
            Verifier(
                name=f"{manager.name} run {name}" if kind is not Kind.TEST else f"{manager.name} test",
                kind=kind,
                argv=(manager.name, "run", name, *(_report_arguments(lines[name]) if kind is Kind.TEST else ())),
                reader="javascript" if kind is Kind.TEST else "lines",
                environment=_RUN,
                definition=("package.json",),
            )
        )
    return result


def _report_arguments(line: str) -> tuple[str, ...]:
    """Arguments that make the runner at the script's end write its results by name, where it is known to."""
    if re.search(r"[|;&<>]", line):
        return ()
    command = re.sub(r"^(?:\w+=\S+\s+|cross-env\s+|npx\s+|c8\s+|nyc\s+)*", "", line.strip())
    if re.match(r"jest\b", command):
        return ("--", "--ci", "--json", f"--outputFile={REPORT}")
    if re.match(r"vitest\b", command):
        run = () if re.search(r"\brun\b|--run\b", command) else ("--run",)
        return ("--", *run, "--reporter=default", "--reporter=json", f"--outputFile.json={REPORT}")
    return ()


async def _recipe(tree: Tree, package: Mapping[str, Any], manager: _Manager) -> Recipe:
    manifests = tuple(sorted(path for path in tree.paths if is_manifest(path)))
    needs = [package]
    if package.get("workspaces") or "pnpm-workspace.yaml" in tree:
        needs += [await _package(tree, path) or {} for path in manifests if path.endswith("/package.json")]
    install = any(_dependencies(one) for one in needs)
    steps: list[Step] = []
    if manager.name != "npm":
        steps.append(_fetch(tree, manager))
    if not install:
        return Recipe(toolchain="node", ways=(tuple(steps),), manifests=manifests, network=bool(steps))
    first = _install(manager, ())
    ways = [(*steps, first)]
    if manager.name == "npm":
        ways.append((*steps, _install(manager, ("--ignore-scripts",))))
    return Recipe(toolchain="node", ways=tuple(ways), manifests=manifests)


def _dependencies(package: Mapping[str, Any]) -> bool:
    return any(package.get(key) for key in ("dependencies", "devDependencies", "optionalDependencies"))


def _fetch(tree: Tree, manager: _Manager) -> Step:
    """pnpm or yarn in the declared version; without one, the version that the lock file's form asks for."""
    package = manager.name
    version = manager.version
    if manager.name == "yarn" and (".yarnrc.yml" in tree or re.match(r"[2-9]", version)):
        package, version = "@yarnpkg/cli-dist", version or "4"
    elif manager.name == "yarn":
        version = version or "1"
    wanted = f"{package}@{version}" if version else package
    argv = ("npm", "install", "--global", "--prefix", "/env", "--no-audit", "--no-fund", wanted)
    return Step(title=wanted, argv=argv, environment=_NO_DOWNLOADS)


def _install(manager: _Manager, more: Iterable[str]) -> Step:
    forms = {
        ("npm", True): ("npm", "ci"),
        ("npm", False): ("npm", "install", "--no-package-lock"),
        ("pnpm", True): ("pnpm", "install", "--frozen-lockfile", "--store-dir", "/env/pnpm"),
        ("pnpm", False): ("pnpm", "install", "--no-lockfile", "--store-dir", "/env/pnpm"),
        ("yarn", True): ("yarn", "install", "--frozen-lockfile"),
        ("yarn", False): ("yarn", "install", "--no-lockfile"),
    }
    form = forms[(manager.name, manager.locked)]
    if manager.name == "yarn" and re.match(r"[2-9]", manager.version):
        form = ("yarn", "install", *(("--immutable",) if manager.locked else ()))
    return Step(title=" ".join(form[:2]), argv=(*form, *more), environment=_NO_DOWNLOADS)
