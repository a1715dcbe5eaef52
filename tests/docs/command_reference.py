"""docs/reference/commands.md, made from the commands themselves.

`.venv/bin/python tests/docs/command_reference.py` writes it anew.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from honk.demo import DEMO
from honk.doors.cli import Behind, command_line

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"
_HEAD = """# Commands

Made from the commands themselves (`tests/docs/command_reference.py`); `honk COMMAND --help` says the same.
Exit codes are in [states and exits](states-and-exits.md). Output is for people on a terminal, quiet when
piped, and JSON with `--json`: one document a line. `TASK` is the beginning of a task's id, or `last`.

A command that starts work does it in its own process, unless another process (a server, another command)
works on this `HONK_HOME` already; then it submits the work there and follows it.
"""


def commands() -> dict[str, Any]:
    """Every command of the command line by its name."""
    return dict(_flat(group()))


def group() -> Any:
    """The command line itself."""
    nothing: Any = None  # opened by commands, and none is run here
    behind = Behind(
        open_house=nothing,
        caretaker=nothing,
        keeper=nothing,
        slack=nothing,
        github=nothing,
        elsewhere=nothing,
        workbench=nothing,
    )
    return typer.main.get_command(command_line(lambda: behind, [DEMO]))


def _flat(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name in group.commands:
        _, command, _ = group.resolve_command(None, [name])
        if hasattr(command, "commands"):
            yield from _flat(command, f"{before}{name} ")
        else:
            yield before + name, command


def render() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(name, command) for name, command in commands().items())])


def _section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    words = " ".join(_metavar(one) for one in arguments)
    lines = [f"## honk {name}", "", f"    honk {name} {words}".rstrip() + (" [OPTIONS]" if options else ""), ""]
    lines += [_paragraphs(command.help), ""]
    rows = [f"| `{_metavar(one)}` | {_help(one)} |" for one in arguments if getattr(one, "help", None)]
    rows += [f"| `{', '.join(one.opts)}` | {_help(one)} |" for one in options]
    if rows:
        lines += ["| | |", "|---|---|", *rows, ""]
    if command.epilog:
        lines += [f"Example: `{command.epilog}`", ""]
    return "\n".join(lines)


def _metavar(argument: Any) -> str:
    shown = argument.metavar or argument.name.upper()
    return shown if argument.required else f"[{shown}]"


def _paragraphs(text: str | None) -> str:
    parts = re.split(r"\n\s*\n", (text or "").strip())
    return "\n\n".join(" ".join(part.split()) for part in parts)


def _help(parameter: Any) -> str:
    return " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
