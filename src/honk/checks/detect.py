"""The base commit → the plan: which verifiers run, in which environment."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from honk.checks import commands, make, named_files, node, python
from honk.checks.plan import REPORTS, Plan, Recipe, Step, Verifier
from honk.checks.tree import Tree
from honk.domain.repository_config import CONFIG_PATH, RepositoryConfig, parse
from honk.domain.verdict import Kind

#: Programs that a detected toolchain cannot do without, and what a person calls them.
NEEDED = {"npm": "Node.js with npm", "make": "make"}


async def make_plan(
    tree: Tree,
    verify: tuple[str, ...],
    interpreter: str,
    *,
    config: RepositoryConfig | None = None,
    lacking: frozenset[str] = frozenset(),
) -> Plan:
    """`tree` is the base; `interpreter` is the Python inside. Raises SettingsWrong for a bad `.honk.toml`.

    For the environment of a change, `tree` is the change and `config` the base's. `lacking` are the programs
    of `NEEDED` that this machine has not: what was merely detected and needs them is named as not run.
    """
    if config is None:
        content = await tree.content(CONFIG_PATH)
        config = parse(content) if content is not None else RepositoryConfig()
    python_verifiers, python_recipe = await python.detect(tree, interpreter)
    node_verifiers, node_recipe = await node.detect(tree)
    if "npm" in lacking:
        node_verifiers, node_recipe = _without("npm", node_verifiers), None
    detected = [*python_verifiers, *node_verifiers]
    if not any(one.kind is Kind.TEST and not one.not_run for one in detected):
        made = await make.detect(tree)
        detected += _without("make", made) if "make" in lacking else made
    verifiers = commands.from_task(verify) or commands.from_config(config) or detected
    recipes = [one for one in (python_recipe, node_recipe) if one is not None]
    if config.setup:
        recipes = _declared(tree, config, recipes)
    return Plan(
        config=config,
        verifiers=tuple([await _with_definition(tree, one) for one in verifiers]),
        recipes=tuple(recipes),
        environment=_environment(recipes),
    )


def _without(program: str, verifiers: Iterable[Verifier]) -> list[Verifier]:
    return [replace(one, not_run=f"{NEEDED[program]} is not installed on this machine") for one in verifiers]


def _declared(tree: Tree, config: RepositoryConfig, detected: Iterable[Recipe]) -> list[Recipe]:
    """`setup` replaces what would be detected; a Python repository keeps its (empty) virtual environment."""
    venv = tuple(step for recipe in detected if recipe.toolchain == "python" for step in recipe.ways[0][:1])
    bare = tuple(replace(step, argv=tuple(a for a in step.argv if a != "--without-pip")) for step in venv)
    steps = tuple(Step(title=line, argv=("sh", "-c", line)) for line in config.setup)
    named = {path for line in config.setup for path in named_files.in_command(line, tree.paths)}
    manifests = sorted(named | {path for recipe in detected for path in recipe.manifests})
    return [Recipe(toolchain=CONFIG_PATH, ways=((*bare, *steps),), manifests=tuple(manifests))]


def _environment(recipes: Iterable[Recipe]) -> Mapping[str, str]:
    has_venv = any(step.argv[1:3] == ("-m", "venv") for recipe in recipes for way in recipe.ways for step in way)
    return {"VIRTUAL_ENV": "/env/venv"} if has_venv else {}


async def _with_definition(tree: Tree, verifier: Verifier) -> Verifier:
    """Adds the files of the repository that the command runs or is configured by."""
    found = set(verifier.definition) | named_files.in_command(verifier.command, tree.paths)
    if verifier.argv[0] in {"npm", "pnpm", "yarn"}:
        found |= await named_files.in_package_script(tree, verifier.argv[2])
    if re.search(r"(^|[\s;&|])make\b", verifier.command):
        found |= await named_files.in_makefile(tree, verifier.command)
    if match := re.search(r"\b(?:npm|pnpm|yarn)\s+(?:run\s+)?([\w:-]+)", verifier.command):
        found |= await named_files.in_package_script(tree, match[1])
        found |= {"package.json"} & tree.paths
    return replace(verifier, definition=tuple(sorted(found)))


def with_reports(verifier: Verifier) -> Mapping[str, str]:
    """Variables that make runners inside a command that Honk did not write leave a report beside the workspace."""
    if verifier.kind is not Kind.TEST or verifier.reader == "pytest":
        return verifier.environment
    options = f"--junitxml={REPORTS}/pytest.xml -o junit_family=xunit1"
    return {"PYTEST_ADDOPTS": options, **verifier.environment}
