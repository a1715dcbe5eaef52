"""Which files of the repository a verifier's command runs or is configured by, as far as its text names them.

A script's name at the head of a command or behind an interpreter, a configuration file, or anything in a
folder of scripts counts; a source file that is only an argument does not, nor does a test.
"""

import json
import re
from collections.abc import Mapping

from honk.checks import paths
from honk.checks.tree import Tree

MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_INTERPRETER = re.compile(
    r"^(\S*/)?(node|python[\d.]*|sh|bash|dash|zsh|deno|bun|tsx|ts-node|ruby|perl|php|source|\.|exec|env)$"
)
_CONFIGURES = re.compile(r"\.(sh|bash|mk|toml|ini|cfg|json|ya?ml|conf)$|\.config\.\w+$|(^|/)\.\w+rc(\.\w+)?$")
_FOLDER = re.compile(r"^(\.?ci|scripts?|tools?|bin|hack|build-tools)/")
_COMMAND_END = re.compile(r"&&|\|\||[;|&\n]|\$\(|`")


def in_command(line: str, known: frozenset[str]) -> set[str]:
    found = set()
    for command in _COMMAND_END.split(line):
        words = [word.strip("\"'(){}@-").removeprefix("./") for word in command.split()]
        words = [word for word in words if word and not re.match(r"^\w+=", word)]
        before = ""
        for position, word in enumerate(words):
            option = word.rpartition("=")[2].removeprefix("./") if "=" in word else word
            runs = position == 0 or _INTERPRETER.match(before)
            if option in known and (runs or _CONFIGURES.search(option) or _FOLDER.match(option)):
                found.add(option)
            before = word
    return {path for path in found if not paths.is_test_file(path)}


async def in_package_script(tree: Tree, name: str) -> set[str]:
    """Of package.json's script and of those that it calls."""
    try:
        table = json.loads(await tree.text("package.json") or "{}").get("scripts", {})
    except (ValueError, AttributeError, RecursionError):
        return set()
    lines = {key: line for key, line in table.items() if isinstance(line, str)} if isinstance(table, dict) else {}
    found: set[str] = set()
    for reached in _reached(lines, name):
        found |= in_command(lines[reached], tree.paths)
    return found


def _reached(lines: Mapping[str, str], name: str) -> list[str]:
    waiting, reached = [f"pre{name}", name, f"post{name}"], []
    while waiting:
        one = waiting.pop(0)
        if one not in lines or one in reached:
            continue
        reached.append(one)
        words = set(re.findall(r"[\w:.-]+", lines[one]))
        waiting += [form for other in lines if other in words for form in (f"pre{other}", other, f"post{other}")]
    return reached


async def in_makefile(tree: Tree, line: str) -> set[str]:
    """Of the targets that the command names, and of their prerequisites; with the makefile itself."""
    name = next((one for one in MAKEFILES if one in tree), None)
    if name is None:
        return set()
    rules = _rules(await tree.text(name) or "")
    found, reached = {name}, set()
    waiting = [word for word in line.split() if word in rules] or list(rules)[:1]
    while waiting:
        target = waiting.pop()
        if target in reached or target not in rules:
            continue
        reached.add(target)
        prerequisites, recipe = rules[target]
        waiting += prerequisites
        found |= in_command(recipe, tree.paths)
    return found


def _rules(text: str) -> dict[str, tuple[list[str], str]]:
    rules: dict[str, tuple[list[str], str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if line.startswith("\t"):
            for target in current:
                rules[target] = (rules[target][0], rules[target][1] + line + "\n")
        elif match := re.match(r"^([\w./ -]+?)\s*::?(?!=)\s*([^#;]*)", line):
            current = [target for target in match[1].split() if not target.startswith(".")]
            for target in current:
                before = rules.get(target, ([], ""))
                rules[target] = (before[0] + match[2].split(), before[1])
    return rules
